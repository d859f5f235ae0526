"""Archives through the application: stored bytes, other formats, densities, sets and levels, and what damage does."""

import gzip
import json

import msgspec
import numpy as np
import pytest
from pmtiles.tile import Compression
from rasterio.transform import from_bounds
from rasterio.warp import Resampling, reproject

from core.errors import (
    BadRequest,
    BadSource,
    NotAcceptable,
    StyleNotFound,
    TileMatrixSetNotFound,
    TileNotFound,
    TooLarge,
    Unavailable,
)
from core.layer import ArchiveSource, ArchiveVectorLayer, PublishedLayer, kind_of
from core.listing import summarise
from core.table import LayerTable
from tests.doubles import MemoryStore
from tests.tiler.archive.made import opened, photo, picture, pmtiles
from tests.wire import Wire, scope
from tiler.app import GUIDE, create_tiler
from tiler.archive.level import EDGE_M
from tiler.matrix import tile_at, tile_bounds, tile_matrix_set
from tiler.settings import TilerSettings

WORLD = (-180.0, -85.05, 180.0, 85.05)


def pyramid(low=0, high=3, side=256):
    """One smooth picture of the world cut into tiles by (z, x, y), levels made by averaging."""
    levels = {high: np.empty((side << high, side << high, 3), np.uint8)}
    rows, cols = np.mgrid[: side << high, : side << high] / (side << high)
    levels[high][:] = np.stack([30 + 200 * rows, 40 + 180 * cols, 128 + 100 * np.sin(9 * rows) * np.cos(7 * cols)], 2)
    for zoom in range(high - 1, -1, -1):
        fine = levels[zoom + 1].astype(np.uint16)
        levels[zoom] = ((fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2] + 2) // 4).astype(
            np.uint8
        )
    tiles = {
        (zoom, x, y): np.ascontiguousarray(levels[zoom][y * side : (y + 1) * side, x * side : (x + 1) * side])
        for zoom in range(low, high + 1)
        for x in range(1 << zoom)
        for y in range(1 << zoom)
    }
    return tiles, levels


PIXELS, LEVELS = pyramid()
PNG = {place: picture(pixels, compress_level=1) for place, pixels in PIXELS.items()}


def layer(source, **changes):
    made = PublishedLayer(name="a", title="A", offering="o", source=source, bbox=WORLD, sample=(2.5, 46.5), version="1")
    return msgspec.structs.replace(made, **changes)


class Served:
    """The application over one archive in memory."""

    def __init__(self, data, **source):
        self.store = MemoryStore()
        self.store.objects["a.pmtiles"] = data
        known = {"tile_type": "png", "min_zoom": 0, "max_zoom": 3} | source
        self.layer = layer(ArchiveSource(href="a.pmtiles", **known))
        self.table = LayerTable()
        self.table.replace(1, [self.layer])
        self.app, self.pool = create_tiler(self.table, self.store, TilerSettings())

    async def __call__(self, path, **headers):
        wire = Wire()
        path, _, query = path.partition("?")
        asked = scope(f"/tiles/a/{path}", **headers)
        asked["query_string"] = query.encode()
        await self.app(asked, None, wire)
        return wire

    def plan(self, wire):
        return wire.headers["server-timing"].partition(",")[0].removeprefix("plan;desc=")


@pytest.fixture
def serve():
    made = []

    def make(data, **source):
        made.append(Served(data, **source))
        return made[-1]

    yield make
    for one in made:
        one.pool.close()


@pytest.fixture
def world(serve):
    return serve(pmtiles(PNG))


async def test_a_tile_asked_as_it_is_stored_is_sent_as_it_is_stored_in_one_read_and_no_thread(world, monkeypatch):
    await world("PM/0/0/0.png")
    world.store.calls.clear()
    monkeypatch.setattr(world.pool, "run", None)
    for place in [(2, 1, 3), (3, 7, 0)]:
        wire = await world("PM/{}/{}/{}.png".format(*place))
        assert (wire.status, wire.body, wire.headers["content-type"]) == (200, PNG[place], "image/png")
        assert world.plan(wire) == "archive"
    assert [what for what, _ in world.store.calls] == ["get_range", "get_range"]
    again = await world("PM/3/7/0.png")
    assert (world.plan(again), again.body) == ("cache", PNG[3, 7, 0])


