"""Borders that cross after they were simplified, and the vertices that must come back."""

import numpy as np
from numba import njit, types, void

from kernels.rings import edges_meet
from kernels.shapes import POLYGON
from kernels.signature import BYTES, KINDS, NUMBERS, OFFSETS, VERTICES

_MOST_COMPARED = 500
"""Edges that each edge of a polygon is compared with, on average; one that wants more is odd."""


@njit(
    types.int64(KINDS, OFFSETS, OFFSETS, VERTICES, KINDS, BYTES, BYTES),
    cache=True,
    nogil=True,
)
def find_crossings(kinds, parts, ends, vertices, kept, nodes, odd):
    """Mark polygons of which two edges meet, and the vertices left out along these; return how many there are.

    Args:
        kinds: Kind of each feature, shape (n,).
        parts: First part of each feature, and the end of the last.
        ends: First vertex of each part, and the end of the last.
        vertices: Cells, shape (v, 2).
        kept: 1 for what stays, shape (v,): edges go from one that stays to the next.
        nodes: Set to 1 for what must come back, shape (v,). Modified.
        odd: 1 for the polygons with such edges, else 0, shape (n,). Modified.
    """
    largest = np.int64(0)
    for feature in range(kinds.size):
        largest = max(largest, np.int64(ends[parts[feature + 1]]) - np.int64(ends[parts[feature]]))
    x, y = np.empty(largest + 1, np.int64), np.empty(largest + 1, np.int64)
    place, after = np.empty(largest + 1, np.int64), np.empty(largest + 1, np.int64)
    begins, stops = np.empty(largest + 1, np.int64), np.empty(largest + 1, np.int64)
    total = np.int64(0)
    for feature in range(kinds.size):
        odd[feature] = np.uint8(0)
        if kinds[feature] != POLYGON:
            continue
        size = 0
        for part in range(np.int64(parts[feature]), np.int64(parts[feature + 1])):
            start = size
            for i in range(np.int64(ends[part]), np.int64(ends[part + 1])):
                if kept[i] == 1:
                    x[size], y[size], place[size], after[size] = vertices[i, 0], vertices[i, 1], i, size + 1
                    begins[size], stops[size] = np.int64(ends[part]), np.int64(ends[part + 1])
                    size += 1
            if size > start:
                after[size - 1] = start
            if size - start < 3:
                size = start
        if size < 4:
            continue
        lows = np.empty(size, np.int64)
        for i in range(size):
            lows[i] = min(x[i], x[after[i]])
        order = np.argsort(lows)
        left = _MOST_COMPARED * size
        for k in range(size):
            if left < 0:
                odd[feature] = np.uint8(1)
                break
            i = order[k]
            high_x = max(x[i], x[after[i]])
            low_y, high_y = min(y[i], y[after[i]]), max(y[i], y[after[i]])
            for m in range(k + 1, size):
                j = order[m]
                if lows[j] > high_x:
                    break
                left -= 1
                if min(y[j], y[after[j]]) > high_y or max(y[j], y[after[j]]) < low_y:
                    continue
                if not edges_meet(x, y, after, i, j):
                    continue
                odd[feature] = np.uint8(1)
                for edge in (i, j):
                    at, end = place[edge] + 1, place[after[edge]]
                    while True:
                        if at == stops[edge]:
                            at = begins[edge]
                        if at == end:
                            break
                        if nodes[at] == 0:
                            nodes[at] = np.uint8(1)
                            total += 1
                        at += 1
    return total


@njit(void(NUMBERS, NUMBERS, BYTES), cache=True, nogil=True)
def spread_nodes(keys, order, nodes):
    """Mark every vertex of a place where one is marked.

    Args:
        keys: A number for each place, shape (v,).
        order: Vertices sorted by key, shape (v,).
        nodes: 1 for marked, shape (v,). Modified.
    """
    start = 0
    while start < order.size:
        stop, marked = start, False
        while stop < order.size and keys[order[stop]] == keys[order[start]]:
            marked = marked or nodes[order[stop]] == 1
            stop += 1
        if marked:
            for k in range(start, stop):
                nodes[order[k]] = np.uint8(1)
        start = stop
