"""tiler.ingest.raster: pyramids of many shards, in several sets, made again only where something changed."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.merge import merge
from rasterio.transform import from_origin
from rasterio.warp import transform

from core.directory import DirectoryStore
from core.errors import InputRefused
from core.job import JobSpec, Progress, RasterStorage
from core.style import Style
from tests.servers.dask import running_cluster
from tiler.ingest.raster import ingest_raster
from tiler.matrix import tile_bounds, tile_limits, tile_matrix_set
from tiler.pool import RenderPool
from tiler.raster.blocks import BlockCache
from tiler.raster.engine import RasterEngine
from tiler.raster.grid import PixelGrid
from tiler.raster.header import RasterHeaders
from tiler.raster.mosaic import MosaicIndexes
from tiler.raster.style import prepare

WEST, NORTH, CELL = 700_000.0, 6_600_000.0, 0.5
APART = 2600.0
"""Distance between the files, metres: a shard of level 18 is some 1,700 m wide there."""


def write(path, values, *, west=WEST, north=NORTH, crs="EPSG:2154", cell=CELL, nodata=None):
    bands = values if values.ndim == 3 else values[np.newaxis]
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2], dtype=bands.dtype,
        crs=crs, transform=from_origin(west, north, cell, cell), nodata=nodata,
    ) as dataset:  # fmt: skip
        dataset.write(bands)
    return str(path)


def photo(side=200, seed=0):
    smooth = np.add.outer(np.linspace(0, 90, side), np.linspace(30 + 10 * seed, 160, side))
    return np.stack([smooth, smooth[::-1], 255 - smooth]).astype(np.uint8)


@pytest.fixture
def files(tmp_path):
    return [write(tmp_path / f"{number}.tif", photo(seed=number), west=WEST + number * APART) for number in range(3)]


pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # a tile is not


class Shop:
    """Ingests into one store, each job under a prefix of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.store = DirectoryStore(folder / "store")
        self.events = []

    def ingest(self, inputs, prefix="d/1", reuse=(), resampling=None, **storage):
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        spec = JobSpec(
            kind="raster", name="l", inputs=tuple(inputs), prefix=prefix, scratch=str(scratch), reuse=tuple(reuse),
            resampling=resampling, storage=RasterStorage(**storage),
        )  # fmt: skip
        self.events = []
        return ingest_raster(spec, self.events.append, self.store)

    def path(self, key):
        return Path(self.store.location(key))

    def inode(self, key):
        return self.path(key).stat().st_ino

    def tile(self, result, *place):
        return asyncio.run(self._tile(result, *place))

    async def _tile(self, result, tms, level, col, row, extension="png"):
        sets = tile_matrix_set(tms)
        matrix = sets.by_id[level]
        west, _, _, north = tile_bounds(matrix, col, row)
        grid = PixelGrid(sets.crs, west, north, matrix.cell_size, matrix.cell_size, 256, 256)
        pool = RenderPool(1, 8)
        engine = RasterEngine(
            self.store, pool, headers=RasterHeaders(self.store, 1 << 24),
            blocks=BlockCache(self.store, pool, 1 << 26), indexes=MosaicIndexes(self.store, 1 << 24),
        )  # fmt: skip
        source = result.source.on(tms, sets.crs)
        try:
            return await engine.tile(source, prepare(Style(name="s"), source), grid, extension, {})
        finally:
            pool.close()


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def names(result, level):
    return {key.split("/", 2)[2] for key in result.objects if f"/PM/{level}/" in key}


def middle_tile(result, tms, level):
    sets = tile_matrix_set(tms)
    (x,), (y,) = transform("EPSG:4326", sets.crs, [result.sample[0]], [result.sample[1]])
    limits = tile_limits(sets.by_id[level], (x, y, x + 1e-3, y + 1e-3))
    return limits.min_col, limits.min_row


