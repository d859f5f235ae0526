"""Octree of a point cloud: Morton keys, their sort, one sampled point per cell and level, points grouped by node.

The cube of the octree has 2^`fine` cells a side. A Morton key interleaves the cell
numbers of a point, x in the lowest bit, so the node that holds it at level `l` is
the key without its last 3·(fine - l) bits.
"""

import numpy as np
from numba import njit, types, void

RECORDS = types.Array(types.uint8, 2, "C", readonly=True)
"""Point records as bytes, shape (points, record length)."""

COORDINATES = types.Array(types.int32, 1, "A", readonly=True, aligned=False)
"""A coordinate of every point, often a field inside packed records, hence strided and not aligned."""

BYTES = types.Array(types.uint8, 1, "A", readonly=True, aligned=False)
TIMES = types.Array(types.float64, 1, "A", readonly=True, aligned=False)
KEYS = types.Array(types.uint64, 1, "C", readonly=True)
ORDER = types.Array(types.uint32, 1, "C", readonly=True)
LEVELS = types.Array(types.int8, 1, "C", readonly=True)

RADIX_BITS = 11
"""Bits sorted by one pass: 2,048 counters stay in the first-level cache."""


@njit(types.uint64(types.uint64), cache=True, nogil=True, inline="always")
def spread(value):
    """Move bit i of a number below 2^21 to bit 3·i."""
    v = np.uint64(value)
    v = (v | (v << np.uint64(32))) & np.uint64(0x1F00000000FFFF)
    v = (v | (v << np.uint64(16))) & np.uint64(0x1F0000FF0000FF)
    v = (v | (v << np.uint64(8))) & np.uint64(0x100F00F00F00F00F)
    v = (v | (v << np.uint64(4))) & np.uint64(0x10C30C30C30C30C3)
    return (v | (v << np.uint64(2))) & np.uint64(0x1249249249249249)


@njit(
    void(
        COORDINATES,
        COORDINATES,
        COORDINATES,
        types.Array(types.int64, 1, "C", readonly=True),
        types.Array(types.float64, 1, "C", readonly=True),
        types.float64,
        types.int64,
        types.uint64[::1],
    ),
    cache=True,
    nogil=True,
)
def morton_keys(x, y, z, origin, cells_per_unit, pad_cells, cells, keys):
    """Write the Morton key of every point.

    Args:
        x: Coordinate as stored integer, shape (n,).
        y: The same.
        z: The same.
        origin: Stored integers of the lowest corner of the points, shape (3,).
        cells_per_unit: Cells per stored integer along x, y, z, shape (3,).
        pad_cells: Distance from the corner of the cube to that of the points, cells.
        cells: Cells along a side of the cube, a power of two of at most 2^21.
        keys: Shape (n,). Modified.
    """
    last = cells - 1
    for i in range(x.shape[0]):
        column = int((np.int64(x[i]) - origin[0]) * cells_per_unit[0] + pad_cells)
        row = int((np.int64(y[i]) - origin[1]) * cells_per_unit[1] + pad_cells)
        layer = int((np.int64(z[i]) - origin[2]) * cells_per_unit[2] + pad_cells)
        keys[i] = (
            spread(np.uint64(min(column, last)))
            | (spread(np.uint64(min(row, last))) << np.uint64(1))
            | (spread(np.uint64(min(layer, last))) << np.uint64(2))
        )


@njit(void(KEYS, ORDER, types.uint64, types.int64[::1], types.uint64[::1], types.uint32[::1]), cache=True, nogil=True)
def radix_pass(keys, order, shift, starts, sorted_keys, sorted_order):
    """Sort keys by the `RADIX_BITS` bits from bit `shift`, equal ones kept in their order.

    Args:
        keys: Shape (n,).
        order: What travels with the keys, shape (n,).
        shift: First bit looked at.
        starts: Work space, shape (2^RADIX_BITS,). Modified.
        sorted_keys: Shape (n,). Modified.
        sorted_order: Shape (n,). Modified.
    """
    mask = np.uint64((1 << RADIX_BITS) - 1)
    shift = np.uint64(shift)
    starts[:] = 0
    for i in range(keys.shape[0]):
        starts[np.int64((keys[i] >> shift) & mask)] += 1
    total = 0
    for value in range(starts.shape[0]):
        count = starts[value]
        starts[value] = total
        total += count
    for i in range(keys.shape[0]):
        digit = np.int64((keys[i] >> shift) & mask)
        place = starts[digit]
        starts[digit] = place + 1
        sorted_keys[place] = keys[i]
        sorted_order[place] = order[i]


