"""LiDAR points: the data plane of 3D viewers."""