def test_places_far_apart_are_shards_of_their_own_and_nothing_is_stored_between(shop, files):
    result = shop.ingest(files)
    assert (result.source.max_zoom, result.source.files) == (18, 4)
    assert len(names(result, 18)) == 3
    assert len(names(result, 13)) == 1
    assert {key for key in result.objects if not key.endswith(".tif")} == {"d/1/PM.index.msgpack"}
    assert result.size == sum(shop.path(key).stat().st_size for key in result.objects)


def test_a_coarser_tier_holds_the_means_of_the_one_below(shop, tmp_path):
    rng = np.random.default_rng(4)
    heights = [rng.uniform(0, 1000, (300, 300)).astype(np.float32) for _ in range(2)]
    inputs = [write(tmp_path / f"{n}.tif", one, west=WEST + n * APART) for n, one in enumerate(heights)]
    result = shop.ingest(inputs, max_error=0)
    (coarse,) = (key for key in result.objects if "/PM/13/" in key)
    fine = [key for key in result.objects if "/PM/18/" in key]
    with rasterio.open(shop.path(coarse)) as dataset:
        means, nodata, outer = dataset.read(1), dataset.nodata, dataset.transform
    seen = 0
    for key in fine:
        with rasterio.open(shop.path(key), overview_level=3) as dataset:
            values, inner = dataset.read(1), dataset.transform
        col, row = (round(part) for part in ~outer @ (inner.c, inner.f))
        here = means[row : row + 128, col : col + 128]
        quarters = np.where(values == nodata, np.nan, values).reshape(128, 2, 128, 2)
        whole = ~np.isnan(quarters).any(axis=(1, 3))
        np.testing.assert_allclose(here[whole], quarters.mean(axis=(1, 3))[whole], rtol=1e-5)
        seen += int(whole.sum())
        gone = np.isnan(quarters).all(axis=(1, 3))
        assert (here[gone] == nodata).all()
    assert seen > 20


def test_neighbouring_shards_meet_without_a_seam(shop, tmp_path):
    side = 3600
    plane = (np.arange(side)[:, None] * 2.0 + np.arange(side)[None, :] * 3.0).astype(np.float32)
    result = shop.ingest([write(tmp_path / "a.tif", plane, cell=0.6)], max_error=0)
    shards = [key for key in result.objects if f"/PM/{result.source.max_zoom}/" in key]
    assert len(shards) > 1
    values, affine = merge([shop.path(key) for key in shards], masked=True)
    rows, cols = np.mgrid[0 : values.shape[1] : 7, 0 : values.shape[2] : 7]
    x, y = affine.c + (cols + 0.5) * affine.a, affine.f + (rows + 0.5) * affine.e
    x, y = Transformer.from_crs("EPSG:3857", "EPSG:2154", always_xy=True).transform(x, y)
    col, row = (x - WEST) / 0.6 - 0.5, (NORTH - y) / 0.6 - 0.5
    inside = (col > 2) & (row > 2) & (col < side - 3) & (row < side - 3)
    off = np.abs(values.filled(np.nan)[0][rows, cols] - (row * 2.0 + col * 3.0))
    assert inside.mean() > 0.2
    assert off[inside].max() < 0.1 * 5  # a tenth of a pixel


@pytest.mark.parametrize(("encoding", "extension"), [("jpeg", "jpg"), ("webp", "webp")])
def test_a_tile_of_a_stored_set_is_a_stored_block(shop, tmp_path, encoding, extension):
    result = shop.ingest(
        [write(tmp_path / "a.tif", photo(1500))], encoding=encoding, tile_matrix_sets=("PM", "2154_10cm")
    )
    assert [one.tms for one in result.source.pyramids] == ["PM", "2154_10cm"]
    finest = {"PM": str(result.source.max_zoom), "2154_10cm": "19"}
    assert tile_matrix_set("2154_10cm").by_id["19"].cell_size == pytest.approx(0.4)
    for tms, level in finest.items():
        col, row = middle_tile(result, tms, level)
        for up in range(3):
            place = (str(int(level) - up), col >> up, row >> up)
            data, plan = shop.tile(result, tms, *place, extension)
            if up == 0:
                assert plan == "passthrough"
                key = next(k for k in result.objects if f"/{tms}/{level}/" in k and _holds(shop, k, tms, *place))
                assert _block(shop.path(key), tms, *place) in data
            with rasterio.MemoryFile(data) as file, file.open() as dataset:
                assert (dataset.width, dataset.height) == (256, 256)


