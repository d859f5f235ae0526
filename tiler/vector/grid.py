"""The grids on which geometries are stored: whole cells of a few millimetres, aligned on the tiles of a CRS."""

from functools import lru_cache
from itertools import pairwise

import msgspec
from pyproj import CRS

from tiler.matrix import tile_matrix_sets

EXTENT = 4096
"""Width and height of a tile in its own units; x to the right, y down (Vector Tile Specification 2.1, clause 4.3)."""

MERCATOR = "EPSG:3857"
LAMBERT_93 = "EPSG:2154"

MERCATOR_EDGE_M = 20037508.342789244
"""Where longitudes come round, metres from the middle."""

_FINEST_M, _COARSEST_M = 0.001, 0.01
"""A cell that serves millimetres, within 32 bits a side."""


class Grid(msgspec.Struct, frozen=True):
    """Cells of a CRS: column 0 and row 0 begin at the origin, rows go down."""

    crs: str
    origin_x: float
    origin_y: float
    cell: float
    """Size, units of the CRS."""
    levels: int
    """Tile units of 1, 2, 4 ... 2^(levels - 1) cells are those of the tiles of a set."""


@lru_cache(maxsize=256)
def grid_of(crs: str) -> Grid:
    """Return the grid of a CRS.

    Web Mercator has 2^32 cells a side, one a unit of the tiles of level 20. A CRS with a
    set whose scales double has a unit of its finest tiles, halved until it is below a
    centimetre. Any other has cells of 2^-7 metres, or of 2^-32 of the circle in degrees.
    """
    if crs == MERCATOR:
        return Grid(crs, 0.0, 0.0, 2 * MERCATOR_EDGE_M / 2.0**32, 21)
    for tms in tile_matrix_sets().values():
        coarse_first = [matrix.cell_size for matrix in tms.matrices]
        doubles = all(abs(a / b - 2.0) < 1e-9 for a, b in pairwise(coarse_first))
        origins = {(matrix.origin_x, matrix.origin_y) for matrix in tms.matrices}
        projected = tms.axes[0] != "Lon"
        if tms.crs == crs and doubles and projected and len(origins) == 1 and len(coarse_first) > 1:
            cell, levels = coarse_first[-1] * tms.matrices[-1].tile_size / EXTENT, len(coarse_first)
            while cell > _COARSEST_M:
                cell, levels = cell / 2.0, levels + 1
            if cell >= _FINEST_M:
                return Grid(crs, *origins.pop(), cell, levels)
    if is_geographic(crs):
        return Grid(crs, 0.0, 0.0, 360.0 / 2.0**32, 21)
    return Grid(crs, 0.0, 0.0, 2.0**-7, 24)


@lru_cache(maxsize=256)
def is_geographic(crs: str) -> bool:
    """Tell whether coordinates of a CRS are degrees."""
    return bool(CRS.from_user_input(crs).is_geographic)


@lru_cache(maxsize=256)
def has_own_set(crs: str) -> bool:
    """Tell whether a projected CRS is that of a tile matrix set."""
    return any(tms.crs == crs and tms.axes[0] != "Lon" for tms in tile_matrix_sets().values())
