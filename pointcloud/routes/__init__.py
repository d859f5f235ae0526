"""What the point cloud engine answers over HTTP."""
