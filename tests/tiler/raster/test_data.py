"""tiler.raster.data: samples in the layer's own type, beside what rasterio reads of the same window."""

import math
from io import BytesIO

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from core.layer import RasterSource
from core.style import Ramp, Slope, Stop, Style
from tests.tiler.raster.test_engine import Engine
from tests.tiler.raster.tiffs import DATA, photo, write_cog, write_tiff
from tiler.raster.data import BIL_NODATA, DATA_TYPES, encode_bil, encode_npy, take_data
from tiler.raster.grid import PixelGrid
from tiler.raster.picture import Data, Samples
from tiler.raster.style import prepare

STORED = Style(name="")
SIDE = 600
LIMITS = {
    "uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65_535), "int16": (-32_768, 32_767),
    "int32": (-(2**24), 2**24), "uint32": (0, 2**24),
}  # fmt: skip
"""Samples that 24 bits hold."""

WINDOWS = [(0, 0, 256, 256), (37, 91, 256, 256), (-20, 480, 200, 200), (599, 0, 1, 600)]


def random_values(dtype, bands):
    random = np.random.default_rng(11)
    if dtype in LIMITS:
        return random.integers(*LIMITS[dtype], (bands, SIDE, SIDE), endpoint=True).astype(dtype)
    return random.normal(0, 900, (bands, SIDE, SIDE)).astype(np.float32).astype(dtype)


@pytest.fixture
def engine():
    made = Engine()
    yield made
    made.pool.close()


async def ask(engine, source, extension, window, style=STORED, cell=1.0):
    """Return the bytes of a window of the file, columns and rows from its first pixel."""
    col, row, cols, rows = window
    grid = PixelGrid("EPSG:3857", col * cell, (SIDE - row) * cell, cell, cell, cols, rows)
    data, _ = await engine.engine.tile(source, prepare(style, source), grid, extension, {})
    return data


@pytest.mark.parametrize("nodata", [None, 42])
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("dtype", [*LIMITS, "float32", "float64"])
async def test_each_type_comes_back_exactly(engine, tmp_path, dtype, bands, nodata):
    values = random_values(dtype, bands)
    values[:, 100:140, 50:300] = 42
    mask = None
    if nodata is None:
        mask = np.full((SIDE, SIDE), 255, np.uint8)
        mask[100:140, 50:300] = 0
    path = write_cog(tmp_path / "v.tif", values, west=0, north=SIDE, mask=mask, nodata=nodata, BLOCKSIZE=128)
    engine.store.objects["a.tif"] = path.read_bytes()
    source = RasterSource(href="a.tif", bands=tuple(range(1, bands + 1)), dtype=dtype, nodata=nodata)
    with rasterio.open(path) as dataset:
        for window in WINDOWS:
            read = dataset.read(window=Window(*window), boundless=True, masked=True)
            missing = np.ma.getmaskarray(read)
            if nodata is not None and not dtype.startswith("float"):  # integers are missing where all bands are
                missing = np.broadcast_to(missing.all(axis=0), missing.shape)
            _check_tiff(await ask(engine, source, "tif", window), read, missing, nodata)
            _check_npy(await ask(engine, source, "npy", window), read, missing)
            bil = np.frombuffer(await ask(engine, source, "bil", window), "<f4")
            bil = bil.reshape(window[3], bands, window[2]).transpose(1, 0, 2)
            np.testing.assert_array_equal(bil, np.where(missing, BIL_NODATA, read.data.astype(np.float32)))


def _check_tiff(data, read, missing, nodata):
    with rasterio.open(BytesIO(data)) as given:
        assert given.dtypes == (str(read.dtype),) * len(read)
        got = given.read()
        np.testing.assert_array_equal(got[~missing], read.data[~missing])
        assert given.nodata == nodata or (nodata is None and read.dtype.kind == "f" and math.isnan(given.nodata))
        shown = given.dataset_mask() == 0
        if read.dtype.kind != "f" and nodata is not None and len(read) > 1:
            assert (got[missing] == nodata).all()
        else:
            np.testing.assert_array_equal(shown, missing.all(axis=0))


def _check_npy(data, read, missing):
    assert data[:8] == b"\x93NUMPY\x01\x00"
    got = np.load(BytesIO(data))
    assert got.dtype == read.dtype
    if read.dtype.kind == "f":
        np.testing.assert_array_equal(got, np.where(missing, np.nan, read.data))
        return
    bands = len(read)
    assert len(got) == bands + 1
    np.testing.assert_array_equal(got[:bands][~missing], read.data[~missing])
    np.testing.assert_array_equal(got[bands] == 0, missing.all(axis=0))
    assert set(np.unique(got[bands])) <= {0, np.iinfo(read.dtype).max}


async def test_where_nothing_is_there_is_no_data(engine, tmp_path):
    path = write_cog(tmp_path / "v.tif", random_values("int16", 1), west=0, north=SIDE, BLOCKSIZE=128)
    engine.store.objects["a.tif"] = path.read_bytes()
    for extension in DATA_TYPES:
        assert (
            await ask(engine, RasterSource(href="a.tif", bands=(1,), dtype="int16"), extension, (9000, 0, 9, 9)) == b""
        )


