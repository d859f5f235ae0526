"""Raster and vector tiles: the data plane of maps."""
