"""What the tile engine answers over HTTP."""
