"""tiler.archive.seed: an archive holds what the engine answers, whole runs and broken ones alike."""

import asyncio
import gzip

import mapbox_vector_tile
import msgspec
import numpy as np
import pytest
import rasterio
from pmtiles.reader import all_tiles
from rasterio.transform import from_origin

from core.cache import ByteCache
from core.directory import DirectoryStore
from core.errors import BadRequest, BadSource, NotAcceptable, StyleNotFound, TileMatrixSetNotFound, Unavailable
from core.job import JobSpec
from core.layer import ArchiveSource, PublishedLayer
from core.table import LayerTable
from tests.e2e.territory import NAMES, write_buildings
from tests.tiler.archive.made import opened, photo, picture, pmtiles, reader
from tests.wire import Wire, scope
from tiler.app import create_renderer, create_tiler
from tiler.archive.seed import about_seed, count_tiles, effort_of, plan_seed, seed_tiles
from tiler.archive.spool import Spool
from tiler.archive.tile_id import tiles_within
from tiler.archive.write_pmtiles import write_pmtiles
from tiler.coverage import layer_limits
from tiler.ingest.archive import ingest_archive
from tiler.ingest.raster import ingest_raster
from tiler.ingest.vector import ingest_vector
from tiler.pool import RenderPool
from tiler.settings import TilerSettings


def published(name, result, version="v1"):
    return PublishedLayer(
        name=name, title=name.title(), offering="o", source=result.source, bbox=result.bbox, sample=result.sample,
        version=version,
    )  # fmt: skip


def ingested(work, kind, path, store, scratch):
    scratch.mkdir()
    spec = JobSpec(kind=kind, name=kind, inputs=(str(path),), prefix=f"data/{scratch.name}", scratch=str(scratch))
    return work(spec, lambda event: None, store)


@pytest.fixture(scope="module")
def territory(tmp_path_factory):
    """A photo, heights and buildings in a store, ingested once."""
    folder = tmp_path_factory.mktemp("territory")
    profile = {"driver": "GTiff", "crs": "EPSG:2154", "transform": from_origin(770000, 6277000, 0.5, 0.5)}
    with rasterio.open(
        folder / "a.tif", "w", width=400, height=400, count=3, dtype="uint8", photometric="RGB", **profile
    ) as dataset:
        dataset.write(np.moveaxis(photo(side=400), 2, 0))
    heights = np.add.outer(np.linspace(100, 300, 300), np.linspace(0, 50, 300)).astype(np.float32)
    with rasterio.open(folder / "h.tif", "w", width=300, height=300, count=1, dtype="float32", **profile) as dataset:
        dataset.write(heights[None])
    write_buildings(folder / "b.gpkg")
    store = DirectoryStore(folder / "objects")
    made = {
        "photo": ingested(ingest_raster, "raster", folder / "a.tif", store, folder / "one"),
        "heights": ingested(ingest_raster, "raster", folder / "h.tif", store, folder / "two"),
        "batiments": ingested(ingest_vector, "vector", folder / "b.gpkg", store, folder / "three"),
    }
    return store, {name: published(name, result) for name, result in made.items()}


class Run:
    """One run of a seed over a spool."""

    def __init__(self, store, layer, plan, folder):
        self.store, self.layer, self.plan, self.folder = store, layer, plan, folder
        self.made = []

    async def __call__(self, stop_after=0):
        pool = RenderPool(2, 16)
        renderer = create_renderer(self.store, pool, ByteCache(1), TilerSettings(), effort_of(self.plan))
        tile, run = renderer.tile, self

        async def counted(address, **options):
            run.made.append((int(address.matrix.id), address.col, address.row))
            return await tile(address, **options)

        renderer.tile = counted
        seen = []

        def tell(progress):
            seen.append(progress)
            if stop_after and len(seen) == stop_after:
                raise KeyboardInterrupt

        try:
            with Spool(self.folder / "spool") as spool:
                await seed_tiles(renderer, self.layer, self.plan, spool, jobs=2, on_progress=tell)
                write_pmtiles(spool, self.folder / "a.pmtiles", about_seed(self.layer, self.plan))
        finally:
            pool.close()
        return (self.folder / "a.pmtiles").read_bytes(), seen


async def asked(store, layer, *paths, **headers):
    """Answers of the application for paths of one layer."""
    table = LayerTable()
    table.replace(1, [layer])
    app, pool = create_tiler(table, store, TilerSettings())
    wires = []
    for path in paths:
        wires.append(Wire())
        await app(scope(f"/tiles/{layer.name}/{path}", **headers), None, wires[-1])
    pool.close()
    return wires