@njit(types.int64(LEVELS, types.int64, types.int64), cache=True, nogil=True, inline="always")
def count_free(levels, start, stop):
    """Return how many points of [start, stop) have no level yet (-1)."""
    free = 0
    for i in range(start, stop):
        if levels[i] < 0:
            free += 1
    return free


@njit(void(types.int8[::1], types.int64, types.int64, types.int64), cache=True, nogil=True, inline="always")
def take_free(levels, start, stop, level):
    """Give `level` to the points of [start, stop) that have none."""
    for i in range(start, stop):
        if levels[i] < 0:
            levels[i] = level


@njit(types.int64(KEYS, types.int64, types.int64, types.uint64), cache=True, nogil=True, inline="always")
def end_of_run(keys, start, stop, shift):
    """Return where, after `start`, the keys without their last `shift` bits change."""
    prefix = keys[start] >> np.uint64(shift)
    i = start + 1
    while i < stop and (keys[i] >> np.uint64(shift)) == prefix:
        i += 1
    return i


@njit(void(KEYS, types.int8[::1], types.int64, types.int64, types.int64, types.uint64), cache=True, nogil=True)
def sample_cells(keys, levels, start, stop, level, shift):
    """Give a level to one free point of every cell of [start, stop).

    The point is picked by a hash of the cell (xorshift), so the choice looks random
    and is the same every time.

    Args:
        keys: Sorted Morton keys, shape (n,).
        levels: Level of each point, -1 for none, shape (n,). Modified.
        start: First point of the node.
        stop: After its last point.
        level: The level given.
        shift: Bits of a key below the cell.
    """
    shift = np.uint64(shift)
    i = start
    while i < stop:
        j = end_of_run(keys, i, stop, shift)
        free = count_free(levels, i, j)
        if free > 0:
            h = (keys[i] >> shift) + np.uint64(1)
            h ^= h << np.uint64(13)
            h ^= h >> np.uint64(7)
            h ^= h << np.uint64(17)
            skip = np.int64((h >> np.uint64(20)) % np.uint64(free))
            k = i
            while levels[k] >= 0 or skip > 0:
                if levels[k] < 0:
                    skip -= 1
                k += 1
            levels[k] = level
        i = j


@njit(
    void(KEYS, types.int64, types.int64, types.int64, types.int64, types.int64, types.int8[::1]),
    cache=True,
    nogil=True,
)
def assign_levels(keys, fine, cell_bits, depth, capacity, minimum, levels):
    """Give every point the octree level at which it is first seen.

    From the root down: a node whose remaining points are `capacity` or fewer keeps them all.
    Another keeps one a cell, and those of its octants where fewer than `minimum` remain, which
    would make nodes too small to compress well. A node at `depth` keeps everything. So every
    node but the root has a parent with points.

    Args:
        keys: Sorted Morton keys, shape (n,).
        fine: Bits of a key along one axis, >= `cell_bits` + `depth`.
        cell_bits: A node has 2^cell_bits cells a side.
        depth: Deepest level.
        capacity: Points that a node keeps without sampling.
        minimum: Fewest points worth a node of their own.
        levels: Shape (n,). Modified.
    """
    levels[:] = -1
    n = keys.shape[0]
    for level in range(depth + 1):
        node_shift = np.uint64(3 * (fine - level))
        i = 0
        while i < n:
            j = end_of_run(keys, i, n, node_shift)
            free = count_free(levels, i, j)
            if free > 0:
                if free <= capacity or level == depth:
                    take_free(levels, i, j, level)
                else:
                    cell_shift = np.uint64(3 * (fine - cell_bits - level))
                    sample_cells(keys, levels, i, j, level, cell_shift)
                    octant_shift = np.uint64(3 * (fine - level - 1))
                    start = i
                    while start < j:
                        stop = end_of_run(keys, start, j, octant_shift)
                        if count_free(levels, start, stop) < minimum:
                            take_free(levels, start, stop, level)
                        start = stop
            i = j


@njit(types.int64(KEYS, LEVELS, types.int64, types.int64), cache=True, nogil=True)
def count_nodes(keys, levels, fine, depth):
    """Return the number of nodes that hold points; arguments as in `number_nodes`."""
    nodes = 0
    for level in range(depth + 1):
        shift = np.uint64(3 * (fine - level))
        previous = np.uint64(0)
        first = True
        for i in range(keys.shape[0]):
            if levels[i] == level:
                prefix = keys[i] >> shift
                if first or prefix != previous:
                    nodes += 1
                    previous = prefix
                    first = False
    return nodes


