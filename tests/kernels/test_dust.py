"""kernels.dust: of what is too small to be seen, as many are drawn as their sizes add up to, block by block."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernels.dust import gather_settled, middle_cells, middle_places, stand_in
from kernels.hilbert import hilbert_keys


def chosen(blocks, sizes, whole, least=0.0):
    """Mark features whose place along the curve is their block, four places a block."""
    count = len(blocks)
    marks = np.empty(count, np.uint8)
    places = np.array([4 * block + n % 4 for n, block in enumerate(blocks)], np.int64)
    order = np.argsort(places, kind="stable")
    stand_in(order, places, 2, np.array(sizes, np.float64), least, float(whole), marks)
    return np.flatnonzero(marks).tolist()


def test_one_stands_for_those_that_add_up_to_a_whole():
    """From a half on a whole one is drawn: 0.3, 0.6 (drawn), 0.9, 1.2; and 0.4, 0.8 (drawn), 1.2, 1.6 (drawn)."""
    assert chosen([0] * 4, [3.0] * 4, 10.0) == [1]
    assert chosen([0] * 4, [4.0] * 4, 10.0) == [1, 3]


def test_blocks_are_added_up_apart_and_each_feature_counts_something():
    assert chosen([7, 7, 8, 8], [3.0, 3.0, 3.0, 1.0], 10.0) == [1]
    assert chosen([7, 7, 7], [0.0, 0.0, 0.0], 10.0, least=2.0) == [2]


@given(st.lists(st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 4), min_size=1, max_size=20), st.integers(0, 30))
def test_middles_lie_in_the_squares_that_arithmetic_says(corners, shift):
    boxes = np.array([(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners], np.int32)
    cells = np.empty(len(boxes), np.int64)
    middle_cells(boxes, shift, cells)
    for (low_x, low_y, high_x, high_y), cell in zip(boxes.tolist(), cells.tolist(), strict=True):
        col, row = (low_x + high_x) // 2 // 2**shift, (low_y + high_y) // 2 // 2**shift
        assert cell == (col << 32) + row


@given(st.lists(st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 2), min_size=1, max_size=20), st.integers(1, 31))
def test_places_along_the_curve_are_those_of_points(points, shift):
    """As `kernels.hilbert` has them, over the same squares."""
    boxes = np.array([(x, y, x, y) for x, y in points], np.int32)
    places, expected = np.empty(len(boxes), np.int64), np.empty(len(boxes), np.int64)
    middle_places(boxes, shift, places)
    x, y = boxes[:, :2].T.astype(np.float64)
    low = -(2.0**31)
    hilbert_keys(np.ascontiguousarray(x), np.ascontiguousarray(y), low, low, 2.0**shift, 32 - shift, expected)
    assert places.tolist() == expected.tolist()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 90)), max_size=60))
def test_as_many_are_drawn_as_there_is_ground(features):
    """Sizes in whole numbers, so that the sum of a block is exact."""
    blocks, sizes = [block for block, _ in features], [float(size) for _, size in features]
    marked = chosen(blocks, sizes, 100.0)
    for block in range(4):
        total = sum(size for one, size in zip(blocks, sizes, strict=True) if one == block)
        assert sum(blocks[k] == block for k in marked) == int(total / 100.0 + 0.5)


def test_squares_stand_around_the_middle_on_the_grid_and_others_stay_as_they_are():
    """Units of 4 cells: the square has 32 a side, and its corner is on a multiple of 4."""
    parts, ends = np.array([0, 1, 2], np.uint32), np.array([0, 3, 6], np.uint32)
    vertices = np.array([[101, 203], [107, 203], [107, 209], [1, 2], [3, 4], [5, 9]], np.int32)
    boxes = np.array([[101, 203, 107, 209], [1, 2, 5, 9]], np.int32)
    squared = np.array([1, 0], np.uint8)
    new_parts, new_ends, new_vertices = np.empty(3, np.uint32), np.empty(3, np.uint32), np.empty((7, 2), np.int32)
    gather_settled(np.arange(2), squared, boxes, 2, parts, ends, vertices, new_parts, new_ends, new_vertices)
    assert (new_parts.tolist(), new_ends.tolist()) == ([0, 1, 2], [0, 4, 7])
    # the middle is 104, 206; less 16 that is 88, 190, and on the grid 88, 188
    assert new_vertices.tolist() == [[88, 188], [120, 188], [120, 220], [88, 220], [1, 2], [3, 4], [5, 9]]


def test_squares_at_the_end_of_the_cells_stay_within():
    boxes = np.array([[2**31 - 3, -(2**31), 2**31 - 1, -(2**31)]], np.int32)
    one = np.array([0, 1], np.uint32)
    vertices, new = np.zeros((1, 2), np.int32), np.empty((4, 2), np.int32)
    gather_settled(np.arange(1), np.ones(1, np.uint8), boxes, 20, one, one, vertices, one.copy(), one.copy(), new)
    side = 8 << 20
    assert new[:, 0].tolist() == [2**31 - 1 - side, 2**31 - 1, 2**31 - 1, 2**31 - 1 - side]
    assert new[:, 1].tolist() == [-(2**31), -(2**31), -(2**31) + side, -(2**31) + side]
