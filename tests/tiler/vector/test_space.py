"""tiler.vector.space: what a tile covers in the CRS of a layer."""

import numpy as np
import pyproj
import pytest

from tiler.matrix import tile_bounds, tile_matrix_set
from tiler.vector.space import query_box

PM = tile_matrix_set("PM")


def bounds_of(zoom, col, row):
    return tile_bounds(PM.by_id[str(zoom)], col, row)


@pytest.mark.parametrize(("zoom", "col", "row"), [(5, 16, 11), (9, 258, 180), (14, 8300, 5636)])
@pytest.mark.parametrize("source", ["EPSG:4326", "EPSG:2154", "EPSG:32631"])
def test_the_box_holds_every_point_of_the_tile(zoom, col, row, source):
    west, south, east, north = bounds_of(zoom, col, row)
    generator = np.random.default_rng(0)
    xs, ys = generator.uniform(west, east, 5000), generator.uniform(south, north, 5000)
    x, y = pyproj.Transformer.from_crs("EPSG:3857", source, always_xy=True).transform(xs, ys)
    low_x, low_y, high_x, high_y = query_box((west, south, east, north), "EPSG:3857", source)
    assert low_x <= x.min()
    assert low_y <= y.min()
    assert x.max() <= high_x
    assert y.max() <= high_y


def test_a_tile_at_the_antimeridian_does_not_reach_around_the_earth():
    west, _, east, _ = query_box(bounds_of(8, 255, 100), "EPSG:3857", "EPSG:4326")
    assert 178 < west < east <= 180


def test_a_tile_that_shows_a_pole_reaches_it():
    around_the_pole = (-1e6, -1e6, 1e6, 1e6)
    west, _, east, north = query_box(around_the_pole, "EPSG:3413", "EPSG:4326")
    assert (west, east) == (-180, 180)
    assert north > 89.9


def test_the_world_in_web_mercator_ends_before_the_poles():
    _, south, _, north = query_box(bounds_of(0, 0, 0), "EPSG:3857", "EPSG:4326")
    assert (south, north) == pytest.approx((-85.06, 85.06))
