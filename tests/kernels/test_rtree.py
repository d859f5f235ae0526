"""kernels.rtree: what a search finds is what looking at every box finds, in order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.rtree import NODE, build_tree, search_many, search_tree, tree_nodes

ALL = np.empty(0, np.uint8)
"""No item is passed over."""


def tree_of(boxes):
    tree = np.full((tree_nodes(len(boxes)), 4), 7, np.int32)
    build_tree(boxes, tree)
    return tree


def random_boxes(count, seed):
    generator = np.random.default_rng(seed)
    low = generator.integers(-1000, 1000, (count, 2))
    return np.column_stack([low, low + generator.integers(0, 60, (count, 2))]).astype(np.int32)


@pytest.mark.parametrize(("count", "nodes"), [(0, 0), (1, 1), (16, 1), (17, 3), (256, 17), (257, 17 + 2 + 1)])
def test_a_tree_has_a_node_for_every_sixteen_of_the_level_below(count, nodes):
    assert NODE == 16
    assert tree_nodes(count) == nodes


@pytest.mark.parametrize("count", [1, 15, 16, 17, 255, 256, 257, 700])
def test_the_root_is_the_box_around_all(count):
    boxes = random_boxes(count, count)
    assert tree_of(boxes)[-1].tolist() == [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 600),
    st.integers(0, 2**31),
    st.tuples(*[st.integers(-1100, 1100)] * 2),
    st.tuples(*[st.integers(0, 400)] * 2),
)
def test_a_search_finds_what_looking_at_all_finds(count, seed, corner, size):
    boxes = random_boxes(count, seed)
    low_x, low_y = corner
    high_x, high_y = low_x + size[0], low_y + size[1]
    meets = (boxes[:, 0] <= high_x) & (boxes[:, 1] <= high_y) & (boxes[:, 2] >= low_x) & (boxes[:, 3] >= low_y)
    found = np.empty(max(count, 1), np.int64)
    total = search_tree(boxes, tree_of(boxes), ALL, low_x, low_y, high_x, high_y, found)
    assert found[:total].tolist() == np.flatnonzero(meets).tolist()
    shown = np.random.default_rng(seed).integers(0, 2, count).astype(np.uint8)
    total = search_tree(boxes, tree_of(boxes), shown, low_x, low_y, high_x, high_y, found)
    assert found[:total].tolist() == np.flatnonzero(meets & (shown == 1)).tolist()


def test_a_search_without_room_tells_how_much_it_needs():
    boxes = np.tile(np.array([0, 0, 1, 1], np.int32), (50, 1))
    found = np.full(3, -1, np.int64)
    assert search_tree(boxes, tree_of(boxes), ALL, 0, 0, 1, 1, found) == 50
    assert found.tolist() == [0, 1, 2]


@given(st.integers(1, 300), st.integers(0, 1000), st.integers(0, 12))
def test_a_search_of_many_boxes_finds_each_item_once(count, seed, queries):
    boxes = random_boxes(count, seed)
    asked = random_boxes(queries, seed + 1).astype(np.int64) if queries else np.empty((0, 4), np.int64)
    expected = set()
    for low_x, low_y, high_x, high_y in asked.tolist():
        meets = (boxes[:, 0] <= high_x) & (boxes[:, 1] <= high_y) & (boxes[:, 2] >= low_x) & (boxes[:, 3] >= low_y)
        expected |= set(np.flatnonzero(meets).tolist())
    found, marks = np.empty(count, np.int64), np.zeros(count, np.uint8)
    total = search_many(boxes, tree_of(boxes), asked, 2**40, np.empty(count, np.int64), marks, found)
    assert sorted(found[:total].tolist()) == sorted(expected)
    assert set(np.flatnonzero(marks).tolist()) == expected


def test_a_search_of_many_boxes_that_meet_too_much_is_given_up():
    boxes = np.tile(np.array([0, 0, 1, 1], np.int32), (50, 1))
    asked = np.zeros((3, 4), np.int64)
    room, marks = np.empty(50, np.int64), np.zeros(50, np.uint8)
    assert search_many(boxes, tree_of(boxes), asked, 100, room.copy(), marks, room) == -1
    assert search_many(boxes, tree_of(boxes), asked[:2], 100, room.copy(), np.zeros(50, np.uint8), room) == 50
