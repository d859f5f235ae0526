"""Points, lines and rings as flat arrays: packed, gathered, measured."""

import math

import numpy as np
from numba import njit, types, void

from kernels.signature import COUNTS, KINDS, NUMBERS, OFFSETS, PAIRS, REALS, VERTICES

REAL_PAIRS = types.Array(types.float64, 2, "C", readonly=True)
FLAGS = types.Array(types.uint8, 1, "C", readonly=True)

POINT, LINE, POLYGON = 1, 2, 3
"""Kinds of features (Vector Tile Specification 2.1, clause 4.3.4)."""

OPEN, OUTER, HOLE = 0, 1, 2
"""What a path is: points or a line; the outer ring of a polygon; one of its holes."""

_LOW, _HIGH = -(2.0**31), 2.0**31 - 1.0


@njit(inline="always")
def _cell(value):
    """Return the number of the cell nearest to a place, kept within 32 bits."""
    return np.int32(min(max(math.floor(value + 0.5), _LOW), _HIGH))


@njit(inline="always")
def opened(vertices, start, size):
    """Return the end of a ring without the vertices that repeat its first."""
    while (
        size - start > 1 and vertices[size - 1, 0] == vertices[start, 0] and vertices[size - 1, 1] == vertices[start, 1]
    ):
        size -= 1
    return size


@njit(inline="always")
def ring_area(vertices, start, stop):
    """Return the area of a ring, positive where it turns clockwise as seen on a screen."""
    total = 0.0
    for i in range(start + 1, stop - 1):
        total += float(vertices[i, 0] - np.int64(vertices[start, 0])) * float(
            vertices[i + 1, 1] - np.int64(vertices[start, 1])
        )
        total -= float(vertices[i + 1, 0] - np.int64(vertices[start, 0])) * float(
            vertices[i, 1] - np.int64(vertices[start, 1])
        )
    return total / 2.0


@njit(
    types.int64(REAL_PAIRS, OFFSETS, FLAGS, types.float64, types.float64, types.float64, COUNTS, PAIRS),
    cache=True,
    nogil=True,
)
def pack_paths(coordinates, path_ends, roles, origin_x, origin_y, cell, ends, vertices):
    """Put paths on a grid whose y goes down; return the number of vertices.

    A vertex that falls on the one before is left out, and so is the last of a ring
    where it repeats the first. Outer rings come out clockwise as seen on a screen, holes
    the other way. Every path keeps one vertex at least.

    Args:
        coordinates: x and y, units of the CRS, finite, shape (v, 2).
        path_ends: First vertex of each path, and the end of the last, shape (p + 1,).
        roles: `OPEN`, `OUTER` or `HOLE` of each, shape (p,).
        origin_x: x of cell 0.
        origin_y: y of cell 0.
        cell: Size of a cell, units of the CRS.
        ends: First vertex of each path, and the end of the last, as packed, shape (p + 1,). Modified.
        vertices: Cells, shape (v, 2). Modified.
    """
    size = np.int64(0)
    ends[0] = 0
    for path in range(roles.size):
        start = size
        for i in range(np.int64(path_ends[path]), np.int64(path_ends[path + 1])):
            x = _cell((coordinates[i, 0] - origin_x) / cell)
            y = _cell((origin_y - coordinates[i, 1]) / cell)
            if size > start and vertices[size - 1, 0] == x and vertices[size - 1, 1] == y:
                continue
            vertices[size, 0], vertices[size, 1] = x, y
            size += 1
        if roles[path] != OPEN:
            size = opened(vertices, start, size)
            area = ring_area(vertices, start, size)
            if (area < 0) != (roles[path] == HOLE) and area != 0:
                low, high = start + 1, size - 1
                while low < high:
                    for axis in range(2):
                        kept = vertices[low, axis]
                        vertices[low, axis] = vertices[high, axis]
                        vertices[high, axis] = kept
                    low, high = low + 1, high - 1
        ends[path + 1] = np.uint32(size)
    return size


