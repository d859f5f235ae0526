"""tiler.raster.engine: samples of grids of any size, beside what rasterio reads."""

import asyncio
import math
from io import BytesIO

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.windows import Window

from core.errors import BadRequest, PreconditionFailed, TooLarge, Unavailable
from core.layer import RasterSource
from tests.tiler.raster.test_engine import Engine, Replacing
from tests.tiler.raster.tiffs import photo, write_cog
from tiler.raster.grid import PixelGrid

SIDE = 700
LIMITS = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65_535), "int16": (-32_768, 32_767)}
LIMITS |= {"int32": (-(2**24), 2**24), "uint32": (0, 2**24)}
"""Samples that 24 bits hold."""


def values_of(dtype, bands=1):
    random = np.random.default_rng(7)
    if dtype in LIMITS:
        low, high = LIMITS[dtype]
        return random.integers(low, high, (bands, SIDE, SIDE), endpoint=True).astype(dtype)
    return random.normal(500, 300, (bands, SIDE, SIDE)).astype(dtype)


@pytest.fixture(scope="module", params=[*LIMITS, "float32", "float64"])
def cog(request, tmp_path_factory):
    """A file of random values, its bytes and its layer."""
    path = tmp_path_factory.mktemp("v") / "v.tif"
    values = values_of(request.param)
    values[:, 100:130, 200:260] = 77
    write_cog(path, values, west=0, north=SIDE, cell=1, nodata=77, COMPRESS="DEFLATE", BLOCKSIZE=128)
    source = RasterSource(href="a.tif", bands=(1,), dtype=request.param, nodata=77)
    return path.read_bytes(), source


@pytest.fixture(scope="module")
def opened(cog):
    """The file in rasterio."""
    with rasterio.open(BytesIO(cog[0])) as dataset:
        yield dataset


@pytest.fixture
def engine():
    made = Engine()
    yield made
    made.pool.close()


def floats(samples, grid):
    """Return samples as float64 with NaN where missing, shape (rows, cols, bands)."""
    if samples is None:
        return np.full((grid.rows, grid.cols, 1), np.nan)
    values = samples.values.astype(np.float64)
    if samples.valid is not None:
        values[samples.valid == 0] = np.nan
    return values


@given(st.integers(-60, SIDE), st.integers(-60, SIDE), st.integers(1, 300), st.integers(1, 300))
@settings(max_examples=15, deadline=None)
def test_any_window_is_what_rasterio_reads(cog, opened, col, row, cols, rows):
    async def ask():
        made = Engine()
        made.store.objects["a.tif"] = cog[0]
        try:
            return (await made.engine.samples(cog[1], grid, (1,), {}))[0]
        finally:
            made.pool.close()

    grid = PixelGrid("EPSG:3857", float(col), float(SIDE - row), 1.0, 1.0, cols, rows)
    got = floats(asyncio.run(ask()), grid)[..., 0]
    read = opened.read(1, window=Window(col, row, cols, rows), boundless=True, masked=True)
    wanted = read.astype(np.float32).astype(np.float64).filled(np.nan)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(("cols", "rows"), [(1, 1), (1, 40), (40, 1), (2, 3), (100, 17)])
async def test_a_narrow_grid_in_another_crs_has_the_pixels_of_a_wide_one(engine, tmp_path, cols, rows):
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:2154", always_xy=True).transform(2.3, 43.5)
    path = write_cog(tmp_path / "c.tif", photo(600, 600), crs="EPSG:2154", west=x, north=y, cell=1.0, BLOCKSIZE=128)
    engine.store.objects["a.tif"] = path.read_bytes()
    source = RasterSource(href="a.tif", bands=(1, 2, 3), dtype="uint8", resampling="nearest")
    east, north = Transformer.from_crs("EPSG:2154", "EPSG:3857", always_xy=True).transform(x + 200, y - 200)
    wide = PixelGrid("EPSG:3857", east, north, 1.5, 1.5, 128, 128)
    narrow = PixelGrid("EPSG:3857", east, north, 1.5, 1.5, cols, rows)
    whole, _ = await engine.engine.samples(source, wide, (3, 1), {})
    part, plan = await engine.engine.samples(source, narrow, (3, 1), {})
    assert plan == "warp"
    assert part.values.shape == (rows, cols, 2)
    same = (part.values == whole.values[:rows, :cols]).all(axis=2)
    assert (~same).sum() <= math.ceil(cols * rows / 500), "places agree to 0.02 pixels"


