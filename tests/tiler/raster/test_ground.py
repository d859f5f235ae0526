"""tiler.raster.ground: against geodesic distances of pyproj."""

import pytest
from pyproj import CRS, Geod, Transformer

from tiler.raster.grid import PixelGrid
from tiler.raster.ground import ground_cells


@pytest.mark.parametrize(
    ("crs", "west", "north", "cell", "within"),
    [
        ("EPSG:3857", 250_000.0, 6_250_000.0, 100.0, 0.006),  # a sphere of the equator's radius
        ("EPSG:3857", 250_000.0, -9_000_000.0, 100.0, 0.007),
        ("EPSG:4326", 2.0, 48.9, 0.001, 0.006),
        ("EPSG:2154", 650_000.0, 6_860_000.0, 10.0, 0.001),
        ("EPSG:2154", 100_000.0, 6_150_000.0, 10.0, 0.003),
        ("EPSG:2263", 980_000.0, 200_000.0, 10.0, 0.001),  # US survey feet
    ],
)
def test_pixels_are_as_large_as_the_ellipsoid_says(crs, west, north, cell, within):
    rows = 50
    cell_x, cell_y = ground_cells(PixelGrid(crs, west, north, cell, cell, 8, rows))
    to_degrees = Transformer.from_crs(crs, CRS.from_user_input(crs).geodetic_crs, always_xy=True)
    geod = Geod(ellps="GRS80")
    for row in (0, rows - 1):
        y = north - (row + 0.5) * cell
        lon, lat = to_degrees.transform([west, west + cell, west, west], [y, y, y - cell / 2, y + cell / 2])
        across = geod.inv(lon[0], lat[0], lon[1], lat[1])[2]
        down = geod.inv(lon[2], lat[2], lon[3], lat[3])[2]
        assert cell_x[row] == pytest.approx(across, rel=within)
        assert cell_y[row] == pytest.approx(down, rel=within)


def test_the_poles_have_pixels_of_some_size():
    cell_x, _ = ground_cells(PixelGrid("EPSG:4326", 0.0, 91.0, 1.0, 1.0, 4, 4))
    assert (cell_x > 0).all()
