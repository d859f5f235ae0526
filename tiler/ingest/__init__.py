"""Producers' rasters and vectors become what the tile engine serves."""
