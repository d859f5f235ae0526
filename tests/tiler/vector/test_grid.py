"""tiler.vector.grid and build: grids are aligned on tiles, and shapes are stored where tiles are asked."""

import pytest

from tiler.matrix import tile_bounds, tile_matrix_set
from tiler.vector.build import wanted_crs
from tiler.vector.grid import EXTENT, grid_of

PARIS, WORLD, REUNION = (2.2, 48.8, 2.5, 48.9), (-180.0, -85.0, 180.0, 85.0), (55.2, -21.4, 55.9, -20.8)


@pytest.mark.parametrize(("crs", "tms_id"), [("EPSG:3857", "PM"), ("EPSG:2154", "2154_10cm")])
def test_every_tile_of_a_set_begins_on_a_cell_and_has_whole_cells_a_unit(crs, tms_id):
    grid = grid_of(crs)
    for matrix in tile_matrix_set(tms_id).matrices[:21]:
        west, _, east, north = tile_bounds(matrix, matrix.width // 3, matrix.height // 3)
        unit = (east - west) / EXTENT / grid.cell
        assert unit == pytest.approx(2.0 ** round(unit).bit_length() / 2, rel=1e-9)
        for cell in ((west - grid.origin_x) / grid.cell, (grid.origin_y - north) / grid.cell):
            assert cell == pytest.approx(round(cell), abs=1e-3)
            assert round(cell) % round(unit) == 0


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:2154", "EPSG:4326", "EPSG:32740", "EPSG:2972"])
def test_cells_are_millimetres_and_fit_32_bits(crs):
    grid = grid_of(crs)
    metres = grid.cell * (111_320 if crs == "EPSG:4326" else 1)
    assert 0.001 <= metres <= 0.01
    far = {"EPSG:3857": 20_037_508, "EPSG:2154": 12_000_000, "EPSG:4326": 180}.get(crs, 10_000_000)
    assert far / grid.cell <= 2**31


@pytest.mark.parametrize(
    ("crs", "bbox", "expected"),
    [
        ("EPSG:4326", PARIS, ("EPSG:3857", "EPSG:2154")),
        ("EPSG:2154", PARIS, ("EPSG:3857", "EPSG:2154")),
        ("EPSG:4326", WORLD, ("EPSG:3857",)),
        ("EPSG:2975", REUNION, ("EPSG:3857", "EPSG:2975")),
        ("EPSG:3857", PARIS, ("EPSG:3857", "EPSG:2154")),
    ],
)
def test_shapes_are_stored_in_the_crs_of_the_tiles_that_will_be_asked(crs, bbox, expected):
    assert wanted_crs(crs, bbox) == expected
