"""kernels.dust: of what is too small to be seen, as many are drawn as their sizes add up to, block by block."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernels.dust import stand_in


def chosen(blocks, sizes, whole, kinds=None):
    count = len(blocks)
    marks = np.empty(count, np.uint8)
    order = np.lexsort((np.arange(count), blocks, np.zeros(count) if kinds is None else kinds))
    stand_in(
        order,
        np.full(count, 3, np.uint8) if kinds is None else np.array(kinds, np.uint8),
        np.array(blocks, np.int64),
        np.array(sizes, np.float64),
        np.full(count, float(whole)),
        marks,
    )
    return np.flatnonzero(marks).tolist()


def test_one_stands_for_those_that_add_up_to_a_whole():
    """From a half on a whole one is drawn: 0.3, 0.6 (drawn), 0.9, 1.2, 1.5 (drawn)."""
    assert chosen([0] * 5, [3.0] * 5, 10.0) == [1, 4]


def test_blocks_and_kinds_are_added_up_apart():
    assert chosen([7, 7, 8, 8], [3.0, 3.0, 3.0, 1.0], 10.0) == [1]
    assert chosen([7, 7], [4.0, 4.0], 10.0, kinds=[2, 3]) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 90)), max_size=60))
def test_as_many_are_drawn_as_there_is_ground(features):
    """Sizes in whole numbers, so that the sum of a block is exact."""
    blocks, sizes = [block for block, _ in features], [float(size) for _, size in features]
    marked = chosen(blocks, sizes, 100.0)
    for block in range(4):
        total = sum(size for one, size in zip(blocks, sizes, strict=True) if one == block)
        assert sum(blocks[k] == block for k in marked) == int(total / 100.0 + 0.5)