@njit(void(OFFSETS, OFFSETS, VERTICES, PAIRS), cache=True, nogil=True)
def bound_shapes(parts, ends, vertices, boxes):
    """Write lowest x, lowest y, highest x, highest y of each feature, shape (n, 4).

    Args:
        parts: First part of each feature, and the end of the last, shape (n + 1,).
        ends: First vertex of each part, and the end of the last.
        vertices: Cells, shape (v, 2); every feature has one at least.
        boxes: Shape (n, 4). Modified.
    """
    for feature in range(boxes.shape[0]):
        start = np.int64(ends[parts[feature]])
        stop = np.int64(ends[parts[feature + 1]])
        low_x = high_x = vertices[start, 0]
        low_y = high_y = vertices[start, 1]
        for i in range(start + 1, stop):
            low_x, high_x = min(low_x, vertices[i, 0]), max(high_x, vertices[i, 0])
            low_y, high_y = min(low_y, vertices[i, 1]), max(high_y, vertices[i, 1])
        boxes[feature, 0], boxes[feature, 1], boxes[feature, 2], boxes[feature, 3] = low_x, low_y, high_x, high_y


@njit(inline="always")
def copy_feature(feature, parts, ends, vertices, part_count, size, new_ends, new_vertices):
    """Append a feature to others; return how many parts and vertices there are then."""
    for part in range(np.int64(parts[feature]), np.int64(parts[feature + 1])):
        for i in range(np.int64(ends[part]), np.int64(ends[part + 1])):
            new_vertices[size, 0], new_vertices[size, 1] = vertices[i, 0], vertices[i, 1]
            size += 1
        part_count += 1
        new_ends[part_count] = np.uint32(size)
    return part_count, size


@njit(void(NUMBERS, OFFSETS, OFFSETS, VERTICES, COUNTS, COUNTS, PAIRS), cache=True, nogil=True)
def gather_shapes(order, parts, ends, vertices, new_parts, new_ends, new_vertices):
    """Write some features, in another order.

    Args:
        order: Numbers of the features, shape (k,).
        parts: First part of each feature, and the end of the last.
        ends: First vertex of each part, and the end of the last.
        vertices: Cells, shape (v, 2).
        new_parts: Shape (k + 1,). Modified.
        new_ends: As many as the features have parts, and one. Modified.
        new_vertices: As many as the features have. Modified.
    """
    part_count, size = np.int64(0), np.int64(0)
    new_parts[0], new_ends[0] = 0, 0
    for k in range(order.size):
        part_count, size = copy_feature(order[k], parts, ends, vertices, part_count, size, new_ends, new_vertices)
        new_parts[k + 1] = np.uint32(part_count)


@njit(void(KINDS, OFFSETS, OFFSETS, VERTICES, REALS), cache=True, nogil=True)
def size_shapes(kinds, parts, ends, vertices, sizes):
    """Write the area of polygons, the length of lines, and 0 for points, in cells.

    Args:
        kinds: Kind of each feature, shape (n,).
        parts: First part of each feature, and the end of the last.
        ends: First vertex of each part, and the end of the last.
        vertices: Cells, shape (v, 2).
        sizes: Shape (n,). Modified.
    """
    for feature in range(kinds.size):
        total = 0.0
        for part in range(np.int64(parts[feature]), np.int64(parts[feature + 1])):
            start, stop = np.int64(ends[part]), np.int64(ends[part + 1])
            if kinds[feature] == POLYGON:
                total += ring_area(vertices, start, stop)
            elif kinds[feature] == LINE:
                for i in range(start, stop - 1):
                    dx = float(vertices[i + 1, 0]) - float(vertices[i, 0])
                    dy = float(vertices[i + 1, 1]) - float(vertices[i, 1])
                    total += math.hypot(dx, dy)
            elif kinds[feature] == POINT:
                total += 0.0
        sizes[feature] = total