def _holds(shop, key, tms, level, col, row):
    west, south, east, north = tile_bounds(tile_matrix_set(tms).by_id[level], col, row)
    with rasterio.open(shop.path(key)) as dataset:
        box = dataset.bounds
    x, y = (west + east) / 2, (south + north) / 2
    return box.left < x < box.right and box.bottom < y < box.top


def _block(path, tms, level, col, row):
    """The payload of a block without its first two bytes, found by GDAL's own account of where it lies."""
    west, _, _, north = tile_bounds(tile_matrix_set(tms).by_id[level], col, row)
    with rasterio.open(path) as dataset:
        at_row, at_col = (round(part) for part in (~dataset.transform @ (west, north))[::-1])
        name = f"BLOCK_OFFSET_{at_col // 256}_{at_row // 256}"
        offset = int(dataset.get_tag_item(name, "TIFF", bidx=1))
        size = int(dataset.get_tag_item(name.replace("OFFSET", "SIZE"), "TIFF", bidx=1))
    return path.read_bytes()[offset + 2 : offset + size]


def test_a_set_that_is_not_stored_is_answered_from_the_first(shop, tmp_path):
    result = shop.ingest([write(tmp_path / "a.tif", photo(1500))])
    level = "19"
    data, plan = shop.tile(result, "2154_10cm", level, *middle_tile(result, "2154_10cm", level))
    assert plan == "warp"
    with rasterio.MemoryFile(data) as file, file.open() as dataset:
        assert dataset.read().std() > 1


def test_the_top_of_the_set_is_answered_from_a_single_coarse_file(shop, files):
    result = shop.ingest(files)
    for level in ("10", "6", "0"):
        data, plan = shop.tile(result, "PM", level, *middle_tile(result, "PM", level))
        assert plan in {"warp", "crop", "outside"}
        assert data or level != "10"


def test_a_changed_source_makes_again_only_the_shards_it_touches(shop, files, tmp_path):
    first = shop.ingest(files)
    write(tmp_path / "1.tif", photo(seed=5), west=WEST + APART)
    second = shop.ingest(files, prefix="d/2", reuse=["d/1"])
    same = names(first, 18) & names(second, 18)
    assert (len(same), len(names(second, 18))) == (2, 3)
    assert {shop.inode(f"d/1/{name}") for name in same} == {shop.inode(f"d/2/{name}") for name in same}
    assert names(first, 13) != names(second, 13)
    assert any("2 as before" in event.step for event in shop.events if isinstance(event, Progress))


def test_nothing_is_made_again_when_nothing_changed(shop, files):
    first = shop.ingest(files)
    second = shop.ingest(files, prefix="d/2", reuse=["d/0", "d/1"])
    tifs = sorted(key.removeprefix("d/1/") for key in first.objects if key.endswith(".tif"))
    assert tifs == sorted(key.removeprefix("d/2/") for key in second.objects if key.endswith(".tif"))
    assert all(shop.inode(f"d/1/{name}") == shop.inode(f"d/2/{name}") for name in tifs)


@pytest.mark.parametrize(
    "change", [{"quality": 50}, {"encoding": "webp"}, {"resampling": None, "tile_matrix_sets": ("PM_5cm",)}]
)
def test_another_way_of_storing_is_another_shard(shop, files, change):
    first = shop.ingest(files[:1])
    second = shop.ingest(files[:1], prefix="d/2", reuse=["d/1"], **change)
    assert not names(first, 18) & {key.split("/", 2)[2] for key in second.objects}


