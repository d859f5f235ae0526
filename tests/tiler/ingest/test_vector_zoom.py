"""tiler.ingest.vector_zoom: levels worth asking."""

import numpy as np
import pytest
from pyproj import CRS

from tiler.ingest.vector_zoom import FEATURES_PER_TILE, suggest_zooms

WORLD_M = 40_075_016.685578488
MERCATOR = CRS(3857)


def squares(x, y, size):
    x, y = np.asarray(x, float), np.asarray(y, float)
    return np.column_stack([x, y, x + size, y + size])


def test_a_sparse_layer_of_the_world_is_asked_from_level_0():
    assert suggest_zooms(squares([-1e7, 1e7], [-1e7, 1e7], 1e6), MERCATOR) == (0, 16)


def test_the_first_level_has_no_tile_over_the_bound():
    side = 600
    x, y = (axis.ravel() for axis in np.meshgrid(*[np.linspace(-1.9e7, 1.9e7, side)] * 2))
    first, _ = suggest_zooms(squares(x, y, 0), MERCATOR)
    for zoom, within in ((first, True), (first - 1, False)):
        edges = np.linspace(-WORLD_M / 2, WORLD_M / 2, 2**zoom + 1)
        assert (np.histogram2d(x, y, bins=(edges, edges))[0].max() <= FEATURES_PER_TILE) == within


def test_a_layer_of_a_town_is_not_asked_where_it_is_a_dot():
    first, _ = suggest_zooms(squares([0, 5_000], [0, 5_000], 20), MERCATOR)
    assert WORLD_M / 256 / 2**first * 16 <= 5_020 or first == 8


@pytest.mark.parametrize(("size_m", "last"), [(0, 18), (10, 18), (70, 18), (100, 17), (200, 16), (100_000, 16)])
def test_the_last_level_draws_a_feature_over_64_pixels(size_m, last):
    assert suggest_zooms(squares([0, 10_000], [0, 10_000], size_m), MERCATOR)[1] == last


def test_points_in_one_place_have_levels_too():
    assert suggest_zooms(squares([0], [0], 0), MERCATOR) == (0, 18)


def test_what_has_no_place_in_web_mercator_is_no_error():
    assert suggest_zooms(np.array([[0.0, 90.0, 0.0, 90.0]]), CRS("OGC:CRS84"))[0] == 0
