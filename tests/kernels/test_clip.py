"""kernels.clip: cut by shapely and by us, the same within the rounding of a cut."""

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kernels.clip import LOOSE, UNSURE, clip_line, clip_polygon
from kernels.mending import mend_rings

LOW, HIGH = 0, 100
BOX = shapely.box(LOW, LOW, HIGH, HIGH)


def cut_polygon(*rings):
    """Return the rings of what lies in the square, mended where they came out loose; None when they cannot be."""
    xy = np.concatenate([np.array(ring) for ring in rings]).astype(np.int64)
    x, y = (np.ascontiguousarray(xy[:, axis]) for axis in (0, 1))
    starts = np.cumsum([0, *(len(ring) for ring in rings)]).astype(np.int64)
    room = 8 * len(x) + 16
    out_x, out_y = np.empty(room, np.int64), np.empty(room, np.int64)
    out_starts = np.zeros(len(x) + len(rings) + 4, np.int64)
    chains = np.empty(3 * len(x) + 3, np.int64), np.empty(3 * len(x) + 3, np.int64), np.empty(len(x) + 3, np.int64)
    places = np.empty(len(x) + 2), np.empty(len(x) + 2)
    parts = clip_polygon(
        x, y, starts, 0, len(rings), LOW, HIGH, out_x, out_y, out_starts, 0, *chains, *places
    )  # fmt: skip
    if parts <= LOOSE:
        parts = mend_rings(out_x, out_y, out_starts, LOOSE - parts, out_x, out_y, out_starts)
    if parts == UNSURE:
        return None
    return [np.column_stack([out_x, out_y])[out_starts[n] : out_starts[n + 1]] for n in range(parts)]


def turned_right(polygon):
    """Return the rings of a polygon as the kernel wants them: surveyor's area positive for the outer one."""
    oriented = shapely.orient_polygons(polygon)
    return [np.array(ring.coords)[:-1] for ring in (oriented.exterior, *oriented.interiors)]


def as_polygons(rings):
    """Return rings as a MultiPolygon by their turns: positive ones begin a polygon."""
    polygons = []
    for ring in rings:
        if shapely.LinearRing(ring).is_ccw:
            polygons.append([ring, []])
        else:
            polygons[-1][1].append(ring)
    return shapely.MultiPolygon([shapely.Polygon(outer, holes) for outer, holes in polygons])


def test_what_lies_inside_comes_out_as_it_was():
    ring = [(10, 10), (20, 10), (20, 20)]
    [found] = cut_polygon(ring)
    assert found.tolist() == [list(place) for place in ring]


def test_what_lies_outside_gives_nothing():
    assert cut_polygon([(110, 10), (120, 10), (120, 20)]) == []
    assert cut_polygon([(-10, -10), (-5, -10), (-5, -5)]) == []


def test_a_polygon_around_the_square_gives_the_square():
    [found] = cut_polygon([(-10, -10), (110, -10), (110, 110), (-10, 110)])
    assert shapely.Polygon(found).equals(BOX)


def test_a_hole_of_a_polygon_around_the_square_stays_a_hole():
    outer, hole = cut_polygon(
        [(-10, -10), (110, -10), (110, 110), (-10, 110)], [(40, 40), (40, 60), (60, 60), (60, 40)]
    )
    assert shapely.Polygon(outer, [hole]).area == 100 * 100 - 20 * 20


def test_a_square_within_a_hole_gives_nothing():
    assert cut_polygon(
        [(-90, -90), (190, -90), (190, 190), (-90, 190)], [(-10, -10), (-10, 110), (110, 110), (110, -10)]
    ) == []  # fmt: skip


def test_a_comb_falls_apart_without_bridges():
    comb = [(-20, 10), (50, 10), (50, 20), (-10, 20), (-10, 40), (50, 40), (50, 50), (-20, 50)]
    found = cut_polygon(comb)
    assert sorted(shapely.Polygon(ring).bounds for ring in found) == [(0, 10, 50, 20), (0, 40, 50, 50)]


