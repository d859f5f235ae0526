"""tiler.raster.geotiff: GDAL reads the values, their place, their CRS and what is missing."""

import math
from io import BytesIO

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from tiler.matrix import tile_matrix_sets
from tiler.raster.geotiff import encode_tiff
from tiler.raster.grid import PixelGrid
from tiler.raster.picture import Data

GRID = PixelGrid("EPSG:2154", 770_000.5, 6_277_000.25, 0.5, 0.25, 30, 20)
DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]


def values_of(dtype, rows, cols, bands, seed=3):
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return random.normal(0, 1e4, (rows, cols, bands)).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, (rows, cols, bands), dtype, endpoint=True)


@given(st.sampled_from(DTYPES), st.integers(1, 40), st.integers(1, 40), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_values_place_and_type_are_read_by_gdal(dtype, rows, cols, bands):
    values = values_of(dtype, rows, cols, bands)
    grid = PixelGrid(GRID.crs, GRID.west, GRID.north, GRID.cell_x, GRID.cell_y, cols, rows)
    with rasterio.open(BytesIO(encode_tiff(Data(values, None, None), grid))) as dataset:
        np.testing.assert_array_equal(dataset.read(), np.moveaxis(values, 2, 0))
        assert dataset.dtypes == (dtype,) * bands
        assert dataset.transform == Affine(0.5, 0, 770_000.5, 0, -0.25, 6_277_000.25)
        assert dataset.crs == CRS.from_epsg(2154)
        assert dataset.nodata is None
        assert (dataset.dataset_mask() == 255).all()


@pytest.mark.parametrize("crs", sorted({one.crs for one in tile_matrix_sets().values()}))
def test_the_crs_of_every_set_is_told(crs):
    grid = PixelGrid(crs, 10.0, 20.0, 0.5, 0.5, 4, 3)
    with rasterio.open(BytesIO(encode_tiff(Data(np.zeros((3, 4, 1), np.float32), None, math.nan), grid))) as dataset:
        known, told = CRS.from_user_input(crs), dataset.crs
        assert told.is_geographic == known.is_geographic
        assert told.linear_units_factor == known.linear_units_factor if told.is_projected else True
        own, read = known.to_dict(projjson=False), told.to_dict(projjson=False)
        for name in ("proj", "lat_0", "lon_0", "lat_1", "lat_2", "x_0", "y_0", "zone"):
            assert read.get(name) == pytest.approx(own.get(name)), name


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32"])
def test_a_mask_tells_what_is_missing_where_no_value_does(dtype):
    valid = np.full((20, 30), 255, np.uint8)
    valid[3:9, 7:29] = 0
    data = Data(values_of(dtype, 20, 30, 2), valid, None)
    with rasterio.open(BytesIO(encode_tiff(data, GRID))) as dataset:
        np.testing.assert_array_equal(dataset.dataset_mask(), valid)
        np.testing.assert_array_equal(dataset.read(), np.moveaxis(data.values, 2, 0))


def test_missing_floats_have_the_value_of_the_layer_and_no_other_has_it():
    values = values_of("float32", 20, 30, 1)
    values[2:5, 4:9] = np.nan
    values[10, 10] = -9999
    with rasterio.open(BytesIO(encode_tiff(Data(values, None, -9999.0), GRID))) as dataset:
        assert dataset.nodata == -9999
        read = dataset.read(1, masked=True)
    np.testing.assert_array_equal(read.mask, np.isnan(values[..., 0]))
    assert read[10, 10] == pytest.approx(-9999, abs=0.01)
    assert (read.data[2:5, 4:9] == -9999).all()


def test_missing_floats_without_such_a_value_are_not_numbers():
    values = values_of("float64", 20, 30, 1)
    values[0, 0] = np.nan
    with rasterio.open(BytesIO(encode_tiff(Data(values, None, math.nan), GRID))) as dataset:
        assert math.isnan(dataset.nodata)
        np.testing.assert_array_equal(dataset.read(1), values[..., 0])


def test_three_bands_of_bytes_are_colours():
    data = Data(values_of("uint8", 20, 30, 3), None, None)
    with rasterio.open(BytesIO(encode_tiff(data, GRID))) as dataset:
        assert [one.name for one in dataset.colorinterp] == ["red", "green", "blue"]
