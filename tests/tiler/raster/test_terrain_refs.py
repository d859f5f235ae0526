"""Light, slope and aspect against the files that gdaldem (Horn) made of a glacier.

The heights themselves are not there, and not needed: slope and aspect of a pixel say the plane through it.
"""

import math

import numpy as np
import pytest
import rasterio

from kernels.terrain import aspect, hillshade, slope
from tests.tiler.raster.tiffs import DATA

FILES = DATA / "terrain_refs"
CELL_M = 20.0

pytestmark = pytest.mark.skipif(not FILES.exists(), reason="../shared/data/raster/terrain_refs is not there")


def read(name):
    with rasterio.open(FILES / f"{name}_Horn.tif") as dataset:
        return dataset.read(1, masked=True).astype(float)


@pytest.fixture(scope="module")
def planes():
    """GDAL's light, slope and aspect of each pixel, shape (n,), and the plane through it, shape (n, 3, 3)."""
    light, steepness, facing = (read(name) for name in ("hillshade", "slope", "aspect"))
    there = ~(np.ma.getmaskarray(light) | np.ma.getmaskarray(steepness) | np.ma.getmaskarray(facing))
    light, steepness, facing = (one.data[there] for one in (light, steepness, facing))
    rise = np.tan(np.radians(steepness))
    east, north = -rise * np.sin(np.radians(facing)), -rise * np.cos(np.radians(facing))
    at = np.array([-1.0, 0.0, 1.0]) * CELL_M
    heights = east[:, None, None] * at[None, None, :] - north[:, None, None] * at[None, :, None]
    assert len(light) > 2000
    return light, steepness, facing, np.ascontiguousarray(heights, np.float32)


def run(kernel, heights, *options):
    result, cell = np.empty((1, 1), np.float32), np.full(1, CELL_M, np.float32)
    values = []
    for plane in heights:
        kernel(plane, cell, cell, 1.0, *options, result)
        values.append(float(result[0, 0]))
    return np.array(values)


def test_the_light_is_gdals(planes):
    light, _, _, heights = planes
    over = math.cos(math.radians(45))
    east, north = over * math.sin(math.radians(315)), over * math.cos(math.radians(315))
    ours = run(hillshade, heights, east, north, math.sin(math.radians(45)))
    assert np.abs(1 + 254 * ours / 255 - light).max() < 0.51  # GDAL keeps 0 for what is missing


def test_slope_and_aspect_are_gdals(planes):
    _, steepness, facing, heights = planes
    np.testing.assert_allclose(run(slope, heights, False), steepness, atol=2e-3)
    turned = np.abs(run(aspect, heights, 0.0) - facing)
    assert np.minimum(turned, 360 - turned)[steepness > 0.1].max() < 0.05
