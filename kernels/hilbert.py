"""Places along a Hilbert curve: points near on the ground come out near in the order."""

import numpy as np
from numba import njit, types, void

COLUMN = types.Array(types.float64, 1, "C", readonly=True)


@njit(types.int64(types.int64, types.int64, types.int64), cache=True, nogil=True)
def hilbert_place(order, col, row):
    """Return the place of a cell along the Hilbert curve of a grid of 2^`order` cells a side, from 0.

    The curve begins in cell (0, 0) and ends in the last column of row 0; whether its first
    step is along the columns or the rows follows from `order`.

    Args:
        order: Levels of the curve, from 0 to 31.
        col: Column, from 0 to 2^`order` - 1.
        row: Row, within the same limits.
    """
    place = np.int64(0)
    half = (np.int64(1) << order) >> 1
    while half > 0:
        east = np.int64((col & half) > 0)
        north = np.int64((row & half) > 0)
        place += half * half * ((3 * east) ^ north)
        if north == 0:
            if east == 1:
                col = ~col  # only the lower bits are looked at from here on
                row = ~row
            col, row = row, col
        half >>= 1
    return place


@njit(
    void(COLUMN, COLUMN, types.float64, types.float64, types.float64, types.int64, types.int64[::1]),
    cache=True,
    nogil=True,
)
def hilbert_keys(x, y, west, south, cell, order, keys):
    """Write the place of every point along the Hilbert curve of a square grid.

    The grid has 2^`order` cells a side. The curve begins in its south-west corner
    and ends in its south-east corner; whether its first step goes east or north
    follows from `order`. Points outside the grid count as in its nearest cell.

    Args:
        x: Coordinates to the east, finite, shape (n,).
        y: Coordinates to the north, finite, shape (n,).
        west: Lowest x of the grid.
        south: Lowest y of the grid.
        cell: Width and height of a cell, units of the coordinates, > 0.
        order: Levels of the curve, from 1 to 31.
        keys: Shape (n,). Modified.
    """
    side = np.int64(1) << order
    last = side - 1
    for i in range(x.shape[0]):
        col = np.int64(min(max((x[i] - west) / cell, 0.0), float(last)))
        row = np.int64(min(max((y[i] - south) / cell, 0.0), float(last)))
        keys[i] = hilbert_place(order, col, row)