@pytest.mark.parametrize(("name", "extension"), [("photo", "jpg"), ("heights", "png"), ("photo", "png")])
async def test_an_archive_holds_the_tiles_that_the_engine_answers_and_no_blank_ones(
    territory, tmp_path, name, extension
):
    store, layers = territory
    layer = layers[name]
    plan = plan_seed(layer, extension=extension)
    data, seen = await Run(store, layer, plan, tmp_path)()
    found = dict(all_tiles(reader(data).get_bytes))
    assert {z for z, _, _ in found} == set(range(layer.source.min_zoom, layer.source.max_zoom + 1))
    assert seen[-1].done == seen[-1].total == count_tiles(layer, plan)
    assert all(found.values())
    everywhere = [
        (zoom, col, row)
        for zoom in range(layer.source.min_zoom, layer.source.max_zoom + 1)
        for _, col, row in tiles_within(zoom, layer_limits(layer.bbox, "PM", str(zoom)))
    ]
    wires = await asked(store, layer, *("PM/{}/{}/{}.{}".format(*place, extension) for place in everywhere))
    assert [wire.body for wire in wires] == [found.get(place, b"") for place in everywhere]


@pytest.mark.parametrize("extension", ["webp", "avif"])
async def test_formats_that_take_time_show_the_same_picture(territory, tmp_path, extension):
    store, layers = territory
    layer = layers["photo"]
    zoom = layer.source.max_zoom
    plan = plan_seed(layer, zooms=(zoom, zoom), extension=extension, quality=90)
    data, _ = await Run(store, layer, plan, tmp_path)()
    found = dict(all_tiles(reader(data).get_bytes))
    assert found
    for (z, x, y), tile in found.items():
        (wire,) = await asked(store, layer, f"PM/{z}/{x}/{y}.png")
        seen, expected = opened(tile, "RGBA").astype(int), opened(wire.body, "RGBA").astype(int)
        np.testing.assert_array_equal(seen[..., 3] > 127, expected[..., 3] > 127)
        assert np.abs(seen - expected)[expected[..., 3] > 0].mean() < 4


async def test_vector_tiles_are_written_in_gzip_with_their_layers(territory, tmp_path):
    store, layers = territory
    layer = layers["batiments"]
    data, _ = await Run(store, layer, plan_seed(layer, zooms=(12, 14)), tmp_path)()
    other = reader(data)
    for tile in dict(all_tiles(other.get_bytes)).values():
        features = mapbox_vector_tile.decode(gzip.decompress(tile))["batiments"]["features"]
        assert {one["properties"]["nom"] for one in features} <= set(NAMES)
    (inside,) = other.metadata()["vector_layers"]
    assert (inside["id"], inside["fields"]) == ("batiments", layer.source.fields)


@pytest.mark.parametrize(("name", "extension"), [("photo", "webp"), ("batiments", "mvt")])
async def test_an_archive_that_is_ingested_again_gives_the_same_bytes(territory, tmp_path, name, extension):
    store, layers = territory
    layer = layers[name]
    low = layer.source.max_zoom - 3
    plan = plan_seed(layer, zooms=(low, layer.source.max_zoom), extension=extension)
    data, _ = await Run(store, layer, plan, tmp_path)()
    kind = "vector" if extension == "mvt" else "raster"
    result = await asyncio.to_thread(
        ingested, ingest_archive, kind, tmp_path / "a.pmtiles", store, tmp_path / f"again-{name}"
    )
    again = published("again", result)
    assert (again.source.tile_type, again.source.min_zoom, again.source.max_zoom) == (extension, low, low + 3)
    found = dict(all_tiles(reader(data).get_bytes))
    paths = [f"PM/{z}/{x}/{y}.{extension}" for z, x, y in found]
    wires = await asked(store, again, *paths, accept_encoding="gzip")
    assert [wire.body for wire in wires] == list(found.values())


async def test_a_run_that_was_broken_goes_on_and_ends_with_the_same_bytes(territory, tmp_path):
    store, layers = territory
    layer = layers["photo"]
    plan = plan_seed(layer, zooms=(14, 19), extension="jpg")
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    expected, _ = await Run(store, layer, plan, tmp_path / "whole")()
    total = count_tiles(layer, plan)
    assert total > 12
    first = Run(store, layer, plan, tmp_path / "broken")
    with pytest.raises(KeyboardInterrupt):
        await first(stop_after=7)
    assert not (tmp_path / "broken" / "a.pmtiles").exists()
    second = Run(store, layer, plan, tmp_path / "broken")
    data, seen = await second()
    assert data == expected
    assert seen[0].done == 8
    assert len(second.made) == total - 7
    assert first.made[:7] == [place for place in first.made if place not in second.made][:7]


