"""tiler.vector.tile: any geometry in any tile, against clipping by shapely on the units of the tile."""

from itertools import pairwise

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from shapely.geometry import shape

from tests.tiler.vector.sources import made
from tiler.matrix import tile_bounds, tile_matrix_set
from tiler.vector.tile import encode_tile

PM = tile_matrix_set("PM")
ZOOM, COL, ROW = 14, 8299, 5636
BOUNDS = tile_bounds(PM.by_id[str(ZOOM)], COL, ROW)
UNIT = (BOUNDS[2] - BOUNDS[0]) / 4096
DRAWN = shapely.box(-64, -64, 4160, 4160)


def on_the_ground(geometry, bounds=BOUNDS):
    """Return a geometry given in units of a tile in Web Mercator."""
    return shapely.transform(
        geometry, lambda xy: np.column_stack([bounds[0] + xy[:, 0] * UNIT, bounds[3] - xy[:, 1] * UNIT])
    )


def decoded(source, bounds=BOUNDS, crs="EPSG:3857"):
    data = encode_tile(source, "l", bounds=bounds, crs=crs)
    found = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})["l"]["features"] if data else []
    return {feature["id"]: shape(feature["geometry"]) for feature in found}


def rings_of(geometry):
    for polygon in getattr(geometry, "geoms", [geometry]):
        yield polygon.exterior, 1
        for ring in polygon.interiors:
            yield ring, -1


def surveyor(ring):
    x, y = np.array(ring.coords).T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


coordinate = st.integers(-1500 * 16, 5600 * 16).map(lambda n: n / 16)
place = st.tuples(coordinate, coordinate)


@st.composite
def areas(draw):
    """Return a star, maybe with a hole, small or around the whole tile, near its edge or not."""
    count = draw(st.integers(3, 14))
    centre = np.array(draw(place))
    size = draw(st.sampled_from([3.0, 40.0, 700.0, 6000.0]))
    radii = np.array(draw(st.lists(st.floats(0.2, 1.0), min_size=count, max_size=count))) * size
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False) + draw(st.floats(0, 1))
    ring = np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None] + centre
    polygon = shapely.Polygon(ring)
    if draw(st.booleans()):
        polygon = polygon.difference(shapely.Point(centre).buffer(size * 0.1, quad_segs=draw(st.integers(1, 4))))
    assume(polygon.is_valid and not polygon.is_empty and polygon.area > 0)
    return polygon


lines = st.lists(place, min_size=2, max_size=10, unique=True).map(shapely.LineString)


@settings(max_examples=40, deadline=None)
@given(st.lists(areas(), min_size=1, max_size=4))
def test_areas_are_valid_oriented_and_those_of_shapely(polygons):
    found = decoded(made([on_the_ground(one) for one in polygons], "EPSG:3857"))
    for number, polygon in enumerate(polygons):
        expected = polygon.intersection(DRAWN)
        got = found.get(number)
        if got is None:
            assert expected.area < 1.5 * (expected.length + 4)
            continue
        assert got.is_valid
        for ring, turn in rings_of(got):
            assert surveyor(ring) * turn > 0
        assert got.within(DRAWN.buffer(1.0))
        difference = got.symmetric_difference(expected)
        assert difference.area <= 1.0 * (expected.length + got.length + 8)
        # no place lies further than a unit and its rounding from the other, but for squares that stand for specks
        # (at the edge of what is drawn, an edge that leaves at a small angle may leave elsewhere)
        inner = got.intersection(DRAWN.buffer(-1.5))
        assert inner.difference(expected.buffer(1.5 if expected.area > 4 else 2.5)).is_empty
        if expected.area > 4:
            assert expected.buffer(-1.5).intersection(DRAWN.buffer(-3)).difference(got.buffer(0.01)).is_empty


@settings(max_examples=40, deadline=None)
@given(st.lists(lines, min_size=1, max_size=4))
def test_lines_are_those_of_shapely(several):
    found = decoded(made([on_the_ground(one) for one in several], "EPSG:3857"))
    for number, line in enumerate(several):
        expected = shapely.union_all([shapely.LineString(one).intersection(DRAWN) for one in pairwise(line.coords)])
        got = found.get(number)
        if got is None:
            assert expected.intersection(DRAWN.buffer(-1.5)).length < 2.5
            continue
        assert got.within(DRAWN.buffer(1.0))
        assert got.difference(line.buffer(1.5)).is_empty
        inner = expected.intersection(DRAWN.buffer(-1.5))  # one that leaves at a small angle may leave a little earlier
        assert inner.difference(got.buffer(1.5)).length < 2.5


