"""tiler.raster.engine: the plan that is taken, what it sends, and what happens when files are damaged or replaced."""

import asyncio
from io import BytesIO

import msgspec
import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import Affine

from core.errors import BadRequest, BadSource, PreconditionFailed, TooLarge, Unavailable
from core.layer import RasterSource
from core.style import Aspect, Contours, Hillshade, Slope, Style
from tests.doubles import MemoryStore
from tests.tiler.raster.tiffs import photo, write_cog, write_tiff
from tiler.pool import RenderPool
from tiler.raster.blocks import BlockCache
from tiler.raster.directory import parse
from tiler.raster.engine import RasterEngine
from tiler.raster.grid import PixelGrid
from tiler.raster.header import RasterHeaders
from tiler.raster.mosaic import MosaicIndexes, build_index
from tiler.raster.style import prepare

RGB = (1, 2, 3)
PLAIN = Style(name="default")


class Engine:
    """An engine over a store in memory."""

    def __init__(self, block_bytes=1 << 26, store=None):
        self.store = store or MemoryStore()
        self.pool = RenderPool(2, 64)
        self.headers = RasterHeaders(self.store, 1 << 24)
        self.blocks = BlockCache(self.store, self.pool, block_bytes)
        indexes = MosaicIndexes(self.store, 1 << 24)
        self.engine = RasterEngine(self.store, self.pool, headers=self.headers, blocks=self.blocks, indexes=indexes)

    async def send(self, source, grid, extension="png", style=PLAIN, stages=None):
        """Return a tile and the plan."""
        stages = {} if stages is None else stages
        return await self.engine.tile(source, prepare(style, source), grid, extension, stages)

    async def ask(self, source, grid, extension="png", style=PLAIN):
        """Return the picture as an array (None when empty), the plan and the stages."""
        stages = {}
        data, plan = await self.send(source, grid, extension, style, stages)
        return (np.asarray(Image.open(BytesIO(data))) if data else None), plan, stages

    def reads(self):
        """Return what was asked of the store since the last call."""
        calls = [name for name, _ in self.store.calls if name != "put"]
        self.store.calls.clear()
        return calls


@pytest.fixture
def engine():
    made = Engine()
    yield made
    made.pool.close()


def grid_of(col=0, row=0, size=256, cell=1.0):
    return PixelGrid("EPSG:3857", float(col), 1024.0 - row, cell, cell, size, size)


def source_of(href="a.tif", **more):
    return RasterSource(**{"href": href, "bands": RGB, "dtype": "uint8", **more})


@pytest.fixture(scope="module")
def jpeg(tmp_path_factory):
    path = tmp_path_factory.mktemp("j") / "j.tif"
    return write_cog(
        path, photo(1024, 1024), west=0, north=1024, COMPRESS="JPEG", BLOCKSIZE=256, QUALITY=85
    ).read_bytes()


@pytest.mark.parametrize(("compress", "extension"), [("JPEG", "jpg"), ("JPEG", "jpeg"), ("WEBP", "webp")])
async def test_a_block_that_is_the_tile_is_sent_as_it_is_stored_with_one_read(engine, tmp_path, compress, extension):
    path = write_cog(tmp_path / "c.tif", photo(1024, 1024), west=0, north=1024, COMPRESS=compress, BLOCKSIZE=256)
    stored = engine.store.objects["a.tif"] = path.read_bytes()
    await engine.ask(source_of(), grid_of(), extension)
    assert engine.reads() == ["get_start", "get_range"]
    data, plan = await engine.send(source_of(), grid_of(512, 256), extension)
    assert (plan, engine.reads()) == ("passthrough", ["get_range"])
    level = parse(stored).levels[0]
    offset, length = level.span(2, 1)
    payload = stored[offset : offset + length]
    assert data.endswith(payload[2:] if compress == "JPEG" else payload)
    with rasterio.open(BytesIO(stored)) as dataset:
        wanted = np.moveaxis(dataset.read(window=((256, 512), (512, 768))), 0, 2).astype(int)
    assert np.abs(np.asarray(Image.open(BytesIO(data))).astype(int) - wanted).mean() < 1.0