async def test_only_the_box_and_the_levels_asked_for_are_made(territory, tmp_path):
    store, layers = territory
    layer = layers["photo"]
    west, south, east, north = layer.bbox
    middle = (west + east) / 2
    plan = plan_seed(layer, zooms=(17, 18), bbox=(middle, -90, 180, 90), extension="jpg")
    assert plan.bbox == (middle, south, east, north)
    data, _ = await Run(store, layer, plan, tmp_path)()
    found = dict(all_tiles(reader(data).get_bytes))
    assert {z for z, _, _ in found} == {17, 18}
    for z, x, _ in found:
        assert (x + 1) / (1 << z) * 360 - 180 > middle
    header = reader(data).header()
    assert header["min_lon_e7"] == round(middle * 1e7)


async def test_a_tile_that_cannot_be_made_is_named_and_a_store_that_is_away_is_waited_for(
    territory, tmp_path, monkeypatch
):
    store, layers = territory
    layer = layers["photo"]
    lost = msgspec.structs.replace(layer, source=msgspec.structs.replace(layer.source, href="data/none.tif"))
    with pytest.raises(BadSource, match=r"tile 17/\d+/\d+ cannot be made: .*none.tif"):
        await Run(store, lost, plan_seed(lost, zooms=(17, 17)), tmp_path)()
    monkeypatch.setattr("tiler.archive.seed._PAUSE_S", 0.01)

    class Away(DirectoryStore):
        away = 3

        async def get_start(self, key, length):
            self.away -= 1
            if self.away >= 0:
                raise Unavailable("the store is away")
            return await super().get_start(key, length)

    away = Away(store._root)
    data, _ = await Run(away, layer, plan_seed(layer, zooms=(15, 15)), tmp_path)()
    assert away.away < 0
    assert reader(data).header()["addressed_tiles_count"] >= 1


@pytest.mark.parametrize(
    ("name", "options", "error", "reason"),
    [
        ("photo", {"tms": "2154_10cm"}, BadRequest, "use --tms PM"),
        ("photo", {"tms": "none"}, TileMatrixSetNotFound, "none"),
        ("photo", {"zooms": (5, 40)}, BadRequest, "0 to 21"),
        ("photo", {"zooms": (6, 5)}, BadRequest, "levels 6 to 5"),
        ("photo", {"extension": "mvt"}, NotAcceptable, "has no mvt tiles: use avif or jpg or png or webp"),
        ("batiments", {"extension": "png"}, NotAcceptable, "use mvt"),
        ("photo", {"style": "hillshade"}, StyleNotFound, "hillshade"),
        ("heights", {"style": "terrain-rgb", "extension": "jpg"}, NotAcceptable, "spoil"),
        ("heights", {"style": "terrain-rgb", "extension": "avif"}, NotAcceptable, "spoil"),
        ("photo", {"extension": "png", "quality": 50}, BadRequest, "quality 50 of png"),
        ("photo", {"extension": "jpg", "quality": 101}, BadRequest, "quality 101"),
        ("photo", {"bbox": (10, 10, 20, 20)}, BadRequest, "nothing of photo"),
    ],
)
def test_what_cannot_be_in_an_archive_is_refused(territory, name, options, error, reason):
    with pytest.raises(error, match=reason):
        plan_seed(territory[1][name], **options)


def test_what_is_not_said_suits_the_layer(territory):
    layers = territory[1]
    assert [plan_seed(layers[name]).extension for name in ("photo", "heights", "batiments")] == ["webp", "png", "mvt"]
    photo_plan = plan_seed(layers["photo"], tms="WebMercatorQuad")
    assert photo_plan.zooms == (layers["photo"].source.min_zoom, layers["photo"].source.max_zoom)
    assert photo_plan.bbox == layers["photo"].bbox
    heights = about_seed(layers["heights"], plan_seed(layers["heights"], style="terrain-rgb"))
    assert (heights.tile_type, heights.metadata["encoding"]) == ("png", "mapbox")


async def test_a_part_of_an_archive_is_an_archive_with_its_bytes(tmp_path):
    stored = {(2, x, y): picture(photo(4 * x + y), "webp") for x in range(4) for y in range(4)}
    store = DirectoryStore(tmp_path / "objects")
    await store.put("a.pmtiles", pmtiles(stored, "webp"))
    source = ArchiveSource(href="a.pmtiles", tile_type="webp", min_zoom=2, max_zoom=2, attribution="© IGN")
    layer = PublishedLayer(
        name="a", title="A", offering="o", source=source, bbox=(-180, -85, 180, 85), sample=(1, 1), version="1"
    )
    plan = plan_seed(layer, bbox=(1, 1, 89, 66))
    data, _ = await Run(store, layer, plan, tmp_path)()
    assert dict(all_tiles(reader(data).get_bytes)) == {(2, 2, 1): stored[2, 2, 1]}
    assert reader(data).metadata()["attribution"] == "© IGN"
