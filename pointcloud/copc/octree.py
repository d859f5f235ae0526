"""Sorts the points of a cloud into the nodes of a COPC octree."""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernels.octree import (
    RADIX_BITS,
    assign_levels,
    count_nodes,
    group_points,
    morton_keys,
    number_nodes,
    radix_pass,
)
from pointcloud.copc.cloud import Cloud
from pointcloud.copc.header import Vector
from pointcloud.copc.hierarchy import Entries, voxel_keys

CELL_BITS = 7
"""A node is sampled on 2^7 cells a side, so the spacing is 1/128 of its side."""

CAPACITY = 100_000
"""Points that a node keeps without sampling."""

MINIMUM = 512
"""Fewest points worth a node of their own."""

MAX_DEPTH = 21 - CELL_BITS
"""Deepest level: a key has 63 bits."""


class Cube(msgspec.Struct, frozen=True):
    """The cube of an octree, in the CRS of the file."""

    corner: Vector
    """Lowest x, y, z."""

    side: float

    @property
    def center(self) -> Vector:
        """Centre of the cube."""
        half = self.side / 2
        return self.corner[0] + half, self.corner[1] + half, self.corner[2] + half


class Octree(msgspec.Struct, frozen=True, kw_only=True):
    """Which points each node holds."""

    cube: Cube
    entries: Entries
    """One a node, level after level and in Morton order; their chunks are not placed yet."""

    counts: NDArray[np.int64]
    """Points of each node, shape (nodes,)."""

    order: NDArray[np.uint32]
    """Indices of the points, node by node, shape (points,)."""


def build_octree(cloud: Cloud, scales: Vector, offsets: Vector) -> Octree:
    """Build the octree of a cloud; the same cloud gives the same octree.

    Within a node the points stand by GPS time, and in the order of the file where that is equal.
    """
    cube = _cube(cloud, scales, offsets)
    points = len(cloud.records)
    # surfaces: four children a node; one level more, since terrain is not evenly dense
    depth = min(MAX_DEPTH, 1 + max(0, math.ceil(math.log(max(1.0, points / CAPACITY), 4))))
    entries, counts, order = _nodes(cloud, cube, scales, depth)
    if int(counts.max()) > 4 * CAPACITY and depth < MAX_DEPTH:
        entries, counts, order = _nodes(cloud, cube, scales, MAX_DEPTH)
    if not cloud.in_time_order:
        _order_by_time(cloud.field("gps_time"), order, counts)
    return Octree(cube=cube, entries=entries, counts=counts, order=order)


def _cube(cloud: Cloud, scales: Vector, offsets: Vector) -> Cube:
    """Return a cube with all points strictly inside, half a stored unit from its lowest faces."""
    pad = max(scales) / 2
    low, high = cloud.extent
    side = max(float(high[i] - low[i]) * scales[i] for i in range(3)) + 2 * pad
    x, y, z = (float(low[i]) * scales[i] + offsets[i] - pad for i in range(3))
    return Cube((x, y, z), side)


def _nodes(
    cloud: Cloud, cube: Cube, scales: Vector, depth: int
) -> tuple[Entries, NDArray[np.int64], NDArray[np.uint32]]:
    fine = CELL_BITS + depth
    keys, order = _sorted_keys(cloud, cube, scales, fine)
    levels = np.empty(keys.size, np.int8)
    assign_levels(keys, fine, CELL_BITS, depth, CAPACITY, MINIMUM, levels)
    nodes = count_nodes(keys, levels, fine, depth)
    node_of = np.empty(keys.size, np.uint32)
    node_level, prefixes = np.empty(nodes, np.int32), np.empty(nodes, np.uint64)
    counts = np.empty(nodes, np.int64)
    number_nodes(keys, levels, order, fine, depth, node_of, node_level, prefixes, counts)
    group_points(node_of, np.cumsum(counts) - counts, order)
    return voxel_keys(node_level, prefixes), counts, order


def _sorted_keys(cloud: Cloud, cube: Cube, scales: Vector, fine: int) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Return the Morton keys sorted, and the index of each in the cloud."""
    points = len(cloud.records)
    keys, order = np.empty(points, np.uint64), np.arange(points, dtype=np.uint32)
    cells_per_metre = (1 << fine) / cube.side
    morton_keys(
        cloud.field("X"),
        cloud.field("Y"),
        cloud.field("Z"),
        np.ascontiguousarray(cloud.extent[0]),
        np.array(scales) * cells_per_metre,
        max(scales) / 2 * cells_per_metre,
        1 << fine,
        keys,
    )
    sorted_keys, sorted_order = np.empty_like(keys), np.empty_like(order)
    starts = np.empty(1 << RADIX_BITS, np.int64)
    for shift in range(0, 3 * fine, RADIX_BITS):
        radix_pass(keys, order, shift, starts, sorted_keys, sorted_order)
        keys, sorted_keys = sorted_keys, keys
        order, sorted_order = sorted_order, order
    return keys, order


def _order_by_time(gps_time: NDArray[np.float64], order: NDArray[np.uint32], counts: NDArray[np.int64]) -> None:
    """Sort the points of each node by GPS time, in place: times that grow compress better."""
    ends = np.cumsum(counts)
    for start, end in zip((ends - counts).tolist(), ends.tolist(), strict=True):
        times = gps_time[order[start:end]]
        if (times[1:] < times[:-1]).any():
            order[start:end] = order[start:end][np.argsort(times, kind="stable")]
