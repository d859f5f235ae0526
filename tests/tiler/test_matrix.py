"""tiler.matrix: against morecantile, and the facts of IGN's sets."""

import json
import math
from pathlib import Path

import morecantile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import TileMatrixSetNotFound, TileNotFound
from tiler.matrix import (
    scale_denominator,
    tile_at,
    tile_bounds,
    tile_limits,
    tile_matrix,
    tile_matrix_set,
    tile_matrix_sets,
)

FACTS = Path(__file__).parents[3] / "shared" / "data" / "reference" / "rok4_tilematrixsets"
MERCATOR = morecantile.tms.get("WebMercatorQuad")


@given(st.integers(0, 21).flatmap(lambda z: st.tuples(st.just(z), st.integers(0, 2**z - 1), st.integers(0, 2**z - 1))))
def test_pm_is_web_mercator_quad(address):
    z, x, y = address
    ours = tile_bounds(tile_matrix(tile_matrix_set("PM"), str(z)), x, y)
    assert ours == pytest.approx(tuple(MERCATOR.xy_bounds(x, y, z)), abs=1e-6)


@given(st.floats(-179.9, 179.9), st.floats(-85, 85), st.integers(0, 21))
def test_a_point_falls_in_the_tile_that_morecantile_names(lon, lat, zoom):
    x, y = MERCATOR.xy(lon, lat)
    expected = MERCATOR._tile(x, y, zoom)
    assert tile_at(tile_matrix(tile_matrix_set("PM"), str(zoom)), x, y) == (expected.x, expected.y)


@pytest.mark.parametrize("tms", tile_matrix_sets().values(), ids=lambda tms: tms.id)
def test_every_set_is_a_pyramid_with_its_levels_in_order(tms):
    sizes = [matrix.cell_size for matrix in tms.matrices]
    assert sizes == sorted(sizes, reverse=True)
    assert len(tms.by_id) == len(tms.matrices)
    assert all(matrix.width >= 1 and matrix.height >= 1 for matrix in tms.matrices)


def test_web_mercator_quad_is_pm_under_its_ogc_name():
    assert tile_matrix_set("WebMercatorQuad").matrices == tile_matrix_set("PM").matrices
    assert tile_matrix_set("WebMercatorQuad").id == "WebMercatorQuad"


def test_scale_denominators_are_those_of_the_standard():
    pm, geographic = tile_matrix_set("PM"), tile_matrix_set("WGS84G")
    assert scale_denominator(pm, pm.by_id["0"]) == pytest.approx(559082264.028717)
    assert scale_denominator(geographic, geographic.by_id["0"]) == pytest.approx(279541132.014358, rel=2e-8)


def test_a_tile_of_the_10_cm_lambert_93_set_lies_where_arithmetic_puts_it():
    matrix = tile_matrix(tile_matrix_set("2154_10cm"), "21")
    assert tile_bounds(matrix, 30000, 220000) == pytest.approx((768000.0, 6367974.4, 768025.6, 6368000.0))


@pytest.mark.parametrize(("col", "row"), [(-1, 0), (0, -1), (2, 0), (0, 2)])
def test_a_tile_outside_its_matrix_is_not_found(col, row):
    with pytest.raises(TileNotFound, match="columns go from 0 to 1"):
        tile_bounds(tile_matrix(tile_matrix_set("PM"), "1"), col, row)


def test_a_level_or_set_that_does_not_exist_is_not_found():
    with pytest.raises(TileNotFound, match="levels go from 0 to 21"):
        tile_matrix(tile_matrix_set("PM"), "22")
    with pytest.raises(TileMatrixSetNotFound, match="NoSuchSet"):
        tile_matrix_set("NoSuchSet")


def test_limits_end_where_the_box_ends():
    matrix = tile_matrix(tile_matrix_set("PM"), "3")
    side = matrix.cell_size * 256
    limits = tile_limits(matrix, (-side, -side, side, side))
    assert (limits.min_col, limits.max_col, limits.min_row, limits.max_row) == (3, 4, 3, 4)
    assert limits.holds(3, 4)
    assert not limits.holds(5, 4)


def test_a_box_of_one_tile_has_one_tile():
    matrix = tile_matrix(tile_matrix_set("PM"), "19")
    limits = tile_limits(matrix, tile_bounds(matrix, 267785, 191461))
    assert (limits.min_col, limits.max_col, limits.min_row, limits.max_row) == (267785, 267785, 191461, 191461)


def test_a_point_on_an_edge_has_a_tile():
    matrix = tile_matrix(tile_matrix_set("PM"), "2")
    limits = tile_limits(matrix, (0.0, 0.0, 0.0, 0.0))
    assert (limits.min_col, limits.min_row) == (2, 2)


def test_a_box_outside_the_set_has_no_tile():
    matrix = tile_matrix(tile_matrix_set("2154_10cm"), "21")
    assert tile_limits(matrix, (-500.0, 0.0, -100.0, 100.0)) is None


@pytest.mark.skipif(not FACTS.is_dir(), reason="the reference sets are not beside the project")
def test_the_sets_are_the_published_facts():
    for path in FACTS.glob("*.json"):
        fact = json.loads(path.read_text())
        ours = tile_matrix_set(fact["id"])
        assert ours.crs == fact["crs"]
        for level in fact["tileMatrices"]:
            matrix = ours.by_id[level["id"]]
            assert math.isclose(matrix.cell_size, level["cellSize"], rel_tol=1e-9)
            assert (matrix.width, matrix.height) == (level["matrixWidth"], level["matrixHeight"])
            assert (matrix.origin_x, matrix.origin_y) == pytest.approx(tuple(level["pointOfOrigin"]), abs=1e-6)
            assert matrix.tile_size == level["tileWidth"]