async def test_another_format_or_half_a_block_is_cut_from_decoded_blocks(engine, jpeg):
    engine.store.objects["a.tif"] = jpeg
    with rasterio.open(BytesIO(jpeg)) as dataset:
        wanted = np.moveaxis(dataset.read(), 0, 2).astype(int)
    for grid, extension in [(grid_of(), "png"), (grid_of(128, 128), "jpg"), (grid_of(0, 0, 512), "webp")]:
        picture, plan, stages = await engine.ask(source_of(), grid, extension)
        assert plan == "crop"
        assert stages["look"] > 0
        col, row = int(grid.west), int(1024 - grid.north)
        there = wanted[row : row + grid.rows, col : col + grid.cols]
        assert np.abs(picture[..., :3].astype(int) - there).mean() < 3.5


async def test_a_decoded_block_is_not_read_again(engine, jpeg):
    engine.store.objects["a.tif"] = jpeg
    await engine.ask(source_of(), grid_of(size=128), "png")
    engine.reads()
    await engine.ask(source_of(), grid_of(128, 128, size=128), "png")
    assert engine.reads() == []


async def test_tiles_that_want_one_block_at_a_time_read_it_once(engine, jpeg):
    engine.store.objects["a.tif"] = jpeg
    await engine.headers.get("a.tif")
    engine.reads()
    grids = [grid_of(col, row, 64) for col in (0, 64, 128, 240) for row in (0, 64, 128, 240)]
    pictures = await asyncio.gather(*(engine.ask(source_of(), grid) for grid in grids))
    assert engine.reads().count("get_range") == 4
    with rasterio.open(BytesIO(jpeg)) as dataset:
        wanted = np.moveaxis(dataset.read(), 0, 2).astype(int)
    for grid, (picture, _, _) in zip(grids, pictures, strict=True):
        col, row = int(grid.west), int(1024 - grid.north)
        assert np.abs(picture.astype(int) - wanted[row : row + 64, col : col + 64]).mean() < 1.0


async def test_missing_pixels_of_a_mask_are_transparent_and_a_full_block_still_passes(engine, tmp_path):
    mask = np.full((1024, 1024), 255, np.uint8)
    mask[300:400, 300:400] = 0
    path = write_cog(
        tmp_path / "m.tif", photo(1024, 1024), mask=mask, west=0, north=1024, COMPRESS="JPEG", BLOCKSIZE=256
    )
    engine.store.objects["a.tif"] = path.read_bytes()
    assert (await engine.ask(source_of(), grid_of(), "jpg"))[1] == "passthrough"
    picture, plan, _ = await engine.ask(source_of(), grid_of(256, 256), "jpg")
    assert plan == "crop"
    assert picture[100, 100].min() > 240
    picture, _, _ = await engine.ask(source_of(), grid_of(256, 256), "png")
    np.testing.assert_array_equal(picture[..., 3] == 0, mask[256:512, 256:512] == 0)


async def test_where_no_file_has_pixels_there_is_no_tile(engine, jpeg):
    engine.store.objects["a.tif"] = jpeg
    data, plan = await engine.send(source_of(), grid_of(5000, 0), "png")
    assert (data, plan) == (b"", "outside")


async def test_a_block_that_the_file_leaves_out_is_no_tile(engine, tmp_path):
    values = photo(1024, 1024)
    values[:, :256, :256] = 0
    mask = np.full((1024, 1024), 255, np.uint8)
    mask[:256, :256] = 0
    path = write_cog(
        tmp_path / "s.tif", values, mask=mask, west=0, north=1024, COMPRESS="WEBP", BLOCKSIZE=256, SPARSE_OK="YES"
    )
    engine.store.objects["a.tif"] = path.read_bytes()
    assert (await engine.send(source_of(), grid_of(), "webp"))[0] == b""
    assert (await engine.send(source_of(), grid_of(256), "webp"))[0] != b""


