"""From stored features to the drawing commands of a vector tile (Vector Tile Specification 2.1, clause 4.3)."""

import math

import numpy as np
from numba import njit, types

from kernels.clip import UNSURE, clip_line, clip_polygon
from kernels.rings import doubled_area, is_simple
from kernels.shapes import LINE, POINT
from kernels.signature import BYTES, KINDS, LIST, NUMBERS, OFFSETS, VERTICES
from kernels.varint import put

NOTHING, DRAWN, ODD = 0, 1, 2
"""What becomes of a feature: not in the tile, drawn, or left to who looks closer (its polygons are not valid here)."""

FULL = -1
"""Answer of `draw` when there is no room for the commands."""

_MOVE_TO, _LINE_TO, _CLOSE = 1, 2, 15
_VARINT = 5
"""Bytes of a coordinate or a command at most."""


@njit(inline="always")
def _put_step(data, at, step):
    """Write a difference of coordinates, the sign in the lowest bit (clause 4.3.2)."""
    return put(data, at, (step << 1) ^ (step >> 63))


@njit(types.UniTuple(types.int64, 3)(NUMBERS, OFFSETS, OFFSETS), cache=True, nogil=True)
def measure(found, parts, ends):
    """Return how many vertices some features have, how many the largest has, and how many parts that with most has.

    Args:
        found: Numbers of the features, shape (k,).
        parts: First part of each feature and the end of the last, shape (n + 1,).
        ends: First vertex of each part and the end of the last, shape (m + 1,).
    """
    total, largest, most = np.int64(0), np.int64(0), np.int64(0)
    for k in range(found.size):
        first, last = np.int64(parts[found[k]]), np.int64(parts[found[k] + 1])
        count = np.int64(ends[last]) - np.int64(ends[first])
        total += count
        largest = max(largest, count)
        most = max(most, last - first)
    return total, largest, most


@njit(
    types.int64(
        VERTICES, types.int64, types.int64, types.float64, types.float64, types.float64, LIST, LIST, types.int64
    ),
    cache=True,
    nogil=True,
)
def _snap(vertices, start, stop, origin_x, origin_y, scale, x, y, size):
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
def _snap_rings(vertices, ends, first_part, last_part, origin_x, origin_y, scale, x, y, starts, outer):
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
        size = _snap(vertices, begin, end, origin_x, origin_y, scale, x, y, size)
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


@njit(types.int64(NUMBERS, NUMBERS, types.int64, types.int64, types.int64, BYTES, types.int64), cache=True, nogil=True)
def _draw_points(x, y, size, low, high, data, at):
    """Write the points of a feature that lie in the square; return the place behind them."""
    count = 0
    for i in range(size):
        if x[i] >= low and x[i] <= high and y[i] >= low and y[i] <= high:
            count += 1
    if count == 0:
        return at
    at = put(data, at, (count << 3) | _MOVE_TO)
    last_x, last_y = np.int64(0), np.int64(0)
    for i in range(size):
        if x[i] >= low and x[i] <= high and y[i] >= low and y[i] <= high:
            at = _put_step(data, at, x[i] - last_x)
            at = _put_step(data, at, y[i] - last_y)
            last_x, last_y = x[i], y[i]
    return at


@njit(types.int64(NUMBERS, NUMBERS, NUMBERS, types.int64, types.boolean, BYTES, types.int64), cache=True, nogil=True)
def _draw_paths(x, y, starts, parts, closed, data, at):
    """Write lines, or rings; return the place behind them."""
    last_x, last_y = np.int64(0), np.int64(0)
    for part in range(parts):
        start, stop = starts[part], starts[part + 1]
        data[at] = np.uint8((1 << 3) | _MOVE_TO)
        at = _put_step(data, at + 1, x[start] - last_x)
        at = _put_step(data, at, y[start] - last_y)
        at = put(data, at, ((stop - start - 1) << 3) | _LINE_TO)
        for i in range(start + 1, stop):
            at = _put_step(data, at, x[i] - x[i - 1])
            at = _put_step(data, at, y[i] - y[i - 1])
        last_x, last_y = x[stop - 1], y[stop - 1]
        if closed:
            data[at] = np.uint8(_CLOSE)
            at += 1
    return at


@njit(inline="always")
def _is_wholly_in(boxes, feature, origin_x, origin_y, scale, low, high):
    return (
        (boxes[feature, 0] - origin_x) * scale >= low
        and (boxes[feature, 1] - origin_y) * scale >= low
        and (boxes[feature, 2] - origin_x) * scale <= high
        and (boxes[feature, 3] - origin_y) * scale <= high
    )


