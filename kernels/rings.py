"""Rings on whole coordinates: their areas, and whether they cross or touch."""

import numpy as np
from numba import njit, types

from kernels.signature import LIST, NUMBERS

_FEW = 48
"""Edges up to which each is compared with each; beyond, they are sorted first."""


@njit(types.float64(NUMBERS, NUMBERS, types.int64, types.int64), cache=True, nogil=True)
def doubled_area(x, y, start, stop):
    """Return twice the area of a ring by the surveyor's formula, positive where it turns from x to y.

    Exact where the ring is less than 2^26 wide and high, and so is its area.

    Args:
        x: Coordinates, shape (n,).
        y: The same.
        start: First vertex of the ring.
        stop: Beyond its last vertex, which is not its first again.
    """
    total = 0.0
    if stop - start < 3:
        return total
    base_x, base_y = x[start], y[start]
    for i in range(start + 1, stop - 1):
        total += float(x[i] - base_x) * float(y[i + 1] - base_y) - float(x[i + 1] - base_x) * float(y[i] - base_y)
    return total


@njit(inline="always")
def side_of(ax, ay, bx, by, cx, cy):
    """Return on which side of a line through two points a third lies: -1, 0 or 1."""
    cross = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    return 1 if cross > 0 else -1 if cross < 0 else 0


@njit(inline="always")
def edges_meet(x, y, after, i, j):
    """Tell whether two edges, whose boxes meet, share a point that is not just the vertex between them."""
    a, b, c, d = i, after[i], j, after[j]
    if b == c or d == a:  # neighbours: only a fold back onto itself matters
        if b != c:
            a, b, d = c, d, b
        if side_of(x[a], y[a], x[b], y[b], x[d], y[d]) != 0:
            return False
        return (x[b] - x[a]) * (x[d] - x[b]) + (y[b] - y[a]) * (y[d] - y[b]) < 0
    first = side_of(x[a], y[a], x[b], y[b], x[c], y[c])
    second = side_of(x[a], y[a], x[b], y[b], x[d], y[d])
    if first * second > 0:
        return False
    third = side_of(x[c], y[c], x[d], y[d], x[a], y[a])
    fourth = side_of(x[c], y[c], x[d], y[d], x[b], y[b])
    return third * fourth <= 0


@njit(types.boolean(NUMBERS, NUMBERS, NUMBERS, types.int64, LIST), cache=True, nogil=True)
def is_simple(x, y, starts, rings, after):
    """Tell whether no two edges of some rings meet, except neighbours in the vertex between them.

    What touches in a point counts as meeting, though it may be valid: who asks
    looks closer then.

    Args:
        x: Coordinates, within 2^30 of one another, no two in a row equal, shape (n,).
        y: The same.
        starts: First vertex of each ring, and the end of the last, shape (rings + 1 or more,).
        rings: How many there are.
        after: Room for the number of the vertex after each, shape (n,). Modified.
    """
    first, last = starts[0], starts[rings]
    for ring in range(rings):
        for i in range(starts[ring], starts[ring + 1] - 1):
            after[i] = i + 1
        after[starts[ring + 1] - 1] = starts[ring]
    if last - first <= _FEW:
        for i in range(first, last):
            low_x, high_x = min(x[i], x[after[i]]), max(x[i], x[after[i]])
            low_y, high_y = min(y[i], y[after[i]]), max(y[i], y[after[i]])
            for j in range(i + 1, last):
                if (
                    min(x[j], x[after[j]]) <= high_x
                    and max(x[j], x[after[j]]) >= low_x
                    and min(y[j], y[after[j]]) <= high_y
                    and max(y[j], y[after[j]]) >= low_y
                    and edges_meet(x, y, after, i, j)
                ):
                    return False
        return True
    count = last - first
    lows, highs = np.empty(count, np.int64), np.empty(count, np.int64)
    for i in range(first, last):
        lows[i - first], highs[i - first] = min(x[i], x[after[i]]), max(x[i], x[after[i]])
    order = np.argsort(lows)
    for k in range(count):
        i = order[k] + first
        high_x = highs[order[k]]
        low_y, high_y = min(y[i], y[after[i]]), max(y[i], y[after[i]])
        for m in range(k + 1, count):
            if lows[order[m]] > high_x:
                break
            j = order[m] + first
            if min(y[j], y[after[j]]) <= high_y and max(y[j], y[after[j]]) >= low_y and edges_meet(x, y, after, i, j):
                return False
    return True
