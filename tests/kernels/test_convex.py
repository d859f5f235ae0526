"""kernels.convex: rings told and cut as shapely tells and cuts them, and drawn as the plain way draws them."""

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kernels.convex import clip_convex, is_convex
from kernels.rings import is_simple

SQUARE = [(0, 0), (10, 0), (10, 10), (0, 10)]

places = st.tuples(st.integers(-60, 60), st.integers(-60, 60))


def flat(ring):
    x, y = np.array(ring, np.int64).T
    return np.ascontiguousarray(x), np.ascontiguousarray(y)


def convex(ring):
    x, y = flat(ring)
    return bool(is_convex(x, y, 0, len(x)))


def clipped(ring, low, high):
    x, y = flat(ring)
    room = len(x) + 4
    out_x, out_y = np.empty(room, np.int64), np.empty(room, np.int64)
    size = clip_convex(x, y, len(x), low, high, out_x, out_y, *(np.empty(room) for _ in range(4)))
    return list(zip(out_x[:size].tolist(), out_y[:size].tolist(), strict=True))


@pytest.mark.parametrize(
    ("ring", "expected"),
    [
        (SQUARE, True),
        (SQUARE[1:] + SQUARE[:1], True),
        (SQUARE[::-1], False),  # the other way round
        ([(0, 0), (5, 0), (10, 0), (10, 10)], True),  # a vertex on a straight line
        ([(0, 0), (10, 0), (10, 10), (10, 5)], False),  # back onto itself
        ([(0, 0), (10, 0), (10, 10), (5, 4), (0, 10)], False),  # a notch
        ([(0, 0), (10, 10)], False),
        ([(0, 0), (10, 10), (20, 20)], False),
        ([(0, -10), (6, 8), (-9, -3), (9, -3), (-6, 8)], False),  # a star of five points turns twice
        ([*SQUARE, *[(x + 1, y + 1) for x, y in SQUARE]], False),  # round and round
    ],
)
def test_rings_that_turn_one_way_once_are_told(ring, expected):
    assert convex(ring) is expected


@settings(max_examples=300, deadline=None)
@given(st.lists(places, min_size=3, max_size=7, unique=True))
def test_what_is_told_to_be_convex_is_its_own_hull_and_simple(ring):
    polygon = shapely.Polygon(ring)
    x, y = flat(ring)
    if convex(ring):
        assert polygon.is_valid
        assert polygon.equals(polygon.convex_hull)
        assert is_simple(x, y, np.array([0, len(x)]), 1, np.empty(len(x), np.int64))
    elif polygon.is_valid and polygon.area > 0 and polygon.equals(polygon.convex_hull):
        assert not polygon.exterior.is_ccw  # given with y upwards: the ring turns the other way


@settings(max_examples=300, deadline=None)
@given(st.lists(places, min_size=3, max_size=12), st.integers(-40, 0), st.integers(1, 40))
def test_what_is_left_of_a_ring_is_what_shapely_leaves_of_it(points, low, high):
    hull = shapely.MultiPoint(points).convex_hull
    assume(hull.geom_type == "Polygon")
    expected = hull.intersection(shapely.box(low, low, high, high))
    ring = clipped(shapely.orient_polygons(hull, exterior_cw=False).exterior.coords[:-1], low, high)
    if expected.area == 0:
        assert len(ring) < 3 or shapely.Polygon(ring).area == 0
        return
    got = shapely.MultiPoint(ring)
    assert low <= min(min(place) for place in ring)
    assert max(max(place) for place in ring) <= high
    # each corner lies within half a unit, both ways, of where it is
    assert shapely.hausdorff_distance(got.convex_hull, expected) <= 0.5**0.5 + 1e-9


def test_a_ring_that_covers_the_square_leaves_the_square():
    corners = clipped([(-100, -100), (100, -100), (100, 100), (-100, 100)], -5, 5)
    assert sorted(corners) == [(-5, -5), (-5, 5), (5, -5), (5, 5)]
    assert convex(corners)


@pytest.mark.parametrize("ring", [[(20, 20), (30, 20), (30, 30)], [(-9, -30), (9, -30), (0, -20)]])
def test_a_ring_beyond_the_square_leaves_nothing(ring):
    assert clipped(ring, -10, 10) == []
