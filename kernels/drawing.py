"""From stored features to the drawing commands of a vector tile (Vector Tile Specification 2.1, clause 4.3)."""

import math

import numpy as np
from numba import njit, types

from kernels.clip import LOOSE, UNSURE, clip_line, clip_polygon
from kernels.commands import FEW, write_convex, write_paths, write_points
from kernels.convex import clip_convex, is_convex
from kernels.mending import mend_rings
from kernels.rings import is_simple
from kernels.shapes import LINE, POINT
from kernels.signature import BYTES, COUNTS, KINDS, LIST, NUMBERS, OFFSETS, VERTICES
from kernels.snapping import snap, snap_convex, snap_rings

NOTHING, DRAWN, ODD = 0, 1, 2
"""What becomes of a feature: not in the tile, drawn, or left to who looks closer (its polygons are not valid here)."""

FULL = -1
"""Answer of `draw` when there is no room for the commands."""

_VARINT = 5
"""Bytes of a coordinate or a command at most."""

_SMALL = 2.0**30
"""Units beyond which products of two differences do not fit in 64 bits."""


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
        VERTICES, OFFSETS, types.int64, types.int64, types.float64, types.float64, types.float64, LIST, LIST, LIST,
        BYTES, types.int64,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def _draw_sound(vertices, ends, first, last, origin_x, origin_y, scale, x, y, starts, data, at):
    """Write rings that are valid when rounded; return the place behind them, or `at` if one has no inside."""
    size = np.int64(0)
    for part in range(first, last):
        size = snap(vertices, np.int64(ends[part]), np.int64(ends[part + 1]), origin_x, origin_y, scale, x, y, size)
        if size - starts[part - first] < 3:
            return at
        starts[part - first + 1] = size
    return write_paths(x, y, starts, last - first, True, data, at)


@njit(inline="always")
def _clip_rings(
    x, y, starts, outer, rings, low, high, cut_x, cut_y, cut_starts, chain_x, chain_y, chain_starts, enters, leaves
):
    """Cut polygon after polygon of a feature; return the rings, `UNSURE` or `LOOSE`, as `clip_polygon` does."""
    cut, ring, loose = np.int64(0), 0, False
    cut_starts[0] = 0
    while ring < rings:
        beyond = ring + 1
        while beyond < rings and outer[beyond] == 0:
            beyond += 1
        cut = clip_polygon(
            x, y, starts, ring, beyond, low, high, cut_x, cut_y, cut_starts, cut, chain_x, chain_y, chain_starts,
            enters, leaves,
        )  # fmt: skip
        if cut == UNSURE:
            return cut
        if cut <= LOOSE:
            cut, loose = LOOSE - cut, True
        ring = beyond
    return LOOSE - cut if loose else cut


@njit(inline="always")
def _is_wholly_in(boxes, feature, origin_x, origin_y, scale, low, high):
    return (
        (boxes[feature, 0] - origin_x) * scale >= low
        and (boxes[feature, 1] - origin_y) * scale >= low
        and (boxes[feature, 2] - origin_x) * scale <= high
        and (boxes[feature, 3] - origin_y) * scale <= high
    )