@settings(max_examples=50, deadline=None)
@given(st.lists(place, min_size=1, max_size=20))
@example([(0.0, 0.0), (4096.0, 4096.0), (-64.0, 4160.0), (-64.6, 10.0), (4160.6, 10.0)])
def test_points_are_in_their_tile_and_its_buffer(places):
    found = decoded(made([on_the_ground(shapely.Point(one)) for one in places], "EPSG:3857"))
    for number, (x, y) in enumerate(places):
        inside = -64.49 <= x <= 4160.49 and -64.49 <= y <= 4160.49
        outside = not (-64.51 <= x <= 4160.51 and -64.51 <= y <= 4160.51)
        assert not (inside and number not in found)
        assert not (outside and number in found)
        if number in found:
            assert found[number].distance(shapely.Point(x, y)) < 0.75


@settings(max_examples=30, deadline=None)
@given(st.lists(areas(), min_size=1, max_size=5))
def test_neighbouring_tiles_draw_the_same_across_their_border(polygons):
    source = made([on_the_ground(one) for one in polygons], "EPSG:3857")
    east = tile_bounds(PM.by_id[str(ZOOM)], COL + 1, ROW)
    here, there = decoded(source), decoded(source, east)
    both = shapely.box(4096 - 63, 1, 4096 + 63, 4095)
    for number in here.keys() | there.keys():
        one = here.get(number, shapely.Polygon()).intersection(both)
        other = shapely.transform(
            there.get(number, shapely.Polygon()), lambda xy: xy + np.array([4096, 0])
        ).intersection(both)
        assert one.symmetric_difference(other).area < 600.0  # four edges may cross, each rounded at both of its ends


@pytest.mark.parametrize("zoom", [12, 13, 15])
def test_a_tiling_loses_and_doubles_no_point(zoom):
    generator = np.random.default_rng(zoom)
    points = generator.uniform(0, 1, (400, 2)) * [BOUNDS[2] - BOUNDS[0], BOUNDS[3] - BOUNDS[1]] + BOUNDS[:2]
    source = made(list(shapely.points(points)), "EPSG:3857")
    matrix = PM.by_id[str(zoom)]
    side = matrix.cell_size * 256
    seen = []
    cols = range(int((BOUNDS[0] + 1 - matrix.origin_x) // side), int((BOUNDS[2] - 1 - matrix.origin_x) // side) + 1)
    rows = range(int((matrix.origin_y - BOUNDS[3] + 1) // side), int((matrix.origin_y - BOUNDS[1] - 1) // side) + 1)
    for col in cols:
        for row in rows:
            for number, point in decoded(source, tile_bounds(matrix, col, row)).items():
                if 0 <= point.x < 4096 and 0 <= point.y < 4096:
                    seen.append(number)
    assert sorted(seen) == list(range(400))


def _thick(figure):
    """Return what of an area is more than a unit wide: the tip of a sliver may end some units earlier when rounded."""
    return figure.buffer(-0.6).buffer(0.6) if shapely.get_dimensions(figure) == 2 else figure


@settings(max_examples=20, deadline=None)
@example([shapely.LineString([(0.0, -1356.5625), (3089.6875, -888.8125)])], "LAMB93")
@given(st.lists(st.one_of(areas(), lines), min_size=1, max_size=3), st.sampled_from(["2154_10cm", "LAMB93"]))
def test_shapes_of_a_crs_are_drawn_as_those_of_another_are_moved(geometries, tms_id):
    """The same tile from shapes stored in its CRS, and from those stored in Web Mercator."""
    tms = tile_matrix_set(tms_id)
    matrix = tms.matrices[-8]
    from tiler.matrix import tile_at
    from tiler.vector.space import transformer

    centre = shapely.transform(
        np.array([on_the_ground(shapely.Point(2048, 2048))]),
        lambda xy: np.column_stack(transformer("EPSG:3857", tms.crs).transform(*xy.T)),
    )[0]
    bounds = tile_bounds(matrix, *tile_at(matrix, centre.x, centre.y))
    ground = [on_the_ground(one) for one in geometries]
    own = decoded(made(ground, "EPSG:3857", target=tms.crs), bounds, tms.crs)
    moved = decoded(made(ground, "EPSG:3857"), bounds, tms.crs)
    inner = DRAWN.buffer(-2.5)
    for number in own.keys() | moved.keys():
        one, other = own.get(number, shapely.Point()), moved.get(number, shapely.Point())
        # at the edge of what is drawn, an edge that leaves at a small angle may leave elsewhere
        assert _thick(one).intersection(inner).difference(other.buffer(3.0)).is_empty or other.is_empty
        assert _thick(other).intersection(inner).difference(one.buffer(3.0)).is_empty or one.is_empty
        assert not (other.is_empty and one.area > 60)
        assert not (one.is_empty and other.area > 60)