@njit(
    void(
        KEYS,
        LEVELS,
        ORDER,
        types.int64,
        types.int64,
        types.uint32[::1],
        types.int32[::1],
        types.uint64[::1],
        types.int64[::1],
    ),
    cache=True,
    nogil=True,
)
def number_nodes(keys, levels, order, fine, depth, node_of, node_level, node_prefix, node_points):
    """Number the nodes that hold points, level after level and in Morton order within a level.

    Args:
        keys: Sorted Morton keys, shape (n,).
        levels: Level of each of them, shape (n,).
        order: Index of each of them in the file, shape (n,).
        fine: Bits of a key along one axis.
        depth: Deepest level.
        node_of: Node of each point, by its index in the file, shape (n,). Modified.
        node_level: Level of each node, shape (nodes,). Modified.
        node_prefix: Key of each node, without the bits below it, shape (nodes,). Modified.
        node_points: Number of points of each node, shape (nodes,). Modified.
    """
    node = -1
    for level in range(depth + 1):
        shift = np.uint64(3 * (fine - level))
        first = True
        for i in range(keys.shape[0]):
            if levels[i] == level:
                prefix = keys[i] >> shift
                if first or prefix != node_prefix[node]:
                    node += 1
                    node_level[node] = level
                    node_prefix[node] = prefix
                    node_points[node] = 0
                    first = False
                node_of[order[i]] = node
                node_points[node] += 1


@njit(void(ORDER, types.int64[::1], types.uint32[::1]), cache=True, nogil=True)
def group_points(node_of, starts, order):
    """Write the indices of the points node by node, in the order of the file within a node.

    Args:
        node_of: Node of each point, shape (n,).
        starts: Place of the first point of each node, shape (nodes,). Modified: the end of each node.
        order: Shape (n,). Modified.
    """
    for i in range(node_of.shape[0]):
        place = starts[node_of[i]]
        order[place] = i
        starts[node_of[i]] = place + 1


@njit(void(RECORDS, ORDER, types.uint8[:, ::1]), cache=True, nogil=True)
def gather(records, order, gathered):
    """Copy the records `order` names, one after the other.

    Args:
        records: Shape (n, record length).
        order: Indices of records, shape (m,).
        gathered: Shape (m, record length). Modified.
    """
    length = records.shape[1]
    for i in range(order.shape[0]):
        source = order[i]
        for byte in range(length):
            gathered[i, byte] = records[source, byte]


@njit(
    types.int64(
        COORDINATES,
        COORDINATES,
        COORDINATES,
        BYTES,
        BYTES,
        TIMES,
        types.int64[:, ::1],
        types.int64[::1],
        types.int64[::1],
        types.float64[::1],
    ),
    cache=True,
    nogil=True,
)
def survey(x, y, z, returns, classes, gps_time, extent, by_return, by_class, gps_range):
    """Add points to the running figures of a file.

    Args:
        x: Coordinate as stored integer, shape (n,).
        y: The same.
        z: The same.
        returns: Return number in the low 4 bits, number of returns in the high ones, shape (n,).
        classes: Classification, shape (n,).
        gps_time: Shape (n,).
        extent: Lowest and highest stored x, y, z, shape (2, 3). Modified.
        by_return: Points by return number, shape (16,). Modified.
        by_class: Points by classification, shape (256,). Modified.
        gps_range: Lowest and highest GPS time, then the last one met; NaN does not count, shape (3,). Modified.

    Returns:
        How many points are earlier than the one before them.
    """
    backwards = 0
    for i in range(x.shape[0]):
        extent[0, 0] = min(extent[0, 0], x[i])
        extent[0, 1] = min(extent[0, 1], y[i])
        extent[0, 2] = min(extent[0, 2], z[i])
        extent[1, 0] = max(extent[1, 0], x[i])
        extent[1, 1] = max(extent[1, 1], y[i])
        extent[1, 2] = max(extent[1, 2], z[i])
        by_return[returns[i] & 15] += 1
        by_class[classes[i]] += 1
        time = gps_time[i]
        if time < gps_range[2]:
            backwards += 1
        if time == time:  # noqa: PLR0124 - only NaN differs from itself
            gps_range[0] = min(gps_range[0], time)
            gps_range[1] = max(gps_range[1], time)
            gps_range[2] = time
    return backwards