@njit(inline="always")
def _is_small(boxes, feature, scale):
    """Tell whether products of a feature's units do not run over."""
    width = float(boxes[feature, 2]) - float(boxes[feature, 0])
    return max(width, float(boxes[feature, 3]) - float(boxes[feature, 1])) * scale < _SMALL


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
    half_x, half_y = np.empty(largest + 4, np.float64), np.empty(largest + 4, np.float64)
    rest_x, rest_y = np.empty(largest + 4, np.float64), np.empty(largest + 4, np.float64)
    cut_starts[0] = starts[0] = 0
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
            size = snap(vertices, begin, end, origin_x, origin_y, scale, x, y, np.int64(0))
            at = write_points(x, y, size, low, high, data, at)
        elif kind == LINE:
            cut = 0
            cut_starts[0] = 0
            for part in range(first, last):
                size = snap(
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
            at = write_paths(cut_x, cut_y, cut_starts, cut, False, data, at)
        else:
            begin, end = np.int64(ends[first]), np.int64(ends[last])
            if inside and at + (end - begin + last - first) * 2 * _VARINT + 2 * (last - first) > data.size:
                return FULL
            if inside and last - first == 1 and end - begin <= FEW:
                at = write_convex(vertices, begin, end, origin_x, origin_y, scale, data, at)
            if inside and sound and at == before:
                at = _draw_sound(vertices, ends, first, last, origin_x, origin_y, scale, x, y, starts, data, at)
            if at == before and last - first == 1 and _is_small(boxes, feature, scale):
                size = snap_convex(vertices, begin, end, origin_x, origin_y, scale, x, y)
                if size > 0 and not inside:
                    size = clip_convex(x, y, size, low, high, cut_x, cut_y, half_x, half_y, rest_x, rest_y)
                    if size == 0:
                        continue
                    size = size if is_convex(cut_x, cut_y, np.int64(0), size) else np.int64(0)
                if size > 0:
                    starts[1] = size
                    if at + (size + 1) * 2 * _VARINT + 2 > data.size:
                        return FULL
                    at = write_paths(x if inside else cut_x, y if inside else cut_y, starts, 1, True, data, at)
            if at > before:
                states[k] = np.uint8(DRAWN)
                stops[k] = at
                continue
            rings = snap_rings(vertices, ends, first, last, origin_x, origin_y, scale, x, y, starts, outer)
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
                at = write_paths(x, y, starts, rings, True, data, at)
            elif inside and (sound or is_simple(x, y, starts, rings, after)):
                at = write_paths(x, y, starts, rings, True, data, at)
            else:
                if inside:
                    cut = mend_rings(x, y, starts, rings, cut_x, cut_y, cut_starts)
                else:
                    cut = _clip_rings(
                        x, y, starts, outer, rings, low, high, cut_x, cut_y, cut_starts, chain_x, chain_y, chain_starts,
                        enters, leaves,
                    )  # fmt: skip
                    if cut <= LOOSE or (cut > 0 and not is_simple(cut_x, cut_y, cut_starts, cut, after)):
                        cut = LOOSE - cut if cut <= LOOSE else cut
                        cut = mend_rings(cut_x, cut_y, cut_starts, cut, cut_x, cut_y, cut_starts)
                if cut < 0 or (inside and cut == 0):
                    states[k] = np.uint8(ODD)
                    continue
                if at + (cut_starts[cut] + cut) * 2 * _VARINT + cut * 2 > data.size:
                    return FULL
                at = write_paths(cut_x, cut_y, cut_starts, cut, True, data, at)
        if at > before:
            states[k] = np.uint8(DRAWN)
        stops[k] = at
    return at


@njit(
    types.UniTuple(types.int64, 2)(
        NUMBERS, OFFSETS, KINDS, VERTICES, BYTES, LIST, COUNTS, BYTES, LIST, LIST, LIST,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def list_drawn(found, rows, kinds, boxes, states, stops, drawn_rows, drawn_kinds, sizes, starts, odd):
    """List the features that `draw` drew, and those it left; return how many there are of each.

    Args:
        found: Numbers of the features, shape (k,).
        rows: Row of each feature, shape (n,).
        kinds: Kind of each, shape (n,).
        boxes: Lowest x, lowest y, highest x, highest y of each, cells, shape (n, 4).
        states: What became of those found, shape (k,).
        stops: Where the commands of each end, then of those drawn, shape (k,). Modified.
        drawn_rows: Row of those drawn; room for k, as all that follow. Modified.
        drawn_kinds: Their kinds. Modified.
        sizes: Width or height of each, the larger, cells. Modified.
        starts: Where the commands of each begin. Modified.
        odd: Numbers of the features that were left. Modified.
    """
    drawn, left, begin = 0, 0, np.int64(0)
    for k in range(found.size):
        feature, end = found[k], stops[k]
        if states[k] == DRAWN:
            width = np.int64(boxes[feature, 2]) - np.int64(boxes[feature, 0])
            height = np.int64(boxes[feature, 3]) - np.int64(boxes[feature, 1])
            drawn_rows[drawn], drawn_kinds[drawn] = rows[feature], kinds[feature]
            sizes[drawn], starts[drawn], stops[drawn] = max(width, height), begin, end
            drawn += 1
        elif states[k] == ODD:
            odd[left] = feature
            left += 1
        begin = end
    return drawn, left
