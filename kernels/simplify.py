"""Lines and borders with fewer vertices: what two features share stays shared."""

import numpy as np
from numba import njit, types, void

from kernels.shapes import POINT, POLYGON, opened, ring_area
from kernels.signature import BYTES, COUNTS, KINDS, LIST, NUMBERS, OFFSETS, PAIRS, VERTICES

_HIGHEST = np.int64(2**31 - 1)


@njit(inline="always")
def _rounded(value, shift):
    """Return a cell as a multiple of 2^shift, the nearest, halves up."""
    if shift == 0:
        return np.int64(value)
    return min(((np.int64(value) + (np.int64(1) << (shift - 1))) >> shift) << shift, _HIGHEST)


@njit(
    types.UniTuple(types.int64, 2)(
        KINDS, OFFSETS, OFFSETS, VERTICES, KINDS, types.int64, types.float64, COUNTS, COUNTS, PAIRS
    ),
    cache=True,
    nogil=True,
)
def coarsen(kinds, parts, ends, vertices, kept, shift, least_area, new_parts, new_ends, new_vertices):
    """Put what stays of features on a coarser grid; return how many parts and vertices there are then.

    Vertices that fall together are one. A ring with less than `least_area`, or that turns
    over, is left out, an outer one with its holes; a feature that would lose all keeps one vertex.

    Args:
        kinds: Kind of each feature, shape (n,).
        parts: First part of each feature, and the end of the last.
        ends: First vertex of each part, and the end of the last.
        vertices: Cells, shape (v, 2).
        kept: 1 for the vertices that stay, shape (v,).
        shift: The grid has cells of 2^shift.
        least_area: Cells, > 0.
        new_parts: Shape (n + 1,). Modified.
        new_ends: Shape (m + 1,). Modified.
        new_vertices: Shape (v, 2). Modified.
    """
    part_count, size = np.int64(0), np.int64(0)
    new_parts[0], new_ends[0] = 0, 0
    for feature in range(kinds.size):
        first_part, first_vertex = part_count, size
        lost = False
        for part in range(np.int64(parts[feature]), np.int64(parts[feature + 1])):
            begin, end = np.int64(ends[part]), np.int64(ends[part + 1])
            is_outer = True
            if kinds[feature] == POLYGON:
                is_outer = part == np.int64(parts[feature]) or ring_area(vertices, begin, end) > 0
                if lost and not is_outer:
                    continue
            start = size
            for i in range(begin, end):
                if kept[i] == 0:
                    continue
                x, y = np.int32(_rounded(vertices[i, 0], shift)), np.int32(_rounded(vertices[i, 1], shift))
                if size > start and new_vertices[size - 1, 0] == x and new_vertices[size - 1, 1] == y:
                    continue
                new_vertices[size, 0], new_vertices[size, 1] = x, y
                size += 1
            if kinds[feature] == POLYGON:
                size = opened(new_vertices, start, size)
                area = ring_area(new_vertices, start, size)
                if size - start < 3 or abs(area) < least_area or (area > 0) != is_outer:
                    lost = lost or is_outer
                    size = start
                    continue
                lost = False if is_outer else lost
            elif kinds[feature] != POINT and size - start < 2:
                size = start
                continue
            part_count += 1
            new_ends[part_count] = np.uint32(size)
        if part_count == first_part:
            begin = np.int64(ends[parts[feature]])
            new_vertices[first_vertex, 0] = np.int32(_rounded(vertices[begin, 0], shift))
            new_vertices[first_vertex, 1] = np.int32(_rounded(vertices[begin, 1], shift))
            size = first_vertex + 1
            part_count += 1
            new_ends[part_count] = np.uint32(size)
        new_parts[feature + 1] = np.uint32(part_count)
    return part_count, size


@njit(void(KINDS, OFFSETS, OFFSETS, NUMBERS, NUMBERS, BYTES), cache=True, nogil=True)
def mark_nodes(kinds, parts, ends, keys, order, nodes):
    """Mark the vertices that lines and borders must keep: their ends, and where more than two ways meet.

    A place through which every line and ring goes between the same two neighbours is
    no node, however many they are.

    Args:
        kinds: Kind of each feature, shape (n,).
        parts: First part of each feature, and the end of the last.
        ends: First vertex of each part, and the end of the last.
        keys: A number for each place, shape (v,).
        order: Vertices sorted by key, shape (v,).
        nodes: 1 for a node, shape (v,). Modified.
    """
    one, other = np.empty(keys.size, np.int64), np.empty(keys.size, np.int64)
    for feature in range(kinds.size):
        closed = kinds[feature] == POLYGON
        for part in range(np.int64(parts[feature]), np.int64(parts[feature + 1])):
            begin, end = np.int64(ends[part]), np.int64(ends[part + 1])
            for i in range(begin, end):
                if not closed and (i == begin or i == end - 1):
                    nodes[i] = 1
                    one[i] = other[i] = keys[i]
                    continue
                nodes[i] = 0
                before = keys[i - 1] if i > begin else keys[end - 1]
                after = keys[i + 1] if i < end - 1 else keys[begin]
                one[i], other[i] = min(before, after), max(before, after)
    start = 0
    while start < order.size:
        first = order[start]
        stop, is_node = start + 1, nodes[first] == 1
        while stop < order.size and keys[order[stop]] == keys[first]:
            i = order[stop]
            is_node = is_node or nodes[i] == 1 or one[i] != one[first] or other[i] != other[first]
            stop += 1
        if is_node:
            for k in range(start, stop):
                nodes[order[k]] = 1
        start = stop