def test_holes_find_the_piece_they_belong_to():
    comb = [(-20, 10), (50, 10), (50, 20), (-10, 20), (-10, 40), (50, 40), (50, 50), (-20, 50)]
    low, high = [(30, 13), (30, 17), (34, 17)], [(30, 43), (30, 47), (34, 47)]
    for holes in ([low], [high], [high, low]):
        got = as_polygons(cut_polygon(comb, *holes))
        assert got.is_valid
        expected = shapely.Polygon(comb, holes).intersection(BOX)
        assert got.equals(expected)


def test_a_ring_that_passes_every_corner_outside_keeps_the_corners():
    [found] = cut_polygon([(50, -60), (160, 50), (50, 160), (-60, 50)])
    expected = shapely.Polygon([(50, -60), (160, 50), (50, 160), (-60, 50)]).intersection(BOX)
    assert shapely.Polygon(found).symmetric_difference(expected).area < 1e-9


def stars(draw):
    """Return a star around a place: any number of spikes, simple by construction."""
    count = draw(st.integers(3, 12))
    centre = draw(st.tuples(st.integers(-40, 140), st.integers(-40, 140)))
    radii = draw(st.lists(st.integers(8, 150), min_size=count, max_size=count))
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.rint(np.column_stack([np.cos(angles), np.sin(angles)]) * np.array(radii)[:, None] + centre)


@settings(max_examples=120, deadline=None)
@given(st.composite(stars)(), st.booleans())
def test_polygons_are_those_of_shapely(ring, with_hole):
    polygon = shapely.Polygon(ring)
    assume(polygon.is_valid and polygon.area > 10)
    if with_hole:
        hole = polygon.representative_point().buffer(6, quad_segs=2)
        hole = shapely.set_precision(hole, 1.0)
        assume(polygon.buffer(-1.5).contains(hole) and hole.area > 4)
        polygon = shapely.Polygon(ring, [hole.exterior])
    found = cut_polygon(*turned_right(polygon))
    expected = polygon.intersection(BOX)
    if found is None:
        return
    if not found:
        assert expected.area < 60
        return
    if not all(shapely.LinearRing(ring).is_simple for ring in found):  # folded along the edge: callers look closer
        signed = sum(shapely.Polygon(ring).area * (1 if shapely.LinearRing(ring).is_ccw else -1) for ring in found)
        assert abs(signed) <= expected.area + 0.75 * (expected.length + 8)
        return
    got = as_polygons(found)
    assert got.buffer(0).symmetric_difference(expected).area <= 0.75 * (expected.length + 8)


def cut_line(line):
    x, y = (np.ascontiguousarray(np.array(line, np.int64)[:, axis]) for axis in (0, 1))
    out_x, out_y = np.empty(3 * len(x) + 9, np.int64), np.empty(3 * len(x) + 9, np.int64)
    starts = np.zeros(len(x) + 4, np.int64)
    parts = clip_line(x, y, 0, len(x), LOW, HIGH, out_x, out_y, starts, 0)
    return [np.column_stack([out_x, out_y])[starts[n] : starts[n + 1]] for n in range(parts)]


def test_a_line_that_leaves_and_comes_back_is_two():
    found = cut_line([(50, 50), (150, 50), (150, 60), (50, 60)])
    assert [part.tolist() for part in found] == [[[50, 50], [100, 50]], [[100, 60], [50, 60]]]


@pytest.mark.parametrize("line", [[(-10, -5), (-5, 300)], [(120, 120), (130, 130)], [(-10, 50), (-1, 50)]])
def test_a_line_outside_gives_nothing(line):
    assert cut_line(line) == []


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.integers(-80, 180), st.integers(-80, 180)), min_size=2, max_size=9))
def test_lines_are_those_of_shapely(points):
    assume(all(a != b for a, b in pairwise(points)))
    found = cut_line(points)
    pieces = [shapely.LineString(a) for a in pairwise(points)]
    least, most = (sum(piece.intersection(BOX.buffer(by)).length for piece in pieces) for by in (-1, 1))
    length = sum(shapely.LineString(part).length for part in found)
    assert least - 1.5 * len(points) <= length <= most + 1.5 * len(points)
    for part in found:
        assert shapely.LineString(part).within(BOX.buffer(1e-9))
        assert shapely.hausdorff_distance(shapely.LineString(part), shapely.MultiLineString(pieces)) < 400
        for place in part:
            assert shapely.MultiLineString(pieces).distance(shapely.Point(place)) <= 0.75
