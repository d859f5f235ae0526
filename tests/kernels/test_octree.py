"""The octree kernels against plain numpy and Python."""

import numpy as np
import pytest

from kernels import octree

FINE, CELL_BITS, DEPTH = 9, 3, 6
"""Bits of a key along an axis, bits of a cell within a node, deepest level."""


def reference_keys(cells):
    """Interleave the bits of (n, 3) cell numbers, x lowest, with Python integers."""
    keys = []
    for column, row, layer in cells.tolist():
        bits = [((number >> bit) & 1) << (3 * bit + axis) for bit in range(21) for axis, number in
                enumerate((column, row, layer))]  # fmt: skip
        keys.append(sum(bits))
    return np.array(keys, np.uint64)


def scattered(n, seed=5):
    """Return n cells of a bumpy surface, thick on one side, with repeats."""
    rng = np.random.default_rng(seed)
    xy = rng.integers(0, 1 << FINE, (n, 2))
    xy[: n // 3] //= 8
    z = (xy.sum(axis=1) // 4 + rng.integers(0, 6, n)) % (1 << FINE)
    cells = np.column_stack([xy, z])
    cells[-n // 10 :] = cells[: len(cells[-n // 10 :])]
    return cells


def levels_of(keys, capacity=40, minimum=5):
    levels = np.empty(len(keys), np.int8)
    octree.assign_levels(keys, FINE, CELL_BITS, DEPTH, capacity, minimum, levels)
    return levels


@pytest.fixture
def keys():
    return np.sort(reference_keys(scattered(1500)))


@pytest.mark.parametrize("packed", [True, False], ids=["inside records", "own arrays"])
def test_keys_interleave_the_cells(packed):
    cells = scattered(300).astype(np.int32)
    dtype = np.dtype([("x", "<i4"), ("y", "<i4"), ("z", "<i4"), ("rest", "u1", 5)])
    points = np.zeros(300, dtype if packed else np.dtype(dtype.descr[:3]))
    for axis, name in enumerate("xyz"):
        points[name] = cells[:, axis] - 1000
    points.flags.writeable = False
    keys = np.empty(300, np.uint64)
    origin, scale = np.full(3, -1000, np.int64), np.ones(3)
    octree.morton_keys(points["x"], points["y"], points["z"], origin, scale, 0.5, 1 << FINE, keys)
    np.testing.assert_array_equal(keys, reference_keys(cells))


def test_points_on_the_far_face_stay_in_the_cube():
    x = np.array([-(2**31), 2**31 - 1], np.int32)
    keys = np.empty(2, np.uint64)
    octree.morton_keys(x, x, x, np.full(3, -(2**31), np.int64), np.full(3, 2.0**21 / 2**32), 1.0, 1 << 21, keys)
    np.testing.assert_array_equal(keys, reference_keys(np.array([[1, 1, 1], [2**21 - 1] * 3])))


def test_passes_sort_like_numpy_and_keep_equal_keys_in_order():
    keys = np.random.default_rng(1).integers(0, 1 << 33, 2000).astype(np.uint64) >> np.uint64(20) << np.uint64(20)
    order = np.arange(2000, dtype=np.uint32)
    starts = np.empty(1 << octree.RADIX_BITS, np.int64)
    result, index = keys, order
    for shift in (0, 11, 22):
        next_keys, next_order = np.empty_like(keys), np.empty_like(order)
        octree.radix_pass(result, index, shift, starts, next_keys, next_order)
        result, index = next_keys, next_order
    np.testing.assert_array_equal(index, np.argsort(keys, kind="stable"))
    np.testing.assert_array_equal(result, np.sort(keys))


def test_every_point_gets_one_level(keys):
    levels = levels_of(keys)
    assert levels.min() == 0
    assert levels.max() <= DEPTH
    assert len(np.unique(levels)) > 2


def test_every_node_has_a_parent_with_points(keys):
    levels = levels_of(keys)
    nodes = {(int(l), int(k) >> (3 * (FINE - int(l)))) for l, k in zip(levels, keys, strict=True)}
    assert all(level == 0 or (level - 1, prefix >> 3) in nodes for level, prefix in nodes)


def test_a_sampled_node_keeps_one_point_a_cell_plus_what_is_too_few_for_a_child(keys):
    levels = levels_of(keys, minimum=0)
    for level in range(DEPTH):
        mine = levels == level
        node = keys >> np.uint64(3 * (FINE - level))
        deeper = set(node[levels > level].tolist())
        sampled = keys[mine & np.isin(node, list(deeper))] >> np.uint64(3 * (FINE - CELL_BITS - level))
        assert len(np.unique(sampled)) == len(sampled)


def test_no_node_is_smaller_than_the_minimum(keys):
    levels = levels_of(keys, minimum=7)
    nodes = [(int(l), int(k) >> (3 * (FINE - int(l)))) for l, k in zip(levels, keys, strict=True)]
    assert min(nodes.count(node) for node in set(nodes)) >= 7


def test_points_at_one_place_end_at_the_deepest_level():
    levels = levels_of(np.zeros(100, np.uint64))
    assert np.bincount(levels).tolist() == [1] * DEPTH + [100 - DEPTH]


def test_few_points_stay_in_the_root():
    np.testing.assert_array_equal(levels_of(np.arange(40, dtype=np.uint64)), 0)


def test_groups_hold_the_points_of_their_node_in_the_order_of_the_file():
    cells = scattered(1200)
    unsorted = reference_keys(cells)
    order = np.argsort(unsorted, kind="stable").astype(np.uint32)
    keys = unsorted[order]
    levels = levels_of(keys)
    nodes = octree.count_nodes(keys, levels, FINE, DEPTH)
    node_of, grouped = np.empty(1200, np.uint32), np.empty(1200, np.uint32)
    level, prefix, points = np.empty(nodes, np.int32), np.empty(nodes, np.uint64), np.empty(nodes, np.int64)
    octree.number_nodes(keys, levels, order, FINE, DEPTH, node_of, level, prefix, points)
    octree.group_points(node_of, np.cumsum(points) - points, grouped)

    level_of = np.empty(1200, np.int64)
    level_of[order] = levels
    own = [(int(l), int(k) >> (3 * (FINE - int(l)))) for l, k in zip(level_of, unsorted, strict=True)]
    expected = sorted(range(1200), key=lambda i: (*own[i], i))
    assert grouped.tolist() == expected
    assert list(zip(level.tolist(), prefix.tolist(), strict=True)) == sorted(set(own))
    assert points.tolist() == [own.count(node) for node in sorted(set(own))]


@pytest.mark.parametrize("writeable", [True, False], ids=["owned", "read-only"])
def test_gathered_records_equal_numpy_take(writeable):
    records = np.random.default_rng(2).integers(0, 256, (50, 31)).astype(np.uint8)
    order = np.random.default_rng(3).integers(0, 50, 20).astype(np.uint32)
    records.flags.writeable = order.flags.writeable = writeable
    gathered = np.empty((20, 31), np.uint8)
    octree.gather(records, order, gathered)
    np.testing.assert_array_equal(gathered, records[order])


def test_survey_counts_like_numpy():
    rng = np.random.default_rng(4)
    x, y, z = rng.integers(-(2**31), 2**31, (3, 500)).astype(np.int32)
    returns, classes = rng.integers(0, 256, (2, 500)).astype(np.uint8)
    time = rng.random(500)
    time[7] = np.nan
    extent = np.array([[2**31] * 3, [-(2**31)] * 3], np.int64)
    by_return, by_class = np.zeros(16, np.int64), np.zeros(256, np.int64)
    gps = np.array([np.inf, -np.inf, -np.inf])
    backwards = octree.survey(x, y, z, returns, classes, time, extent, by_return, by_class, gps)
    assert extent.tolist() == [[a.min() for a in (x, y, z)], [a.max() for a in (x, y, z)]]
    np.testing.assert_array_equal(by_return, np.bincount(returns & 15, minlength=16))
    np.testing.assert_array_equal(by_class, np.bincount(classes, minlength=256))
    assert gps[:2].tolist() == [np.nanmin(time), np.nanmax(time)]
    assert backwards == (np.diff(np.delete(time, 7)) < 0).sum()