@njit(
    void(
        VERTICES,
        NUMBERS,
        types.int64,
        types.int64,
        types.int64,
        types.int64,
        types.float64,
        BYTES,
        LIST,
        LIST,
    ),
    cache=True,
    nogil=True,
)
def _thin_arc(vertices, keys, begin, count, start, length, tolerance, kept, path, stack):
    """Mark what an arc keeps between its ends (Douglas and Peucker, 1973), the same whichever way it is gone along.

    The arc has `length` edges from vertex `start` of a part of `count` vertices that begins at `begin`.
    """
    last = length
    head, tail = keys[begin + start % count], keys[begin + (start + last) % count]
    second = keys[begin + (start + 1) % count]
    second_last = keys[begin + (start + last - 1) % count]
    backward = head > tail or (head == tail and second > second_last)
    for i in range(last + 1):
        step = last - i if backward else i
        path[i] = begin + (start + step) % count
    kept[path[0]] = kept[path[last]] = 1
    stack[0], stack[1], height = 0, last, 2
    limit = tolerance * tolerance
    while height > 0:
        height -= 2
        low, high = stack[height], stack[height + 1]
        if high - low < 2:
            continue
        ax, ay = float(vertices[path[low], 0]), float(vertices[path[low], 1])
        dx, dy = float(vertices[path[high], 0]) - ax, float(vertices[path[high], 1]) - ay
        length2 = dx * dx + dy * dy
        worst, furthest = -1.0, low
        for i in range(low + 1, high):
            px, py = float(vertices[path[i], 0]) - ax, float(vertices[path[i], 1]) - ay
            if length2 > 0.0:
                along = min(max((px * dx + py * dy) / length2, 0.0), 1.0)
                px -= along * dx
                py -= along * dy
            away = px * px + py * py
            if away > worst:
                worst, furthest = away, i
        if worst > limit:
            kept[path[furthest]] = 1
            stack[height], stack[height + 1] = low, furthest
            stack[height + 2], stack[height + 3] = furthest, high
            height += 4


@njit(
    void(KINDS, OFFSETS, OFFSETS, VERTICES, NUMBERS, KINDS, types.float64, BYTES),
    cache=True,
    nogil=True,
)
def mark_kept(kinds, parts, ends, vertices, keys, nodes, tolerance, kept):
    """Mark the vertices that stay so that no line or border strays further than a tolerance.

    Nodes stay. Between them arcs are thinned by themselves, from their ends in an order
    that depends on the arc alone: two features that share it keep the same vertices.

    Args:
        kinds: Kind of each feature, shape (n,).
        parts: First part of each feature, and the end of the last.
        ends: First vertex of each part, and the end of the last.
        vertices: Cells, shape (v, 2).
        keys: A number for each place, shape (v,).
        nodes: What `mark_nodes` made of them.
        tolerance: Cells.
        kept: 1 for what stays, shape (v,). Modified.
    """
    longest = np.int64(0)
    for part in range(ends.size - 1):
        longest = max(longest, np.int64(ends[part + 1]) - np.int64(ends[part]))
    path, stack = np.empty(longest + 2, np.int64), np.empty(4 * longest + 16, np.int64)
    for feature in range(kinds.size):
        for part in range(np.int64(parts[feature]), np.int64(parts[feature + 1])):
            begin, end = np.int64(ends[part]), np.int64(ends[part + 1])
            count = end - begin
            if kinds[feature] == POINT or count < 3:
                kept[begin:end] = 1
                continue
            kept[begin:end] = 0
            if kinds[feature] != POLYGON:
                start = np.int64(0)
                for i in range(1, count):
                    if nodes[begin + i] == 1:
                        _thin_arc(vertices, keys, begin, count, start, i - start, tolerance, kept, path, stack)
                        start = np.int64(i)
                continue
            first = -1
            for i in range(count):
                if nodes[begin + i] == 1:
                    first = i
                    break
            if first >= 0:
                start = np.int64(first)
                for step in range(1, count + 1):
                    i = first + step
                    if nodes[begin + i % count] == 1:
                        _thin_arc(vertices, keys, begin, count, start, i - start, tolerance, kept, path, stack)
                        start = np.int64(i)
                continue
            first = 0
            for i in range(1, count):
                if keys[begin + i] < keys[begin + first]:
                    first = i
            worst, opposite, least = -1.0, 1, keys[begin]
            for step in range(1, count):
                at = begin + (first + step) % count
                dx = float(vertices[at, 0]) - float(vertices[begin + first, 0])
                dy = float(vertices[at, 1]) - float(vertices[begin + first, 1])
                away = dx * dx + dy * dy
                if away > worst or (away == worst and keys[at] < least):
                    worst, opposite, least = away, step, keys[at]
            _thin_arc(vertices, keys, begin, count, first, opposite, tolerance, kept, path, stack)
            _thin_arc(vertices, keys, begin, count, first + opposite, count - opposite, tolerance, kept, path, stack)
