"""Stored shapes on the whole units of a tile: repeats, spikes and rings without an inside left out."""

import math

import numpy as np
from numba import njit, types

from kernels.convex import is_convex
from kernels.rings import doubled_area
from kernels.signature import LIST, OFFSETS, VERTICES


@njit(
    types.int64(
        VERTICES, types.int64, types.int64, types.float64, types.float64, types.float64, LIST, LIST, types.int64
    ),
    cache=True,
    nogil=True,
)
def snap(vertices, start, stop, origin_x, origin_y, scale, x, y, size):
    """Append vertices on whole units, those that repeat the last left out; return the new size."""
    first = size
    for i in range(start, stop):
        at_x = np.int64(math.floor((vertices[i, 0] - origin_x) * scale + 0.5))
        at_y = np.int64(math.floor((vertices[i, 1] - origin_y) * scale + 0.5))
        if size > first and x[size - 1] == at_x and y[size - 1] == at_y:
            continue
        x[size], y[size] = at_x, at_y
        size += 1
    return size


@njit(inline="always")
def _folds(x, y, a, b, c):
    """Tell whether a way through three vertices comes back onto itself."""
    ux, uy, vx, vy = x[b] - x[a], y[b] - y[a], x[c] - x[b], y[c] - y[b]
    return ux * vy == uy * vx and ux * vx + uy * vy < 0


@njit(types.int64(LIST, LIST, types.int64, types.int64), cache=True, nogil=True)
def _without_spikes(x, y, start, size):
    """Leave out of a ring what rounding has made a line out and back; return the new size."""
    end = start
    for i in range(start, size):
        x[end], y[end] = x[i], y[i]
        end += 1
        while end - start > 2 and _folds(x, y, end - 3, end - 2, end - 1):
            x[end - 2], y[end - 2] = x[end - 1], y[end - 1]
            end -= 1
            if x[end - 1] == x[end - 2] and y[end - 1] == y[end - 2]:
                end -= 1
    while end - start > 2:
        if (x[end - 1] == x[start] and y[end - 1] == y[start]) or _folds(x, y, end - 2, end - 1, start):
            end -= 1
        elif _folds(x, y, end - 1, start, start + 1):
            for i in range(start, end - 1):
                x[i], y[i] = x[i + 1], y[i + 1]
            end -= 1
        else:
            break
    return end


@njit(
    types.int64(
        VERTICES,
        OFFSETS,
        types.int64,
        types.int64,
        types.float64,
        types.float64,
        types.float64,
        LIST,
        LIST,
        LIST,
        LIST,
    ),
    cache=True,
    nogil=True,
)
def snap_rings(vertices, ends, first_part, last_part, origin_x, origin_y, scale, x, y, starts, outer):
    """Put the rings of a feature on whole units; those without an inside, and the holes of such, are left out.

    Returns how many there are, or -1 when one turns the other way than it did.
    """
    rings, size = 0, np.int64(0)
    starts[0] = 0
    lost = False
    for part in range(first_part, last_part):
        begin, end = np.int64(ends[part]), np.int64(ends[part + 1])
        is_outer = True
        if part > first_part:
            area = 0.0
            base_x, base_y = float(vertices[begin, 0]), float(vertices[begin, 1])
            for i in range(begin + 1, end - 1):
                area += (vertices[i, 0] - base_x) * (vertices[i + 1, 1] - base_y)
                area -= (vertices[i + 1, 0] - base_x) * (vertices[i, 1] - base_y)
            is_outer = area > 0
        if not is_outer and lost:
            continue
        start = size
        size = snap(vertices, begin, end, origin_x, origin_y, scale, x, y, size)
        while size - start > 1 and x[size - 1] == x[start] and y[size - 1] == y[start]:
            size -= 1
        size = _without_spikes(x, y, start, size)
        turned = doubled_area(x, y, start, size)
        if turned == 0:
            lost = lost or is_outer
            size = start
            continue
        if is_outer:
            lost = False
        if (turned > 0) != is_outer:
            return -1
        outer[rings] = 1 if is_outer else 0
        rings += 1
        starts[rings] = size
    return rings


@njit(
    types.int64(VERTICES, types.int64, types.int64, types.float64, types.float64, types.float64, LIST, LIST),
    cache=True,
    nogil=True,
)
def snap_convex(vertices, start, stop, origin_x, origin_y, scale, x, y):
    """Put a ring on whole units; return its size, or 0 when it is not convex there."""
    size = snap(vertices, start, stop, origin_x, origin_y, scale, x, y, np.int64(0))
    while size > 1 and x[size - 1] == x[0] and y[size - 1] == y[0]:
        size -= 1
    return size if is_convex(x, y, np.int64(0), size) else np.int64(0)
