"""How large pixels are on the ground."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from tiler.raster.grid import PixelGrid

_RADIUS_M = 6_378_137.0
"""Semi-major axis of WGS 84, which Web Mercator takes for the radius of a sphere (EPSG method 1024)."""

_DEGREE_M = math.pi * _RADIUS_M / 180.0
_MERCATOR = frozenset({"EPSG:3857", "EPSG:900913"})


@lru_cache(maxsize=512)
def ground_cells(grid: PixelGrid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return width and height of the pixels of each row on the ground, metres, each of shape (rows,).

    Web Mercator stretches by one over the cosine of the latitude; degrees of longitude shrink by it;
    other projections are taken to be true to scale, which those of the tile matrix sets are to 1 in 1000.
    """
    rows = grid.north - (np.arange(grid.rows) + 0.5) * grid.cell_y
    if grid.crs in _MERCATOR:
        shrink = 1.0 / np.cosh(np.clip(rows / _RADIUS_M, -10.0, 10.0))
        return (grid.cell_x * shrink).astype(np.float32), (grid.cell_y * shrink).astype(np.float32)
    unit = _unit(grid.crs)
    if unit is None:
        shrink = np.maximum(np.cos(np.radians(rows)), 1e-6)
        return (
            (grid.cell_x * _DEGREE_M * shrink).astype(np.float32),
            np.full(grid.rows, grid.cell_y * _DEGREE_M, np.float32),
        )
    return np.full(grid.rows, grid.cell_x * unit, np.float32), np.full(grid.rows, grid.cell_y * unit, np.float32)


@lru_cache(maxsize=256)
def _unit(crs: str) -> float | None:
    """Return metres per unit of a CRS, None when its unit is an angle."""
    found = CRS.from_user_input(crs)
    return None if found.is_geographic else float(found.axis_info[0].unit_conversion_factor or 1.0)
