"""Vector layers: from a GeoParquet file to vector tiles."""
