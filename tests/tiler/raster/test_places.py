"""tiler.raster.places: points over seams of blocks and files, and through GDAL."""

import numpy as np
import pytest

from tests.doubles import MemoryStore
from tests.tiler.raster.test_engine import Engine, publish_mosaic, source_of
from tests.tiler.raster.tiffs import photo, write_cog
from tiler.raster.grid import PixelGrid
from tiler.raster.header import RasterHeaders
from tiler.raster.places import PlaceReader, Places


@pytest.fixture
def engine():
    made = Engine()
    yield made
    made.pool.close()


def reader_of(engine):
    return PlaceReader(
        engine.store, engine.pool, headers=RasterHeaders(engine.store, 1 << 24), blocks=engine.blocks,
        indexes=engine.engine._indexes,
    )  # fmt: skip


def some_places(count=300):
    random = np.random.default_rng(9)
    return Places("EPSG:3857", random.uniform(2, 1022, count), random.uniform(2, 1022, count))


async def test_between_files_of_a_mosaic_values_are_those_of_the_whole(engine, tmp_path):
    whole, source = publish_mosaic(engine, tmp_path)
    places = some_places()
    _, got = await reader_of(engine).read(source, places, (1, 2, 3), "bilinear", {})
    x, y = places.x - 0.5, 1024 - places.y - 0.5
    col, row = np.floor(x).astype(int), np.floor(y).astype(int)
    right, down = (x - col)[:, None], (y - row)[:, None]
    values = whole.astype(float)
    wanted = (values[row, col] * (1 - right) + values[row, col + 1] * right) * (1 - down) + (
        values[row + 1, col] * (1 - right) + values[row + 1, col + 1] * right
    ) * down
    np.testing.assert_allclose(got.values, wanted, atol=1e-3)


@pytest.mark.parametrize("how", ["nearest", "bilinear", "cubic", "average"])
async def test_points_have_what_a_tile_of_one_pixel_has(engine, tmp_path, how):
    values = photo(1024, 1024, 1).astype(np.float32)
    values[0, 200:300, 100:400] = -1
    path = write_cog(tmp_path / "e.tif", values, west=0, north=1024, nodata=-1, BLOCKSIZE=128)
    engine.store.objects["a.tif"] = path.read_bytes()
    source = source_of(bands=(1,), dtype="float32", nodata=-1, resampling=how)
    places = some_places(60)
    _, got = await reader_of(engine).read(source, places, (1,), how, {})
    for x, y, value in zip(places.x, places.y, got.values[:, 0], strict=True):
        grid = PixelGrid("EPSG:3857", x - 0.5, y + 0.5, 1.0, 1.0, 1, 1)
        samples, _ = await engine.engine.samples(source, grid, (1,), {})
        wanted = np.nan if samples is None else samples.values[0, 0, 0]
        np.testing.assert_allclose(value, wanted, atol=1e-3)


@pytest.mark.parametrize("how", ["nearest", "bilinear", "cubic"])
async def test_gdal_gives_the_same_values(engine, tmp_path, monkeypatch, how):
    path = write_cog(tmp_path / "c.tif", photo(1024, 1024), west=0, north=1024, COMPRESS="DEFLATE", BLOCKSIZE=256)
    engine.store.objects["a.tif"] = path.read_bytes()
    _, wanted = await reader_of(engine).read(source_of(), some_places(50), (3, 1), how, {})
    monkeypatch.setattr(MemoryStore, "location", lambda _, __: str(path), raising=False)
    monkeypatch.setattr("tiler.raster.header.why_not", lambda _: "a reason")
    _, got = await reader_of(engine).read(source_of(), some_places(50), (3, 1), how, {})
    np.testing.assert_allclose(got.values, wanted.values, atol=1e-3)
