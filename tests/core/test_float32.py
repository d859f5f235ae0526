"""core.float32: the neighbours numpy's nextafter finds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.float32 import float_above, float_below

SINGLES = st.floats(-(2.0**127), 2.0**127, width=32)


@given(SINGLES)
def test_the_neighbours_of_a_single_are_numpys(value):
    assert float_above(value) == np.nextafter(np.float32(value), np.float32(np.inf))
    assert float_below(value) == np.nextafter(np.float32(value), np.float32(-np.inf))


@given(st.floats(-3e38, 3e38))
def test_nothing_lies_between_a_number_and_its_neighbours(value):
    above, below = float_above(value), float_below(value)
    assert below < value < above
    between = np.float32(value)
    assert between in {np.float32(below), np.float32(above)} or float(between) == value