async def test_a_damaged_block_is_one_bad_tile_and_the_others_are_served(engine, jpeg):
    level = parse(jpeg).levels[0]
    offset, length = level.span(1, 1)
    damaged = bytearray(jpeg)
    damaged[offset : offset + length] = bytes(length)
    engine.store.objects["a.tif"] = bytes(damaged)
    with pytest.raises(BadSource, match=r"a\.tif.*damaged.*column 1, row 1") as caught:
        await engine.ask(source_of(), grid_of(256, 256), "png")
    assert caught.value.remedy
    assert (await engine.ask(source_of(), grid_of(0, 0), "png"))[0] is not None
    for extension in ("png", "jpg"):
        with pytest.raises(BadSource, match="damaged"):
            await engine.ask(source_of(), grid_of(256, 256), extension)


async def test_a_file_that_is_cut_off_is_a_bad_source(engine, jpeg):
    engine.store.objects["a.tif"] = jpeg[: len(jpeg) // 2]
    with pytest.raises(BadSource, match=r"a\.tif"):
        for col in range(4):
            for row in range(4):
                await engine.ask(source_of(), grid_of(col * 256, row * 256), "png")


class Replacing(MemoryStore):
    """A store in which an object is replaced before every twentieth read of a block."""

    def __init__(self, versions):
        super().__init__()
        self.versions, self.reads = versions, 0
        self.objects["a.tif"] = versions[0]

    async def get_range(self, key, offset, length, *, if_match=""):
        self.reads += 1
        self.objects[key] = self.versions[self.reads // 20 % 2]
        await asyncio.sleep(0)
        return await super().get_range(key, offset, length, if_match=if_match)


async def test_a_replaced_file_is_read_anew_and_never_mixed(tmp_path):
    place = {"west": 0, "north": 1024, "COMPRESS": "DEFLATE", "BLOCKSIZE": 256}
    colours = (250, 5)
    versions = [
        write_cog(tmp_path / f"{colour}.tif", np.full((3, 1024, 1024), colour, np.uint8), **place).read_bytes()
        for colour in colours
    ]
    engine = Engine(block_bytes=1, store=Replacing(versions))
    seen = []
    for number in range(40):
        picture, _, _ = await engine.ask(source_of(), grid_of(100 + number % 7, 100 + number % 5, 512))
        values = np.unique(picture).tolist()
        assert len(values) == 1, "a tile is of one version"
        seen.append(values[0])
    engine.pool.close()
    assert engine.store.reads > 40 * 9, "some tiles were begun anew"
    assert set(seen) == set(colours)


async def test_a_file_replaced_at_every_read_is_given_up_with_a_clear_error(engine, jpeg):
    class Restless(MemoryStore):
        async def get_range(self, key, offset, length, *, if_match=""):
            raise PreconditionFailed(f"{key} has changed")

    restless = Restless()
    restless.objects["a.tif"] = jpeg
    blocks = BlockCache(restless, engine.pool, 1 << 20)
    made = RasterEngine(
        restless, engine.pool, headers=RasterHeaders(restless, 1 << 20), blocks=blocks,
        indexes=MosaicIndexes(restless, 1 << 20),
    )  # fmt: skip
    with pytest.raises(Unavailable, match="replaced again and again"):
        await made.tile(source_of(), prepare(PLAIN, source_of()), grid_of(), "png", {})


async def test_what_the_engine_does_not_place_itself_is_left_to_gdal(engine, tmp_path):
    path = tmp_path / "r.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=256, height=256, count=3, dtype="uint8", crs="EPSG:3857",
        transform=Affine(0.8, 0.2, 0, 0.2, -0.8, 1024), tiled=True, blockxsize=256, blockysize=256,
    ) as dataset:  # fmt: skip
        dataset.write(photo(256, 256))
    engine.store.objects["a.tif"] = path.read_bytes()
    engine.store.location = lambda key: str(path)
    picture, plan, _ = await engine.ask(source_of(), grid_of(), "png")
    assert plan == "rio-tiler"
    assert (picture[..., 3] > 0).any()


async def test_a_palette_is_shown_in_its_colours(engine, tmp_path):
    colours = {index: (index, 255 - index, (7 * index) % 256, 255) for index in range(256)}
    values = photo(256, 256, 1)
    path = write_cog(tmp_path / "p.tif", values, west=0, north=1024, palette=colours, BLOCKSIZE=256)
    engine.store.objects["a.tif"] = path.read_bytes()
    source = source_of(bands=(1,), resampling="nearest")
    data, _ = await engine.send(source, grid_of(), "png")
    table = np.array([colours[index][:3] for index in range(256)], np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(data)).convert("RGB")), table[values[0]])


