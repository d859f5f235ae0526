"""Compiled array loops, numpy and numba only."""