async def test_where_no_file_has_pixels_there_are_no_samples(engine, cog):
    engine.store.objects["a.tif"] = cog[0]
    grid = PixelGrid("EPSG:3857", 9000.0, 0.0, 1.0, 1.0, 5, 5)
    assert await engine.engine.samples(cog[1], grid, (1,), {}) == (None, "outside")


async def test_work_is_done_with_the_samples_where_they_were_made(engine, cog):
    engine.store.objects["a.tif"] = cog[0]
    grid = PixelGrid("EPSG:3857", 0.0, float(SIDE), 1.0, 1.0, 5, 4)
    stages = {}
    shape, plan = await engine.engine.use(cog[1], grid, (1,), lambda samples, _: samples.values.shape, stages)
    assert (shape, plan) == ((4, 5, 1), "crop")
    assert {"look", "read"} <= stages.keys()


async def test_more_pixels_than_memory_may_hold_are_refused(engine, cog):
    engine.store.objects["a.tif"] = cog[0]
    with pytest.raises(TooLarge, match="9000 by 9000 pixels take 308 MiB, 256 MiB at most: ask for fewer"):
        await engine.engine.samples(cog[1], PixelGrid("EPSG:3857", 0, 0, 1, 1, 9000, 9000), (1,), {})


async def test_a_band_that_no_file_has_is_told(engine, cog):
    engine.store.objects["a.tif"] = cog[0]
    with pytest.raises(BadRequest, match=r"band 2 is asked for, and a\.tif has 1"):
        await engine.engine.samples(cog[1], PixelGrid("EPSG:3857", 0, 0, 1, 1, 9, 9), (1, 2), {})


async def test_a_band_of_transparency_is_no_band_to_ask_for(engine, tmp_path):
    path = write_cog(tmp_path / "a.tif", photo(256, 256, 4), west=0, north=256, COMPRESS="DEFLATE", BLOCKSIZE=256)
    engine.store.objects["a.tif"] = path.read_bytes()
    source = RasterSource(href="a.tif", bands=(1, 2, 3), dtype="uint8")
    with pytest.raises(BadRequest, match=r"band 4 is asked for, the transparency of a\.tif"):
        await engine.engine.samples(source, PixelGrid("EPSG:3857", 0, 256, 1, 1, 9, 9), (4,), {})


async def test_samples_of_a_file_replaced_meanwhile_are_of_one_version(tmp_path):
    place = {"west": 0, "north": 1024, "COMPRESS": "DEFLATE", "BLOCKSIZE": 256}
    versions = [
        write_cog(tmp_path / f"{value}.tif", np.full((1, 1024, 1024), value, np.uint16), **place).read_bytes()
        for value in (40_000, 7)
    ]
    engine = Engine(block_bytes=1, store=Replacing(versions))
    source = RasterSource(href="a.tif", bands=(1,), dtype="uint16")
    seen = set()
    for number in range(30):
        samples, _ = await engine.engine.samples(
            source, PixelGrid("EPSG:3857", 100.0 + number, 900.0, 1.0, 1.0, 600, 500), (1,), {}
        )
        values = np.unique(samples.values).tolist()
        assert len(values) == 1
        seen.add(values[0])
    engine.store.get_range = _always_replaced
    with pytest.raises(Unavailable, match="replaced again and again"):
        await engine.engine.samples(source, PixelGrid("EPSG:3857", 0.0, 1024.0, 1.0, 1.0, 9, 9), (1,), {})
    engine.pool.close()
    assert seen == {40_000.0, 7.0}


async def _always_replaced(key, offset, length, *, if_match=""):
    raise PreconditionFailed(f"{key} has changed")
