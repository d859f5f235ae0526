"""How large pixels are on the ground."""

import math
from functools import lru_cache
from typing import Any

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
    return ground_sizes(grid.crs, rows, grid.cell_x, grid.cell_y)


def ground_sizes(
    crs: str, y: NDArray[Any], cell_x: NDArray[Any] | float, cell_y: NDArray[Any] | float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return width and height on the ground of pixels at places, metres, each of shape (n,).

    Args:
        crs: Their CRS.
        y: Northing or latitude of each, units of the CRS, shape (n,).
        cell_x: Width of the pixels, units of the CRS.
        cell_y: Their height.
    """
    width, height = np.broadcast_to(cell_x, y.shape), np.broadcast_to(cell_y, y.shape)
    if crs in _MERCATOR:
        shrink = 1.0 / np.cosh(np.clip(y / _RADIUS_M, -10.0, 10.0))
        return (width * shrink).astype(np.float32), (height * shrink).astype(np.float32)
    unit = _unit(crs)
    if unit is None:
        shrink = np.maximum(np.cos(np.radians(y)), 1e-6)
        return (width * _DEGREE_M * shrink).astype(np.float32), (height * _DEGREE_M).astype(np.float32)
    return (width * unit).astype(np.float32), (height * unit).astype(np.float32)


@lru_cache(maxsize=256)
def _unit(crs: str) -> float | None:
    """Return metres per unit of a CRS, None when its unit is an angle."""
    found = CRS.from_user_input(crs)
    return None if found.is_geographic else float(found.axis_info[0].unit_conversion_factor or 1.0)