async def test_elevation_is_stretched_and_its_holes_are_transparent(engine, tmp_path):
    values = photo(256, 256, 1).astype(np.float32) * 4
    values[0, :50] = -9999
    path = write_tiff(
        tmp_path / "e.tif", values, west=0, north=1024, nodata=-9999, tiled=True, blockxsize=256, blockysize=256
    )
    engine.store.objects["a.tif"] = path.read_bytes()
    source = source_of(bands=(1,), dtype="float32", rescale=(0.0, 1020.0))
    picture, _, _ = await engine.ask(source, grid_of())
    np.testing.assert_array_equal(picture[..., 1] > 0, values[0] != -9999)
    assert np.abs(picture[50:, :, 0] - values[0, 50:] / 4).max() <= 1


def publish_mosaic(engine, tmp_path, *, count=4, compress="DEFLATE"):
    """Store `count` x `count` files of 256 pixels and their index; return the whole picture."""
    whole = photo(256 * count, 256 * count)
    keys, boxes = [], []
    for row in range(count):
        for col in range(count):
            piece = whole[:, row * 256 : row * 256 + 256, col * 256 : col * 256 + 256]
            place = {"west": col * 256, "north": 1024 - row * 256, "BLOCKSIZE": 128, "COMPRESS": compress}
            path = write_cog(tmp_path / f"{row}{col}.tif", piece, **place)
            keys.append(f"m/{row}{col}.tif")
            engine.store.objects[keys[-1]] = path.read_bytes()
            boxes.append(parse(path.read_bytes()).bounds())
    engine.store.objects["m/index"] = msgspec.msgpack.encode(build_index("EPSG:3857", keys, boxes))
    return np.moveaxis(whole, 0, 2), source_of("m/index", files=len(keys))


async def test_a_mosaic_reads_the_files_of_the_tile_and_no_others(engine, tmp_path):
    whole, source = publish_mosaic(engine, tmp_path)
    picture, plan, _ = await engine.ask(source, grid_of(200, 300, 256))
    np.testing.assert_array_equal(picture, whole[300:556, 200:456])
    assert plan == "mosaic"
    read = {key for name, key in engine.store.calls if name == "get_start"}
    assert {"m/10.tif", "m/11.tif", "m/20.tif", "m/21.tif"} <= read
    assert "m/33.tif" not in read


async def test_a_block_of_one_file_of_a_mosaic_is_sent_as_it_is_stored(engine, tmp_path):
    _, source = publish_mosaic(engine, tmp_path, compress="WEBP")
    data, plan = await engine.send(source, grid_of(256 + 128, 512, 128), "webp")
    stored = engine.store.objects["m/21.tif"]
    offset, length = parse(stored).levels[0].span(1, 0)
    assert plan == "passthrough"
    assert data == stored[offset : offset + length]


async def test_a_damaged_file_of_a_mosaic_leaves_the_others(engine, tmp_path):
    whole, source = publish_mosaic(engine, tmp_path, count=2)
    engine.store.objects["m/11.tif"] = b"II*\0 this is no TIFF any more"
    with pytest.raises(BadSource, match=r"11\.tif"):
        await engine.ask(source, grid_of(300, 300, 128))
    picture, _, _ = await engine.ask(source, grid_of(0, 0, 128))
    np.testing.assert_array_equal(picture, whole[:128, :128])


