"""What of a layer a tile can show: where it lies on the grid, how fine it is, and how far it reaches."""

import math

import msgspec

from core.layer import Bounds
from tiler.vector.grid import EXTENT, Grid
from tiler.vector.layer import SAME
from tiler.vector.space import BUFFER, query_box

_ALIGNED = 1e-3
"""Cells by which the corner of a tile may miss the grid and count as on it."""


class Place(msgspec.Struct, frozen=True):
    """Where a tile lies on a grid."""

    origin_x: float
    """Cell of the left edge."""
    origin_y: float
    """Cell of the upper edge."""
    unit: float
    """Cells of a unit of the tile."""


class Reach(msgspec.Struct, frozen=True):
    """What a tile can show."""

    box: Bounds
    """Lowest x, lowest y, highest x, highest y, cells: what lies beyond is not in the tile."""
    unit: float
    """Cells of a unit of the tile, about."""


def place_of(grid: Grid, bounds: Bounds) -> Place:
    """Return where a tile in the CRS of a grid lies on it; where it misses a whole cell by next to nothing, there."""
    west, _, east, north = bounds
    x, y = (west - grid.origin_x) / grid.cell, (grid.origin_y - north) / grid.cell
    unit = (east - west) / EXTENT / grid.cell
    near_x, near_y, near_unit = float(round(x)), float(round(y)), 2.0 ** round(math.log2(unit))
    aligned = abs(x - near_x) < _ALIGNED and abs(y - near_y) < _ALIGNED and abs(unit / near_unit - 1.0) < SAME
    return Place(near_x, near_y, near_unit) if aligned else Place(x, y, unit)


def own_reach(place: Place) -> Reach:
    """Return what a tile in the CRS of a grid can show."""
    margin = (BUFFER + 1) * place.unit
    side = EXTENT * place.unit + 2.0 * margin
    west, top = place.origin_x - margin, place.origin_y - margin
    return Reach((west, top, west + side, top + side), place.unit)


def foreign_reach(grid: Grid, box: Bounds) -> Reach:
    """Return what a tile of another CRS can show.

    Args:
        grid: The grid of the layer.
        box: What `query_box` found in the CRS of the grid.
    """
    west, south, east, north = box
    left, right = (west - grid.origin_x) / grid.cell, (east - grid.origin_x) / grid.cell
    top, bottom = (grid.origin_y - north) / grid.cell, (grid.origin_y - south) / grid.cell
    return Reach((left, top, right, bottom), max(right - left, bottom - top) / (EXTENT + 4 * BUFFER))


def reach_of(grid: Grid, bounds: Bounds, crs: str) -> Reach | None:
    """Return what a tile can show, None where a layer on this grid cannot have anything.

    Args:
        grid: The grid of the layer.
        bounds: West, south, east, north of the tile, in `crs`.
        crs: CRS of the tile.
    """
    if crs == grid.crs:
        return own_reach(place_of(grid, bounds))
    box = query_box(bounds, crs, grid.crs)
    return None if box is None else foreign_reach(grid, box)
