"""Tiles from rasters."""