@pytest.mark.parametrize("kind", ["jpg", "webp", "avif"])
async def test_every_kind_of_picture_is_sent_as_it_is_stored(serve, kind):
    stored = picture(photo(), kind)
    served = serve(pmtiles({(0, 0, 0): stored}, kind), tile_type=kind, max_zoom=0)
    wire = await served(f"PM/0/0/0.{kind}")
    assert (wire.status, wire.body) == (200, stored)
    assert wire.headers["content-type"] == f"image/{'jpeg' if kind == 'jpg' else kind}"
    assert json.loads((await served("PM/tilejson.json")).body)["tiles"][0].endswith(f".{kind}")
    accepted = await served("PM/0/0/0", accept="*/*")
    assert (accepted.body, accepted.headers["vary"]) == (stored, "Accept")
    seen = opened((await served("PM/0/0/0.png")).body)
    assert np.abs(seen.astype(int) - opened(stored)).max() <= 3


async def test_another_format_has_the_pixels_of_the_stored_one(world):
    wire = await world("PM/2/1/1.webp")
    assert world.plan(wire) == "crop"
    assert np.abs(opened(wire.body).astype(int) - PIXELS[2, 1, 1]).mean() < 3
    jpeg = await world("PM/2/1/1.jpg")
    assert np.abs(opened(jpeg.body).astype(int) - PIXELS[2, 1, 1]).mean() < 3


async def test_twice_the_pixels_are_those_of_the_four_tiles_below(world):
    wire = await world("PM/1/1/0@2x.png")
    four = [[PIXELS[2, 2, 0], PIXELS[2, 3, 0]], [PIXELS[2, 2, 1], PIXELS[2, 3, 1]]]
    np.testing.assert_array_equal(opened(wire.body), np.concatenate([np.concatenate(row, 1) for row in four]))


async def test_where_a_tile_below_is_missing_twice_the_pixels_are_scaled(serve):
    there = {place: data for place, data in PNG.items() if place != (2, 3, 1)}
    served = serve(pmtiles(there))
    seen = opened((await served("PM/1/1/0@2x.png")).body, "RGBA")
    assert (seen[..., 3] == 255).all()
    np.testing.assert_array_equal(seen[:256, :256, :3], PIXELS[2, 2, 0])
    expected = PIXELS[1, 1, 0][128:, 128:].repeat(2, 0).repeat(2, 1)
    assert np.abs(seen[256:, 256:, :3].astype(int) - expected).max() <= 3
    last = opened((await served("PM/3/5/2@2x.png")).body)
    assert np.abs(last.astype(int) - PIXELS[3, 5, 2].repeat(2, 0).repeat(2, 1)).max() <= 3


async def test_beyond_the_last_level_the_parent_is_enlarged(world):
    wire = await world("PM/5/21/9.png")
    assert world.plan(wire) == "warp"
    expected = PIXELS[3, 5, 2][64:128, 64:128].repeat(4, 0).repeat(4, 1)
    assert np.abs(opened(wire.body).astype(int) - expected).max() <= 3


async def test_with_nearest_the_parent_is_enlarged_pixel_by_pixel(serve):
    served = serve(pmtiles(PNG), resampling="nearest")
    seen = opened((await served("PM/5/21/9.png")).body)
    np.testing.assert_array_equal(seen, PIXELS[3, 5, 2][64:128, 64:128].repeat(4, 0).repeat(4, 1))


async def test_above_the_first_level_tiles_are_reduced_up_to_a_bound(serve):
    served = serve(pmtiles({place: data for place, data in PNG.items() if place[0] == 3}), min_zoom=3)
    seen = opened((await served("PM/1/0/1.png")).body).astype(int)
    assert np.abs(seen - PIXELS[1, 0, 1]).mean() < 1
    assert np.abs(opened((await served("PM/0/0/0.png")).body).astype(int) - PIXELS[0, 0, 0]).mean() < 1
    deep = serve(pmtiles({(6, 0, 0): PNG[3, 0, 0]}), min_zoom=6, max_zoom=6)
    with pytest.raises(TooLarge, match="ask for level 6"):
        await deep("PM/0/0/0.png")


async def test_another_set_shows_the_same_places(world):
    tms = tile_matrix_set("2154_10cm")
    matrix = tms.matrices[2]
    col, row = tile_at(matrix, 700_000, 6_600_000)
    west, south, east, north = tile_bounds(matrix, col, row)
    wire = await world(f"2154_10cm/{matrix.id}/{col}/{row}.png")
    assert world.plan(wire) == "warp"
    expected = np.zeros((3, 256, 256), np.uint8)
    reproject(
        np.moveaxis(LEVELS[3], 2, 0), expected, src_crs="EPSG:3857", dst_crs="EPSG:2154",
        src_transform=from_bounds(-EDGE_M, -EDGE_M, EDGE_M, EDGE_M, 2048, 2048),
        dst_transform=from_bounds(west, south, east, north, 256, 256), resampling=Resampling.bilinear,
    )  # fmt: skip
    seen = opened(wire.body, "RGBA")
    inside = (seen[..., 3] == 255) & (expected.any(axis=0))
    assert inside.mean() > 0.9
    assert np.abs(seen[..., :3].astype(int) - np.moveaxis(expected, 0, 2))[inside].mean() <= 0.5