async def test_a_tile_of_too_many_files_is_refused_with_the_level_to_ask(engine, tmp_path, monkeypatch):
    monkeypatch.setattr("tiler.raster.engine.MAX_FILES", 8)
    _, source = publish_mosaic(engine, tmp_path)
    with pytest.raises(TooLarge, match="16 files, 8 at most: ask for level 0"):
        await engine.ask(source, grid_of(0, 0, 256, 4.0))


async def test_a_tile_of_too_many_pixels_is_refused_with_the_level_to_ask(engine, tmp_path, monkeypatch):
    monkeypatch.setattr("tiler.planner.MAX_DECODED_BYTES", 1 << 20)
    _, source = publish_mosaic(engine, tmp_path)
    with pytest.raises(TooLarge, match="6 MiB of pixels, 1 MiB at most: ask for level 0"):
        await engine.ask(source, grid_of(0, 0, 1024))
    assert (await engine.ask(source, grid_of(0, 0, 256)))[0] is not None


async def test_what_is_missing_in_the_store_is_a_bad_source(engine):
    for source in (source_of("absent.tif"), source_of("absent.index", files=3)):
        with pytest.raises(BadSource, match="not in the object store"):
            await engine.ask(source, grid_of())


@pytest.mark.parametrize(
    "style",
    [
        Style(name="a", relief=Hillshade()),
        Style(name="a", relief=Slope()),
        Style(name="a", relief=Aspect()),
        Style(name="a", relief=Contours(interval=40)),
    ],
)
async def test_a_relief_has_no_seams_between_tiles(engine, tmp_path, style):
    rows, cols = np.mgrid[0:1024, 0:1024]
    values = (200 * np.sin(cols / 40) * np.cos(rows / 55) + rows / 7).astype(np.float32)
    values[300:320, 250:262] = -9999
    path = write_cog(tmp_path / "h.tif", values[None], west=0, north=1024, nodata=-9999, BLOCKSIZE=256)
    engine.store.objects["a.tif"] = path.read_bytes()
    source = source_of(bands=(1,), dtype="float32", rescale=(-200.0, 350.0))
    whole, plan, _ = await engine.ask(source, grid_of(0, 0, 512), style=style)
    assert plan == "crop"
    for row in (0, 256):
        for col in (0, 256):
            quarter, _, _ = await engine.ask(source, grid_of(col, row), style=style)
            part = whole[row : row + 256, col : col + 256]
            if quarter.ndim == part.ndim:
                np.testing.assert_array_equal(quarter, part)
            else:  # no pixel is missing in this one
                np.testing.assert_array_equal(quarter, part[..., 0])
                assert (part[..., 1] == 255).all()


async def test_a_band_that_the_file_has_not_is_told(engine, jpeg):
    engine.store.objects["a.tif"] = jpeg
    with pytest.raises(BadRequest, match=r"band 4 is asked for, and a.tif has 3"):
        await engine.ask(source_of(), grid_of(), style=Style(name="red", bands=(4,)))


async def test_a_styled_tile_is_never_the_stored_block(engine, jpeg):
    engine.store.objects["a.tif"] = jpeg
    _, plan, _ = await engine.ask(source_of(), grid_of(), "jpg", Style(name="a", bands=(3, 2, 1)))
    assert plan == "crop"


async def test_gdal_gives_the_bands_of_the_style_too(engine, tmp_path, monkeypatch):
    path = write_cog(tmp_path / "c.tif", photo(1024, 1024), west=0, north=1024, COMPRESS="DEFLATE", BLOCKSIZE=256)
    engine.store.objects["a.tif"] = path.read_bytes()
    monkeypatch.setattr(MemoryStore, "location", lambda _, __: str(path), raising=False)
    swapped = Style(name="a", bands=(3, 2, 1))
    expected, _, _ = await engine.ask(source_of(), grid_of(), style=swapped)
    monkeypatch.setattr("tiler.raster.header.why_not", lambda _: "a reason")
    other = Engine(store=engine.store)
    got, plan, _ = await other.ask(source_of(), grid_of(), style=swapped)
    other.pool.close()
    assert plan == "rio-tiler"
    np.testing.assert_array_equal(got, expected)
