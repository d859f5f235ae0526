"""tiler.raster.grid: lattices are where PROJ says the pixels are, to a fiftieth of a pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from tiler.matrix import tile_at, tile_bounds, tile_matrix_set
from tiler.raster.grid import TOLERANCE_PX, PixelGrid, lattice, locator

SOURCES = ["EPSG:2154", "EPSG:3857", "EPSG:4326", "EPSG:3949", "EPSG:32631", "EPSG:3035", "EPSG:27572"]
"""Lambert-93, Web Mercator, degrees, a conic of nine zones, UTM, Europe's LAEA, and one of another datum."""


def grid_at(tms_id, level, lon, lat):
    tms = tile_matrix_set(tms_id)
    matrix = tms.by_id[str(level)]
    x, y = Transformer.from_crs("EPSG:4326", tms.crs, always_xy=True).transform(lon, lat)
    west, _, _, north = tile_bounds(matrix, *tile_at(matrix, x, y))
    return PixelGrid(tms.crs, west, north, matrix.cell_size, matrix.cell_size, 256, 256)


def every_pixel(places, rows, cols):
    """Interpolate a lattice linearly at each pixel, in numpy."""

    def along(count, nodes):
        at = np.arange(count)
        low = at // places.step
        return low, np.minimum(low + 1, nodes - 1), (at - low * places.step) / places.step

    up, down, v = along(rows, places.x.shape[0])
    left, right, h = along(cols, places.x.shape[1])
    found = []
    for nodes in (places.x, places.y):
        lines = nodes[up] * (1 - v)[:, None] + nodes[down] * v[:, None]
        found.append(lines[:, left] * (1 - h) + lines[:, right] * h)
    return found


def exact(grid, crs):
    cols = grid.west + (np.arange(grid.cols) + 0.5) * grid.cell_x
    rows = grid.north - (np.arange(grid.rows) + 0.5) * grid.cell_y
    return Transformer.from_crs(grid.crs, crs, always_xy=True).transform(*np.meshgrid(cols, rows))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["PM", "WGS84G", "2154_10cm"]),
    st.sampled_from(SOURCES),
    st.integers(5, 19),
    st.floats(-4, 7.5),
    st.floats(42.5, 50.5),
)
def test_a_pixel_is_where_proj_says_it_is(tms, crs, level, lon, lat):
    grid = grid_at(tms, level, lon, lat)
    places = lattice(grid, crs)
    x, y = every_pixel(places, 256, 256)
    x_exact, y_exact = exact(grid, crs)
    error = np.hypot(x - x_exact, y - y_exact)
    assert error.max() <= 0.05 * places.cell
    assert TOLERANCE_PX < 0.05


@pytest.mark.parametrize("crs", ["EPSG:2154", "EPSG:3857", "EPSG:4326", "EPSG:3949"])
def test_the_frequent_systems_have_a_closed_form_and_another_datum_has_none(crs):
    assert "formulas" in locator("EPSG:3857", crs).__qualname__ or crs == "EPSG:3857"
    assert "proj" in locator("EPSG:3857", "EPSG:27572").__qualname__
    assert "proj" in locator("EPSG:3857", "EPSG:32631").__qualname__


def test_the_size_of_a_pixel_is_told_in_the_source():
    grid = grid_at("PM", 17, 2.5, 46.5)
    places = lattice(grid, "EPSG:2154")
    assert places.cell == pytest.approx(grid.cell_x * np.cos(np.radians(46.5)), rel=0.01)


def test_a_tile_of_the_whole_world_has_places_where_the_system_has():
    places = lattice(grid_at("PM", 0, 0.0, 0.0), "EPSG:32631")
    assert places is not None
    assert np.isfinite(places.x).any()


@pytest.mark.parametrize(("cols", "rows"), [(1, 1), (16, 17), (17, 16), (255, 3), (512, 512), (258, 258)])
def test_grids_of_any_size_are_covered_to_their_last_pixel(cols, rows):
    grid = PixelGrid("EPSG:3857", 300_000, 5_800_000, 2.0, 2.0, cols, rows)
    places = lattice(grid, "EPSG:2154") if min(cols, rows) > 1 else lattice(grid.widened(1), "EPSG:2154")
    wide = grid if min(cols, rows) > 1 else grid.widened(1)
    x, y = every_pixel(places, wide.rows, wide.cols)
    x_exact, y_exact = exact(wide, "EPSG:2154")
    assert np.hypot(x - x_exact, y - y_exact).max() <= 0.05 * places.cell
