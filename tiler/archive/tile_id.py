"""Tile ids of PMTiles 3: all levels one after the other, the tiles of each along a Hilbert curve (section 4.1)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kernels.hilbert import hilbert_place
from tiler.matrix import TileLimits

LAST_ZOOM = 31
"""Last level whose ids fit 64 bits."""

Ids = NDArray[np.int64]


def first_id(zoom: int) -> int:
    """Return the id of the first tile of a level, which is the number of tiles of all levels above."""
    return ((1 << 2 * zoom) - 1) // 3


_FIRST = tuple(first_id(zoom) for zoom in range(LAST_ZOOM + 1))


def zoom_of(identifier: int) -> int:
    """Return the level of a tile."""
    return ((3 * identifier + 1).bit_length() - 1) // 2


def tile_id(zoom: int, col: int, row: int) -> int:
    """Return the id of a tile that exists."""
    place: int = hilbert_place(zoom, col, row)
    return _FIRST[zoom] + place


def tile_place(identifier: int) -> tuple[int, int, int]:
    """Return level, column and row of a tile."""
    zoom = zoom_of(identifier)
    return zoom, *_place(zoom, identifier - first_id(zoom))


def tile_ids(zoom: int, cols: Ids, rows: Ids) -> Ids:
    """Return the ids of tiles of one level.

    Args:
        zoom: The level.
        cols: Columns, shape (n,).
        rows: Rows from the north, shape (n,).
    """
    cols, rows, places = cols.copy(), rows.copy(), np.full(len(cols), first_id(zoom), np.int64)
    half = (1 << zoom) >> 1
    while half:
        east, south = (cols & half) > 0, (rows & half) > 0
        places += half * half * ((3 * east) ^ south)
        turned = east & ~south
        cols[turned], rows[turned] = ~cols[turned], ~rows[turned]
        cols, rows = np.where(south, cols, rows), np.where(south, rows, cols)
        half >>= 1
    return places


def tile_places(zoom: int, identifiers: Ids) -> tuple[Ids, Ids]:
    """Return columns and rows of tiles of one level, each of shape (n,)."""
    left = identifiers - first_id(zoom)
    cols, rows = np.zeros_like(left), np.zeros_like(left)
    side = 1
    for _ in range(zoom):
        east = (left >> 1) & 1
        south = (left ^ east) & 1
        turned = (south == 0) & (east == 1)
        cols, rows = np.where(turned, side - 1 - cols, cols), np.where(turned, side - 1 - rows, rows)
        cols, rows = np.where(south == 0, rows, cols), np.where(south == 0, cols, rows)
        cols, rows = cols + side * east, rows + side * south
        left >>= 2
        side <<= 1
    return cols, rows


def tiles_within(zoom: int, limits: TileLimits, after: int = -1) -> Iterator[tuple[int, int, int]]:
    """Yield id, column and row of the tiles of a level, in the order of their ids.

    The curve of a level goes through the quarters of a tile one after the other, so whole
    quarters are left out at once.

    Args:
        zoom: The level.
        limits: Tiles wanted.
        after: Tiles up to this id are left out.
    """
    begin = first_id(zoom)
    stack = [(0, 0)]
    while stack:
        level, place = stack.pop()
        below = zoom - level
        if begin + ((place + 1) << 2 * below) - 1 <= after:
            continue
        col, row = _place(level, place)
        if not (limits.min_col >> below <= col <= limits.max_col >> below):
            continue
        if not (limits.min_row >> below <= row <= limits.max_row >> below):
            continue
        if below == 0:
            yield begin + place, col, row
        else:
            stack.extend((level + 1, 4 * place + quarter) for quarter in (3, 2, 1, 0))


def _place(zoom: int, place: int) -> tuple[int, int]:
    """Return column and row of a place along the curve of a level."""
    col = row = 0
    for step in range(zoom):
        side = 1 << step
        east = (place >> 1) & 1
        south = (place ^ east) & 1
        if not south:
            if east:
                col, row = side - 1 - col, side - 1 - row
            col, row = row, col
        col, row = col + side * east, row + side * south
        place >>= 2
    return col, row
