"""kernels.rings: areas and crossings against shapely."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.rings import doubled_area, is_simple


def flat(*rings):
    xy = np.concatenate([np.array(ring) for ring in rings]).astype(np.int64)
    starts = np.cumsum([0, *(len(ring) for ring in rings)]).astype(np.int64)
    x, y = (np.ascontiguousarray(xy[:, axis]) for axis in (0, 1))
    return x, y, starts


def simple(*rings):
    x, y, starts = flat(*rings)
    return is_simple(x, y, starts, len(rings), np.empty(len(x), np.int64))


SQUARE = [(0, 0), (10, 0), (10, 10), (0, 10)]


@pytest.mark.parametrize(
    ("ring", "area"), [(SQUARE, 200), (SQUARE[::-1], -200), ([(0, 0), (5, 5)], 0), ([(0, 0), (5, 5), (9, 9)], 0)]
)
def test_the_area_is_signed_by_the_turn(ring, area):
    x, y, starts = flat(ring)
    assert doubled_area(x, y, 0, starts[1]) == area


def test_the_area_of_a_ring_far_away_is_exact():
    x, y, _ = flat([(2**31, 2**31), (2**31 + 3, 2**31), (2**31, 2**31 + 5)])
    assert doubled_area(x, y, 0, 3) == 15


@pytest.mark.parametrize(
    ("rings", "expected"),
    [
        ([SQUARE], True),
        ([[(0, 0), (10, 10), (10, 0), (0, 10)]], False),  # a bow
        ([SQUARE, [(2, 2), (2, 4), (4, 4)]], True),
        ([SQUARE, [(2, 2), (2, 14), (4, 4)]], False),  # the hole leaves
        ([SQUARE, [(0, 5), (2, 6), (2, 4)]], False),  # the hole touches
        ([[(0, 0), (10, 0), (10, 10), (10, 5)]], False),  # folded back onto itself
        ([[(0, 0), (5, 0), (10, 0), (10, 10)]], True),  # a vertex on a straight line
        ([[(0, 0), (4, 0), (4, 4), (8, 4), (8, 8), (4, 8), (4, 4), (0, 4)]], False),  # an eight
    ],
)
def test_rings_that_meet_are_told(rings, expected):
    assert simple(*rings) is expected


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=3, max_size=9, unique=True))
def test_a_ring_is_simple_only_where_shapely_says_valid(points):
    polygon = shapely.Polygon(points)
    if simple(points) and polygon.area > 0:
        assert polygon.is_valid
    elif polygon.area > 0:
        assert not polygon.is_valid or not shapely.LinearRing(points).is_simple or len(points) == 3


@pytest.mark.parametrize("count", [40, 49, 300])
def test_many_edges_are_judged_as_few_are(count):
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    ring = np.rint(np.column_stack([np.cos(angles), np.sin(angles)]) * 100_000)
    assert simple(ring)
    crossed = ring.copy()
    crossed[[count // 3, count // 3 + 2]] = crossed[[count // 3 + 2, count // 3]]
    assert not simple(crossed)
