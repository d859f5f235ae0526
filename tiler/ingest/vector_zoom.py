"""The levels at which a vector layer is worth asking."""

import math

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

FEATURES_PER_TILE = 20_000
"""Features that the fullest tile of the first level holds at most."""

FIRST_ZOOM_LIMIT = 14
"""Highest first level, however dense the layer is."""

SMALL_ZOOM_LIMIT = 8
"""Highest first level of a layer that is merely small."""

LAST_ZOOMS = (16, 18)
"""Lowest and highest last level: a tile unit is 15 cm on the equator at 16, 4 cm at 18."""

_WORLD_M = 2 * math.pi * 6378137.0
_SEEN_PIXELS = 16
"""Width the whole layer has at the first level, pixels of 256 a tile."""

_DRAWN_PIXELS = 64
"""Width a typical feature has at the last level, pixels of 256 a tile."""


def suggest_zooms(bounds: NDArray[np.float64], crs: CRS) -> tuple[int, int]:
    """Return the first and the last WebMercatorQuad level worth asking.

    The first is the lowest at which no tile has more than `FEATURES_PER_TILE`
    feature centres and the layer is 16 pixels wide (or `SMALL_ZOOM_LIMIT`), the last
    the one at which the median feature is 64 pixels wide, within `LAST_ZOOMS`.

    Args:
        bounds: West, south, east, north of each feature in `crs`, shape (n, 4), n > 0.
        crs: CRS of the layer, x then y.
    """
    way = Transformer.from_crs(crs, "EPSG:3857", always_xy=True)
    west, south = way.transform(bounds[:, 0], bounds[:, 1])
    east, north = way.transform(bounds[:, 2], bounds[:, 3])
    x, y = (west + east) / 2, (south + north) / 2
    placed = np.isfinite(x) & np.isfinite(y)
    if not placed.any():
        return 0, LAST_ZOOMS[0]
    size = float(np.median(np.maximum(np.abs(east - west), np.abs(north - south))[placed]))
    width = float(max(np.ptp(x[placed]), np.ptp(y[placed]), size))
    seen = min(max(_level(width, _SEEN_PIXELS), 0), SMALL_ZOOM_LIMIT) if width > 0 else 0
    last = min(max(_level(size, _DRAWN_PIXELS), LAST_ZOOMS[0]), LAST_ZOOMS[1]) if size > 0 else LAST_ZOOMS[1]
    return max(_first(x[placed], y[placed]), seen), last


def _first(x: NDArray[np.float64], y: NDArray[np.float64]) -> int:
    side = 1 << FIRST_ZOOM_LIMIT
    col = np.clip((x / _WORLD_M + 0.5) * side, 0, side - 1).astype(np.int64)
    row = np.clip((0.5 - y / _WORLD_M) * side, 0, side - 1).astype(np.int64)
    for zoom in range(FIRST_ZOOM_LIMIT):
        shift = FIRST_ZOOM_LIMIT - zoom
        _, counts = np.unique((row >> shift) * side + (col >> shift), return_counts=True)
        if counts.max() <= FEATURES_PER_TILE:
            return zoom
    return FIRST_ZOOM_LIMIT


def _level(width_m: float, pixels: int) -> int:
    """Return the first level at which a width in Web Mercator metres is drawn over so many pixels."""
    return math.ceil(math.log2(_WORLD_M / 256 * pixels / width_m))