async def test_an_expression_and_chosen_bands_are_given(engine, tmp_path):
    values = photo(SIDE, SIDE, 4)
    path = write_tiff(
        tmp_path / "v.tif", values, west=0, north=SIDE, tiled=True, blockxsize=128, blockysize=128,
        photometric="MINISBLACK", alpha="NO",
    )  # fmt: skip
    engine.store.objects["a.tif"] = path.read_bytes()
    source = RasterSource(href="a.tif", bands=(1, 2, 3), dtype="uint8")
    swapped = await ask(engine, source, "tif", (10, 20, 100, 90), Style(name="s", bands=(4, 1, 2)))
    with rasterio.open(BytesIO(swapped)) as dataset:
        np.testing.assert_array_equal(dataset.read(), values[[3, 0, 1], 20:110, 10:110])
    index = Style(name="n", expression="(b4-b1)/(b4+b1)")
    got = np.load(BytesIO(await ask(engine, source, "npy", (10, 20, 100, 90), index)))
    four, one = values[3, 20:110, 10:110].astype(float), values[0, 20:110, 10:110].astype(float)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, ((four - one) / (four + one))[None], atol=1e-6)


def test_an_alpha_band_is_the_last_of_an_array():
    valid = np.array([[0, 100, 255]], np.uint8)
    samples = Samples(np.array([[[1], [2], [3]]], np.uint8), valid)
    source = RasterSource(href="a", bands=(1,), dtype="uint8")
    data = take_data(samples, prepare(STORED, source), source, PixelGrid("EPSG:3857", 0, 0, 1, 1, 3, 1))
    np.testing.assert_array_equal(np.load(BytesIO(encode_npy(data)))[1], valid)
    assert np.frombuffer(encode_bil(data), "<f4").tolist() == [BIL_NODATA, 2.0, 3.0]


@pytest.mark.parametrize(("nodata", "expected"), [(5, 6), (127, 126)])
def test_a_value_between_two_others_never_reads_as_missing(nodata, expected):
    between = np.array([[[nodata + 0.2], [np.nan], [3.0]]], np.float32)
    source = RasterSource(href="a", bands=(1,), dtype="int8", nodata=nodata)
    grid = PixelGrid("EPSG:3857", 0, 0, 1, 1, 3, 1)
    data = take_data(Samples(between), prepare(STORED, source), source, grid)
    assert data.values[0, :, 0].tolist() == [expected, nodata, 3]


@pytest.mark.parametrize("nodata", [math.nan, math.inf, 0.5, -1.0, 300.0])
def test_a_nodata_value_that_the_type_cannot_hold_is_told_by_a_mask(nodata):
    samples = Samples(np.array([[[7.0], [np.nan]]], np.float32))
    source = RasterSource(href="a", bands=(1,), dtype="uint8", nodata=nodata)
    data = take_data(samples, prepare(STORED, source), source, PixelGrid("EPSG:3857", 0, 0, 1, 1, 2, 1))
    assert (data.nodata, data.values[..., 0].tolist(), data.valid.tolist()) == (None, [[7, 0]], [[255, 0]])


def test_values_beyond_the_type_stop_at_its_limits():
    samples = Samples(np.array([[[-9.0], [4.3e9], [1.5]]], np.float32))
    source = RasterSource(href="a", bands=(1,), dtype="uint32")
    data = take_data(samples, prepare(STORED, source), source, PixelGrid("EPSG:3857", 0, 0, 1, 1, 3, 1))
    assert data.values[0, :, 0].tolist() == [0, 2**32 - 1, 2]


def test_bands_are_interleaved_by_line():
    values = np.arange(12, dtype=np.int16).reshape(2, 3, 2)
    lines = np.frombuffer(encode_bil(Data(values, None, None)), "<f4").reshape(2, 2, 3)
    np.testing.assert_array_equal(lines, values.transpose(0, 2, 1))


async def test_slopes_of_real_ground_are_those_of_the_formula(engine):
    original = DATA / "dem" / "dem.tif"
    if not original.exists():
        pytest.skip(f"{original} is not there")
    engine.store.objects["a.tif"] = original.read_bytes()
    with rasterio.open(original) as dataset:
        z, place, crs, nodata = (
            dataset.read(1).astype(float),
            dataset.transform,
            dataset.crs.to_string(),
            dataset.nodata,
        )
    source = RasterSource(href="a.tif", bands=(1,), dtype="float32", nodata=nodata, rescale=(0, 1))
    grid = PixelGrid(crs, place.c, place.f, place.a, -place.e, z.shape[1], z.shape[0])
    style = Style(name="slope", relief=Slope(), ramp=Ramp(stops=(Stop(0.0, 0, 0, 0),)))
    data, plan = await engine.engine.tile(source, prepare(style, source), grid, "npy", {})
    # Horn 1981: differences of the eight neighbours, those beside the pixel twice
    z[z == nodata] = np.nan
    nw, n, ne, w, e = z[:-2, :-2], z[:-2, 1:-1], z[:-2, 2:], z[1:-1, :-2], z[1:-1, 2:]
    sw, s, se = z[2:, :-2], z[2:, 1:-1], z[2:, 2:]
    east = ((ne + 2 * e + se) - (nw + 2 * w + sw)) / (8 * place.a)
    south = ((sw + 2 * s + se) - (nw + 2 * n + ne)) / (8 * place.a)
    wanted = np.degrees(np.arctan(np.hypot(east, south)))
    seen = ~np.isnan(wanted)
    assert plan == "crop"
    assert seen.mean() > 0.5
    np.testing.assert_allclose(np.load(BytesIO(data))[0, 1:-1, 1:-1][seen], wanted[seen], atol=0.01)
