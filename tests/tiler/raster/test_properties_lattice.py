"""tiler.raster.grid: in every system of IGN's sets, pixels are where PROJ says, to a twentieth of a pixel."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from tests.tiler.raster.test_grid import every_pixel, exact
from tiler.matrix import tile_at, tile_bounds, tile_matrix_sets
from tiler.raster.grid import PixelGrid, lattice, same_crs

ALLOWED_PX = 0.05

SETS = sorted(tile_matrix_sets())

WORLD = ("EPSG:3857", "EPSG:4326")
FRANCE = ("EPSG:2154", "EPSG:3949", "EPSG:32631", "EPSG:27572", "EPSG:3035", "EPSG:4258")


def area_of(crs):
    area = CRS.from_user_input(crs).area_of_use
    return area.west, max(area.south, -80.0), area.east, min(area.north, 80.0)


def sources_of(crs):
    """Return CRSs whose files are seen in a set: the world's, those of its place, and its own."""
    west, south, east, north = area_of(crs)
    near = FRANCE if west < 3 < east and south < 46 < north else ()
    return (*WORLD, *near, crs)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(SETS),
    st.integers(0, 7),
    st.floats(0, 1),
    st.floats(0.01, 0.99),
    st.floats(0.01, 0.99),
    st.sampled_from([256, 512]),
)
def test_a_pixel_of_any_set_is_where_proj_says_it_is(tms_id, source_number, depth, across, down, size):
    tms = tile_matrix_sets()[tms_id]
    candidates = sources_of(tms.crs)
    crs = candidates[source_number % len(candidates)]
    boxes = area_of(tms.crs), area_of(crs)
    west, south = max(box[0] for box in boxes), max(box[1] for box in boxes)
    east, north = min(box[2] for box in boxes), min(box[3] for box in boxes)
    assume(west < east and south < north)
    coarsest = next(i for i, one in enumerate(tms.matrices) if one.cell_size * size < _span(tms.crs, west, east) / 4)
    matrix = tms.matrices[coarsest + round(depth * (len(tms.matrices) - 1 - coarsest))]
    to_set = Transformer.from_crs("EPSG:4326", tms.crs, always_xy=True)
    x, y = to_set.transform(west + across * (east - west), south + down * (north - south))
    left, _, _, top = tile_bounds(matrix, *tile_at(matrix, x, y))
    grid = PixelGrid(tms.crs, left, top, matrix.cell_size, matrix.cell_size, size, size)
    places = lattice(grid, crs)
    x_found, y_found = every_pixel(places, size, size)
    x_exact, y_exact = exact(grid, crs)
    error = np.hypot(x_found - x_exact, y_found - y_exact)
    inside = np.isfinite(x_exact) & np.isfinite(y_exact)
    assert inside.any()
    assert np.nanmax(error[inside]) <= ALLOWED_PX * places.cell


def _span(crs, west, east):
    """Width of an area in the units of a CRS, roughly."""
    degrees = max(east - west, 1.0)
    return degrees if CRS.from_user_input(crs).is_geographic else degrees * 80_000.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("EPSG:2154", "IGNF:LAMB93", True),
        ("EPSG:2975", "IGNF:RGR92UTM40S", True),
        ("EPSG:4326", "IGNF:WGS84G", True),
        ("EPSG:4326", "EPSG:4171", True),
        ("EPSG:2154", "EPSG:3949", False),
        ("EPSG:32631", "EPSG:32632", False),
        ("EPSG:4326", "EPSG:4275", False),
        ("EPSG:3857", "EPSG:3395", False),
        ("EPSG:2154", "EPSG:4326", False),
    ],
)
def test_systems_are_the_same_when_their_coordinates_are(one, other, same):
    assert same_crs(one, other) is same
    assert same_crs(other, one) is same