async def test_tiles_of_512_pixels_answer_as_they_are_and_at_twice_the_pixels(serve):
    stored = {place: picture(pixels) for place, pixels in pyramid(0, 1, 512)[0].items()}
    served = serve(pmtiles(stored), tile_size=512, max_zoom=1)
    for path in ("PM/1/0/1.png", "PM/1/0/1@2x.png"):
        wire = await served(path)
        assert (wire.body, served.plan(wire)) == (stored[1, 0, 1], "archive")
    smaller = opened((await served("PM/1/0/1.jpg")).body)
    assert smaller.shape == (256, 256, 3)


async def test_what_is_not_there_is_204(serve):
    served = serve(pmtiles({(3, 4, 2): PNG[3, 4, 2]}), min_zoom=3)
    for path in ("PM/3/0/0.png", "PM/3/0/0.webp", "PM/4/0/0.png", "PM/3/0/0@2x.png"):
        assert (await served(path)).status == 204
    transparent = serve(pmtiles({(3, 4, 2): picture(np.zeros((256, 256, 4), np.uint8))}), min_zoom=3)
    assert (await transparent("PM/3/4/2.webp")).status == 204


async def test_tiles_of_several_formats_are_all_served(serve):
    served = serve(
        pmtiles({(1, 0, 0): PNG[1, 0, 0], (1, 1, 0): picture(PIXELS[1, 1, 0], "jpg", quality=95)}), max_zoom=1
    )
    assert (await served("PM/1/0/0.png")).body == PNG[1, 0, 0]
    other = await served("PM/1/1/0.png")
    assert served.plan(other) == "crop"
    assert other.body.startswith(b"\x89PNG")
    assert np.abs(opened(other.body).astype(int) - PIXELS[1, 1, 0]).mean() < 2


async def test_pictures_in_gzip_are_unpacked(serve):
    served = serve(pmtiles({(0, 0, 0): gzip.compress(PNG[0, 0, 0])}, compression=Compression.GZIP), max_zoom=0)
    assert (await served("PM/0/0/0.png")).body == PNG[0, 0, 0]
    assert (await served("PM/0/0/0.webp")).status == 200


@pytest.mark.parametrize("extension", ["png", "webp"])
async def test_a_tile_that_is_no_picture_is_a_bad_source_and_the_others_go_on(serve, extension):
    served = serve(pmtiles({(1, 0, 0): b"<html>", (1, 1, 0): PNG[1, 1, 0]}), min_zoom=1, max_zoom=1)
    with pytest.raises(BadSource, match=r"a\.pmtiles is damaged: tile 1/0/0"):
        await served(f"PM/1/0/0.{extension}")
    assert (await served(f"PM/1/1/0.{extension}")).status == 200


async def test_a_damaged_or_odd_tile_is_a_bad_source_where_it_has_to_be_decoded(serve):
    odd = picture(photo(side=128))
    served = serve(pmtiles({(1, 0, 0): PNG[1, 0, 0][:900], (1, 1, 0): odd}), max_zoom=1)
    with pytest.raises(BadSource, match="tile 1/0/0: it is damaged"):
        await served("PM/1/0/0.webp")
    with pytest.raises(BadSource, match="128 by 128"):
        await served("PM/1/1/0.webp")
    assert (await served("PM/1/1/0.png")).body == odd


async def test_a_replaced_archive_is_served_from_the_next_tile_on(world):
    assert (await world("PM/1/0/0.png")).body == PNG[1, 0, 0]
    world.store.objects["a.pmtiles"] = pmtiles(dict.fromkeys(PNG, PNG[1, 1, 1]))
    assert (await world("PM/1/0/1.png")).body == PNG[1, 1, 1]
    assert (await world("PM/2/0/1@2x.png")).status == 200