@njit(
    types.int64(
        NUMBERS,
        KINDS,
        OFFSETS,
        OFFSETS,
        VERTICES,
        VERTICES,
        types.float64,
        types.float64,
        types.float64,
        types.int64,
        types.int64,
        types.boolean,
        LIST,
        BYTES,
        BYTES,
        types.int64,
        types.int64,
    ),
    cache=True,
    nogil=True,
)
def draw(
    found, kinds, parts, ends, vertices, boxes, origin_x, origin_y, scale, low, high, sound, stops, states, data,
    largest, most,
):  # fmt: skip
    """Write the drawing commands of features, one after the other; return their bytes, or `FULL`.

    Coordinates are rounded to whole units of the tile, halves up. What has become too
    small to have a length or an area stands as the smallest segment or square there is.

    Args:
        found: Numbers of the features, shape (k,).
        kinds: `POINT`, `LINE` or `POLYGON` of each, shape (n,).
        parts: First part of each feature and the end of the last, shape (n + 1,).
        ends: First vertex of each part and the end of the last, shape (m + 1,). A part is a point or several, a
            line, or a ring whose first vertex is not repeated: outer ones clockwise as seen on a screen, their
            holes after them the other way.
        vertices: x, and y downwards, cells of the layer's grid, shape (v, 2).
        boxes: Lowest x, lowest y, highest x, highest y of each feature, cells, shape (n, 4).
        origin_x: Cell of the tile's left edge.
        origin_y: Cell of its upper edge.
        scale: Units of the tile a cell.
        low: Lowest coordinate that is drawn, units.
        high: Highest.
        sound: The rings are known to be valid when rounded, where they are not cut.
        stops: Where the commands of each end, shape (k,). Modified.
        states: `NOTHING`, `DRAWN` or `ODD`, shape (k,). Modified.
        data: Receives the commands. Modified.
        largest: Vertices that a feature has at most.
        most: Parts that one has at most.
    """
    room = 8 * largest + 16
    x, y = np.empty(largest + 4, np.int64), np.empty(largest + 4, np.int64)
    starts, outer = np.empty(most + 2, np.int64), np.empty(most + 1, np.int64)
    after = np.empty(room, np.int64)
    cut_x, cut_y = np.empty(room, np.int64), np.empty(room, np.int64)
    cut_starts = np.empty(largest + most + 4, np.int64)
    chain_x, chain_y = np.empty(3 * largest + 3, np.int64), np.empty(3 * largest + 3, np.int64)
    chain_starts = np.empty(largest + 3, np.int64)
    enters, leaves = np.empty(largest + 2, np.float64), np.empty(largest + 2, np.float64)
    at = np.int64(0)
    for k in range(found.size):
        feature = found[k]
        first, last = np.int64(parts[feature]), np.int64(parts[feature + 1])
        inside = _is_wholly_in(boxes, feature, origin_x, origin_y, scale, low, high)
        states[k], before = np.uint8(NOTHING), at
        stops[k] = at
        kind = kinds[feature]
        if kind == POINT:
            begin, end = np.int64(ends[first]), np.int64(ends[last])
            if at + (end - begin + 1) * 2 * _VARINT > data.size:
                return FULL
            size = _snap(vertices, begin, end, origin_x, origin_y, scale, x, y, np.int64(0))
            at = _draw_points(x, y, size, low, high, data, at)
        elif kind == LINE:
            cut = 0
            cut_starts[0] = 0
            for part in range(first, last):
                size = _snap(
                    vertices, np.int64(ends[part]), np.int64(ends[part + 1]), origin_x, origin_y, scale, x, y,
                    np.int64(0),
                )  # fmt: skip
                if inside and size > 1:
                    start = cut_starts[cut]
                    for i in range(size):
                        cut_x[start + i], cut_y[start + i] = x[i], y[i]
                    cut += 1
                    cut_starts[cut] = start + size
                elif not inside:
                    cut = clip_line(x, y, np.int64(0), size, low, high, cut_x, cut_y, cut_starts, cut)
            if cut == 0 and (inside or (size == 1 and low <= x[0] <= high and low <= y[0] <= high)):
                cut_x[0], cut_y[0], cut_x[1], cut_y[1] = x[0], y[0], x[0] + 1, y[0]
                cut, cut_starts[1] = 1, 2
            if at + cut_starts[cut] * 2 * _VARINT + cut * 2 * _VARINT > data.size:
                return FULL
            at = _draw_paths(cut_x, cut_y, cut_starts, cut, False, data, at)
        else:
            rings = _snap_rings(vertices, ends, first, last, origin_x, origin_y, scale, x, y, starts, outer)
            if rings < 0:
                states[k] = np.uint8(ODD)
                continue
            if rings == 0:
                left = np.int64(math.floor((boxes[feature, 0] - origin_x) * scale))
                upper = np.int64(math.floor((boxes[feature, 1] - origin_y) * scale))
                if left < low - 1 or left > high or upper < low - 1 or upper > high:
                    continue
                x[0], y[0], x[1], y[1] = left, upper, left + 1, upper
                x[2], y[2], x[3], y[3] = left + 1, upper + 1, left, upper + 1
                rings, starts[0], starts[1] = 1, 0, 4
                if at + 10 * _VARINT + 8 > data.size:
                    return FULL
                at = _draw_paths(x, y, starts, rings, True, data, at)
            elif inside:
                if not sound and not is_simple(x, y, starts, rings, after):
                    states[k] = np.uint8(ODD)
                    continue
                if at + (starts[rings] + rings) * 2 * _VARINT + rings * 2 > data.size:
                    return FULL
                at = _draw_paths(x, y, starts, rings, True, data, at)
            else:
                cut, ring = 0, 0
                cut_starts[0] = 0
                while ring < rings and cut >= 0:
                    beyond = ring + 1
                    while beyond < rings and outer[beyond] == 0:
                        beyond += 1
                    cut = clip_polygon(
                        x, y, starts, ring, beyond, low, high, cut_x, cut_y, cut_starts, cut, chain_x, chain_y,
                        chain_starts, enters, leaves,
                    )  # fmt: skip
                    ring = beyond
                if cut == UNSURE or (cut > 0 and not is_simple(cut_x, cut_y, cut_starts, cut, after)):
                    states[k] = np.uint8(ODD)
                    continue
                if cut > 0:
                    if at + (cut_starts[cut] + cut) * 2 * _VARINT + cut * 2 > data.size:
                        return FULL
                    at = _draw_paths(cut_x, cut_y, cut_starts, cut, True, data, at)
        if at > before:
            states[k] = np.uint8(DRAWN)
        stops[k] = at
    return at
