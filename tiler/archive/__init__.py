"""Archives of finished tiles: PMTiles 3 and MBTiles, read, served and written."""