async def test_an_archive_that_changes_all_the_time_is_unavailable(world, monkeypatch):
    get_range = world.store.get_range
    count = 0

    async def changing(*arguments, **conditions):
        nonlocal count
        count += 1
        world.store.objects["a.pmtiles"] += b"%d" % count
        return await get_range(*arguments, **conditions)

    monkeypatch.setattr(world.store, "get_range", changing)
    with pytest.raises(Unavailable, match="again and again"):
        await world("PM/1/0/0.png")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("PM/0/0/0.mvt", NotAcceptable),
        ("PM/0/0/0.avif", NotAcceptable),
        ("PM/0/0/0.gif", BadRequest),
        ("PM/1/2/0.png", TileNotFound),
        ("PM/0/0/0@3x.png", BadRequest),
        ("none/0/0/0.png", TileMatrixSetNotFound),
        ("PM/0/0/0.png?style=hillshade", StyleNotFound),
    ],
)
async def test_wrong_addresses_are_refused(world, path, error):
    with pytest.raises(error):
        await world(path)


async def test_heights_in_colours_are_never_given_in_a_lossy_format(serve):
    served = serve(pmtiles(PNG), encoding="mapbox", resampling="nearest")
    with pytest.raises(NotAcceptable):
        await served("PM/1/0/0.jpg")
    np.testing.assert_array_equal(opened((await served("PM/1/0/0.webp")).body), PIXELS[1, 0, 0])
    with pytest.raises(NotAcceptable):
        await served("PM/1/0/0", accept="image/jpeg")


MVT = {(0, 0, 0): b"\x1a\x02\x78\x02" * 50, (1, 0, 0): b"\x1a\x03abc"}
VECTOR = {"tile_type": "mvt", "max_zoom": 1}


@pytest.mark.parametrize("stored_gzipped", [True, False])
async def test_vector_tiles_are_given_in_gzip_to_those_who_accept_it(serve, stored_gzipped):
    stored = {place: gzip.compress(data) if stored_gzipped else data for place, data in MVT.items()}
    compression = Compression.GZIP if stored_gzipped else Compression.NONE
    served = serve(pmtiles(stored, "mvt", compression=compression), **VECTOR)
    packed, plain = await served("PM/0/0/0.mvt", accept_encoding="gzip"), await served("PM/0/0/0.pbf")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == MVT[0, 0, 0]
    assert (packed.body == stored[0, 0, 0]) == stored_gzipped
    assert (plain.body, "content-encoding" in plain.headers) == (MVT[0, 0, 0], False)
    assert plain.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert (await served("PM/1/1/1.mvt", accept_encoding="gzip")).status == 204


async def test_vector_tiles_are_what_the_archive_has_and_nothing_else(serve):
    served = serve(pmtiles(MVT, "mvt"), **VECTOR)
    with pytest.raises(TileNotFound, match="levels go from 0 to 1"):
        await served("PM/2/0/0.mvt")
    with pytest.raises(TileMatrixSetNotFound, match="ask for PM"):
        await served("WGS84G/0/0/0.mvt")
    with pytest.raises(NotAcceptable):
        await served("PM/0/0/0.png")
    with pytest.raises(BadRequest):
        await served("PM/0/0/0@2x.mvt")
    bomb = serve(pmtiles({(0, 0, 0): gzip.compress(bytes(40_000_000))}, "mvt", compression=Compression.GZIP), **VECTOR)
    with pytest.raises(BadSource, match="cannot be unpacked"):
        await bomb("PM/0/0/0.mvt")


async def test_layers_and_tilejson_tell_what_an_archive_is(serve):
    inside = ArchiveVectorLayer(id="villes", fields={"nom": "String"}, min_zoom=0, max_zoom=1)
    served = serve(pmtiles(MVT, "mvt"), vector_layers=(inside,), attribution="© IGN", **VECTOR)
    told = json.loads((await served("PM/tilejson.json")).body)
    assert told["vector_layers"] == [
        {"id": "villes", "fields": {"nom": "String"}, "description": "", "minzoom": 0, "maxzoom": 1}
    ]
    assert (told["attribution"], told["minzoom"], told["maxzoom"]) == ("© IGN", 0, 1)
    summary = summarise(served.layer, GUIDE)
    assert (kind_of(served.layer), summary.kind, summary.min_zoom, summary.max_zoom) == ("vector", "vector", 0, 1)
    assert summary.tile_matrix_sets[:2] == ("PM", "WebMercatorQuad")
    assert all(tile_matrix_set(name).crs == "EPSG:3857" for name in summary.tile_matrix_sets)
    assert summary.samples[1].endswith(".mvt")
    raster = layer(ArchiveSource(href="a", tile_type="webp"))
    assert kind_of(raster) == "raster"
    assert "2154_10cm" in summarise(raster, GUIDE).tile_matrix_sets
    assert summarise(raster, GUIDE).styles == ()
    assert msgspec.json.decode(msgspec.json.encode(raster), type=PublishedLayer) == raster