def test_what_was_tidied_up_meanwhile_is_made_again(shop, files, monkeypatch):
    first = shop.ingest(files)
    gone = next(key for key in first.objects if "/PM/18/" in key)
    listed = DirectoryStore.list

    def list_then_lose(store, prefix):
        async def found():
            async for one in listed(store, prefix):
                yield one
            shop.path(gone).unlink(missing_ok=True)

        return found()

    monkeypatch.setattr(DirectoryStore, "list", list_then_lose)
    second = shop.ingest(files, prefix="d/2", reuse=["d/1"])
    assert names(second, 18) == names(first, 18)
    assert shop.path(gone.replace("d/1/", "d/2/")).exists()


def test_the_workers_of_a_cluster_make_what_threads_make(shop, files, monkeypatch):
    alone = shop.ingest(files)
    with running_cluster() as address:
        monkeypatch.setenv("GEOPF_DASK_SCHEDULER", address)
        result = shop.ingest(files, prefix="d/2")
    for key in alone.objects:
        if key.endswith(".tif"):
            assert shop.path(key).read_bytes() == shop.path(key.replace("d/1/", "d/2/")).read_bytes()
    assert result.sample == alone.sample


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.linspace(0, 500, 40_000, dtype=np.float32), ("LERC_ZSTD", 0.01)),
        (np.linspace(-1, 1, 40_000, dtype=np.float32), ("LERC_ZSTD", 0.0)),
        (np.linspace(-1000, 1000, 40_000).astype(np.int16), ("ZSTD", 0.0)),
        (np.linspace(0, 9, 40_000).astype(np.uint8), ("ZSTD", 0.0)),
    ],
    ids=["heights", "an index", "whole heights", "classes"],
)
def test_values_are_kept_as_closely_as_they_matter(shop, tmp_path, values, expected):
    grid = values.reshape(200, 200)
    cell = tile_matrix_set("PM").by_id["18"].cell_size
    origin = tile_matrix_set("PM").by_id["18"].origin_x
    west, north = origin + 133_000 * 256 * cell, -origin - 90_000 * 256 * cell  # on the pixels of the set
    path = write(tmp_path / "a.tif", grid, west=west, north=north, cell=cell, crs="EPSG:3857")
    result = shop.ingest([path])
    (key,) = (key for key in result.objects if "/PM/18/" in key)
    with rasterio.open(shop.path(key)) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["COMPRESSION"] == expected[0]
        stored = dataset.read(1)[dataset.dataset_mask() > 0].reshape(200, 200)
    off = np.abs(stored.astype(np.float64) - grid).max()
    assert off <= expected[1] * (1 + 1e-3) + (1e-5 if expected[1] else 0)


def test_missing_heights_stay_missing_under_a_lossy_encoding(shop, tmp_path):
    rng = np.random.default_rng(1)
    heights = rng.uniform(0, 3000, (300, 300)).astype(np.float32)
    heights[rng.random((300, 300)) < 0.2] = -9999
    result = shop.ingest([write(tmp_path / "a.tif", heights, nodata=-9999)], resampling="nearest", max_error=0.05)
    (key,) = (key for key in result.objects if "/PM/18/" in key)
    with rasterio.open(shop.path(key)) as dataset:
        values = dataset.read(1)
    assert set(values[values < -1].tolist()) == {-9999.0}


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ({"tile_matrix_sets": ("NOPE",)}, "NOPE"),
        ({"encoding": "webp"}, "1 bands of uint16 cannot be stored as webp"),
        ({"tile_matrix_sets": ("2975_10cm",)}, "2975"),
    ],
)
def test_a_form_that_cannot_hold_the_data_is_refused(shop, tmp_path, storage, words):
    path = write(tmp_path / "a.tif", np.ones((50, 50), np.uint16))
    with pytest.raises(InputRefused, match=words):
        shop.ingest([path], **storage)
