"""kernels.mending: rings that rounding made touch or cross, against shapely."""

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kernels.mending import UNMENDED, mend_rings

SQUARE = [(0, 0), (20, 0), (20, 20), (0, 20)]


def mended(*rings):
    """Return mended rings as a list of polygons, or None."""
    xy = np.concatenate([np.array(ring, np.int64) for ring in rings])
    starts = np.cumsum([0, *(len(ring) for ring in rings)]).astype(np.int64)
    x, y = (np.ascontiguousarray(xy[:, axis]) for axis in (0, 1))
    room = 8 * len(x) + 16
    out_x, out_y, out_starts = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    count = mend_rings(x, y, starts, len(rings), out_x, out_y, out_starts)
    if count == UNMENDED:
        return None
    polygons = []
    for ring in range(count):
        place = slice(out_starts[ring], out_starts[ring + 1])
        line = shapely.LinearRing(np.column_stack([out_x[place], out_y[place]]))
        if line.is_ccw:  # with y downwards: clockwise as seen on a screen
            polygons.append((line, []))
        else:
            polygons[-1][1].append(line)
    return [shapely.Polygon(outer, holes) for outer, holes in polygons]


@pytest.mark.parametrize(
    ("rings", "expected"),
    [
        ([SQUARE], ["((0 0,20 0,20 20,0 20,0 0))"]),
        # two squares that share a vertex, given as one ring: an eight
        (
            [[(0, 0), (9, 0), (9, 9), (18, 9), (18, 18), (9, 18), (9, 9), (0, 9)]],
            ["((0 0,9 0,9 9,0 9,0 0))", "((9 9,18 9,18 18,9 18,9 9))"],
        ),
        # a hole that is part of the outer ring
        (
            [[(0, 0), (20, 0), (20, 20), (0, 20), (0, 0), (5, 9), (9, 9), (9, 5)]],
            ["((0 0,20 0,20 20,0 20,0 0),(0 0,9 5,9 9,5 9,0 0))"],
        ),
        # a hole that touches the outer ring in a vertex of its own stays, one along its side becomes a notch
        ([SQUARE, [(0, 9), (5, 12), (5, 6)]], ["((0 0,20 0,20 20,0 20,0 9,0 0),(0 9,5 6,5 12,0 9))"]),
        ([SQUARE, [(0, 5), (0, 9), (5, 9), (5, 5)]], ["((0 0,20 0,20 20,0 20,0 9,5 9,5 5,0 5,0 0))"]),
        # a hole from side to side cuts in two
        (
            [SQUARE, [(0, 9), (0, 11), (20, 11), (20, 9)]],
            ["((0 0,20 0,20 9,0 9,0 0))", "((0 11,20 11,20 20,0 20,0 11))"],
        ),
        # two polygons that share a side become one
        ([SQUARE, [(20, 0), (40, 0), (40, 20), (20, 20)]], ["((0 0,20 0,40 0,40 20,20 20,0 20,0 0))"]),
        # a corridor of no width
        (
            [[(0, 0), (9, 0), (9, 5), (30, 5), (30, 0), (40, 0), (40, 9), (30, 9), (30, 5), (9, 5), (9, 9), (0, 9)]],
            ["((0 0,9 0,9 5,9 9,0 9,0 0))", "((30 0,40 0,40 9,30 9,30 5,30 0))"],
        ),
        # the holes of two pieces, given after both
        (
            [SQUARE, [(30, 0), (50, 0), (50, 20), (30, 20)], [(5, 5), (5, 9), (9, 9)], [(35, 5), (35, 9), (39, 9)]],
            ["((0 0,20 0,20 20,0 20,0 0),(5 5,9 9,5 9,5 5))", "((30 0,50 0,50 20,30 20,30 0),(35 5,39 9,35 9,35 5))"],
        ),
    ],
)
def test_rings_are_linked_anew(rings, expected):
    got = mended(*rings)
    wanted = [shapely.from_wkt(f"POLYGON {text}") for text in expected]
    assert all(polygon.is_valid for polygon in got)
    assert len(got) == len(wanted)
    for polygon in wanted:
        assert sum(polygon.equals(one) for one in got) == 1


