"""tiler.vector.shapes: geometries come back as they went, where the world ends too."""

import numpy as np
import pytest
import shapely

from tiler.vector.grid import grid_of
from tiler.vector.quantise import split_kinds
from tiler.vector.shapes import boxes_of, join, pack, take, unpack

MERCATOR = grid_of("EPSG:3857")
EDGE_M = 20037508.342789244


def packed(geometries, crs="EPSG:3857", grid=MERCATOR):
    pieces, places = split_kinds(np.array(geometries, object))
    return pack(pieces, places.astype(np.uint32), grid, crs)


def ground(shapes, grid=MERCATOR):
    origin = np.array([grid.origin_x, grid.origin_y])
    return shapely.transform(unpack(shapes), lambda xy: origin + xy * [grid.cell, -grid.cell])


GEOMETRIES = [
    shapely.Point(100, 200),
    shapely.LineString([(0, 0), (50, 20), (100, 0)]),
    shapely.box(0, 0, 90, 90) - shapely.box(20, 20, 40, 40) - shapely.box(60, 60, 80, 80),
    shapely.MultiPolygon([shapely.box(0, 0, 10, 10), shapely.box(20, 20, 40, 40) - shapely.box(25, 25, 30, 30)]),
    shapely.MultiLineString([[(0, 0), (1, 1)], [(5, 5), (9, 9), (8, 7)]]),
    shapely.MultiPoint([(1, 2), (3, 4)]),
]


def test_geometries_come_back_within_a_cell():
    shapes = packed(GEOMETRIES)
    for geometry, found in zip(GEOMETRIES, ground(shapes), strict=True):
        assert shapely.hausdorff_distance(geometry, found) < MERCATOR.cell
        assert found.is_valid
        assert (
            shapely.get_num_interior_rings(shapely.get_parts(found)).sum()
            == shapely.get_num_interior_rings(shapely.get_parts(geometry)).sum()
            or shapely.get_dimensions(geometry) < 2
        )


def test_features_are_taken_and_joined_in_the_order_of_their_rows():
    shapes = packed(GEOMETRIES)
    odd, even = take(shapes, np.array([1, 3, 5])), take(shapes, np.array([0, 2, 4]))
    again = join([odd, even])
    for name in ("kinds", "rows", "parts", "ends", "vertices"):
        np.testing.assert_array_equal(getattr(again, name), getattr(shapes, name))
    np.testing.assert_array_equal(boxes_of(again), boxes_of(shapes))


def test_what_lies_beyond_180_degrees_comes_back_on_the_other_side():
    [found] = ground(packed([shapely.box(170, 0, 190, 10)], "EPSG:4326"))
    west, _, east, _ = found.bounds
    assert west == pytest.approx(-EDGE_M, abs=0.1)
    assert east == pytest.approx(EDGE_M, abs=0.1)
    assert found.area == pytest.approx(20 / 360 * 2 * EDGE_M * 1118889.97, rel=1e-3)


def test_what_crosses_180_degrees_in_a_projected_crs_does_not_go_round_the_world():
    [found] = ground(packed([shapely.box(780_000, 8_000_000, 900_000, 8_100_000)], "EPSG:32760"))
    assert 12e9 * 0.9 < found.area * 0.91 < 12e9 * 1.2
    west, _, east, _ = found.bounds
    assert (west, east) == (pytest.approx(-EDGE_M, abs=0.1), pytest.approx(EDGE_M, abs=0.1))


@pytest.mark.parametrize("geometry", [shapely.box(-180, -90, 180, 90), shapely.box(0, 80, 10, 90)])
def test_poles_are_cut_where_web_mercator_ends(geometry):
    [found] = ground(packed([geometry], "EPSG:4326"))
    assert found.bounds[3] == pytest.approx(EDGE_M, abs=1.0)
    assert found.is_valid


def test_what_has_no_place_in_the_crs_is_left_out():
    assert packed([shapely.Point(0, 90)], "EPSG:4326").count == 0
    assert packed([], "EPSG:4326").count == 0