@pytest.mark.parametrize(
    "rings",
    [
        [[(0, 0), (0, 20), (20, 20)]],  # the wrong way round, and large
        [[(0, 0), (10, 10), (10, 0), (0, 12)]],  # a bow
        [SQUARE, [(2, 2), (18, 2), (18, 18), (2, 18)]],  # covered twice
        [[(0, 0), (9000, 0), (9000, 9)]],  # beyond what a tile shows
        [[(n, n % 2) for n in range(1500)] + [(n, 9 + n % 2) for n in range(1499, -1, -1)]],  # too many sides
    ],
)
def test_what_rounding_has_not_done_is_left_alone(rings):
    assert mended(*rings) is None


def test_a_corner_a_unit_too_far_costs_a_sliver():
    [left, right] = mended([(0, 0), (20, 0), (20, 20), (12, 20), (11, -1), (10, 20), (0, 20)])
    assert left.is_valid
    assert right.is_valid
    assert not left.intersects(shapely.Point(11, 5))
    assert left.area + right.area == pytest.approx(400 - 20, abs=3)


coordinate = st.floats(-90, 90)


@st.composite
def roughly_valid(draw):
    """Return a valid area on real coordinates whose rings come near one another."""
    count = draw(st.integers(5, 24))
    radii = np.array(draw(st.lists(st.floats(0.02, 1.0), min_size=count, max_size=count))) * draw(
        st.sampled_from([4.0, 15.0, 90.0])
    )
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False) + draw(st.floats(0, 1))
    star = shapely.Polygon(np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None])
    for _ in range(draw(st.integers(0, 2))):
        corridor = shapely.LineString([(draw(coordinate), draw(coordinate)), (draw(coordinate), draw(coordinate))])
        star = star.difference(corridor.buffer(draw(st.floats(0.2, 2.0)), cap_style="flat"))
    star = star.difference(shapely.Point(draw(coordinate), draw(coordinate)).buffer(draw(st.floats(0.3, 9.0)), 2))
    assume(star.is_valid and star.area > 0)
    return star


def rounded_rings(area):
    """Return the rings of an area on whole coordinates, spikes left as they are."""
    rings = []
    for polygon in getattr(area, "geoms", [area]):
        for number, ring in enumerate([polygon.exterior, *polygon.interiors]):
            xy = np.floor(np.array(ring.coords) + 0.5).astype(np.int64)
            if ring.is_ccw != (number == 0):
                xy = xy[::-1]
            xy = xy[:-1][(xy[:-1] != np.roll(xy[:-1], 1, axis=0)).any(axis=1)]
            if len(xy) > 2:
                rings.append([tuple(place) for place in xy.tolist()])
    return rings


@settings(max_examples=300, deadline=None)
@given(roughly_valid())
def test_what_rounding_did_to_a_valid_area_is_mended(area):
    rings = rounded_rings(area)
    assume(rings)
    got = mended(*rings)
    assert got is not None
    union = shapely.MultiPolygon(got)
    assert union.is_valid
    # nothing lies further than the diagonal of half a unit from where it was, and once more where sides were split
    assert union.difference(area.buffer(1.5)).area == 0
    assert area.buffer(-1.5).difference(union).area == 0


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=9))
def test_what_is_returned_is_valid_whatever_is_given(points):
    ring = [here for here, before in zip(points, points[-1:] + points[:-1], strict=True) if here != before]
    assume(len(ring) > 2)
    got = mended(ring)
    if got is not None:
        assert shapely.MultiPolygon(got).is_valid
        # crossings are rounded, sides with them
        assert shapely.MultiPolygon(got).difference(shapely.MultiPoint(ring).convex_hull.buffer(1.5)).area == 0
