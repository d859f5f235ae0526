"""Tiles of a layer that changes: a change is in the next tile, and tiles it does not touch keep their entity tags."""

import mapbox_vector_tile
import msgspec
import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Transformer

from core.changes import Change, Changes
from core.directory import DirectoryStore
from core.job import JobSpec
from core.layer import PublishedLayer
from core.table import LayerTable
from tests.wire import Wire, scope
from tiler.app import create_tiler
from tiler.ingest.vector import ingest_vector
from tiler.matrix import tile_at, tile_matrix_set
from tiler.settings import TilerSettings

CENTRE = (652_000.0, 6_862_000.0)


def square(x, y, side=30.0):
    return shapely.box(CENTRE[0] + x, CENTRE[1] + y, CENTRE[0] + x + side, CENTRE[1] + y + side)


class Engine:
    """An engine and what it follows."""

    def __init__(self, folder, layer):
        self.table = LayerTable()
        self.layer = layer
        self.changes = ()
        self.revision = 0
        self.app, self.pool = create_tiler(self.table, DirectoryStore(folder), TilerSettings())
        self.publish()

    def publish(self, *changes):
        """Publish the layer with more changes."""
        self.revision += 1
        self.changes += changes
        parts = (Changes("d", 1, self.changes),) if self.changes else ()
        self.table.replace(self.revision, [msgspec.structs.replace(self.layer, changes=parts)])

    async def tile(self, x, y, level, names="haies", query="", **headers):
        """Ask the tile of a place, metres from the centre."""
        lon, lat = Transformer.from_crs("EPSG:2154", "EPSG:3857", always_xy=True).transform(
            CENTRE[0] + x, CENTRE[1] + y
        )
        col, row = tile_at(tile_matrix_set("PM").by_id[str(level)], lon, lat)
        wire = Wire()
        await self.app(
            scope(f"/tiles/{names}/PM/{level}/{col}/{row}.mvt", "GET", **headers) | {"query_string": query.encode()},
            None,
            wire,
        )
        return wire


def features(wire):
    """Return what is in a tile, by identifier."""
    found = mapbox_vector_tile.decode(wire.body)["haies"]["features"] if wire.body else []
    return {one["id"]: one["properties"] for one in found}


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    """A layer of 9,000 squares over 4.5 km, with levels."""
    folder = tmp_path_factory.mktemp("haies")
    geometries = [square(-2250 + 47 * (n % 95), -2250 + 47 * (n // 95)) for n in range(9025)]
    pyogrio.raw.write(
        folder / "haies.gpkg",
        geometry=shapely.to_wkb(np.array(geometries)),
        field_data=[np.array([f"haie {n}" for n in range(9025)], object)],
        fields=["nom"],
        geometry_type="Polygon",
        crs="EPSG:2154",
    )
    scratch = folder / "scratch"
    scratch.mkdir()
    spec = JobSpec(
        kind="vector", name="haies", inputs=(str(folder / "haies.gpkg"),), prefix="data/1", scratch=str(scratch)
    )
    result = ingest_vector(spec, lambda event: None, DirectoryStore(folder / "objects"))
    layer = PublishedLayer(
        name="haies", title="Haies", offering="o", source=msgspec.structs.replace(result.source, dataset="d"),
        bbox=result.bbox, sample=result.sample, version="v1",
    )  # fmt: skip
    return folder / "objects", layer


@pytest.fixture
async def engine(ingested):
    made = Engine(*ingested)
    yield made
    made.pool.close()


def put(number, figure, **properties):
    return Change(number, shapely.to_wkb(figure), properties)


async def test_a_change_is_in_the_next_tile_and_no_other_tile_is_another(engine):
    near, far = (0, 0, 16), (1500, 1500, 16)
    before = [await engine.tile(*place) for place in (near, far)]
    engine.publish(put(9025, square(5, 5, 12), nom="neuve"))
    after = [await engine.tile(*place) for place in (near, far)]
    assert features(after[0])[9025] == {"nom": "neuve"}
    assert 9025 not in features(before[0])
    assert before[0].headers["etag"] != after[0].headers["etag"]
    assert before[1].headers["etag"] == after[1].headers["etag"]
    again = await engine.tile(*far, **{"if-none-match": before[1].headers["etag"]})
    assert again.status == 304


async def test_what_is_changed_or_removed_is_so_on_all_levels(engine):
    whole = await engine.tile(0, 0, 10)
    number = next(iter(features(await engine.tile(0, 0, 16))))
    engine.publish(put(number, square(0, 0), nom="autre"), put(9026, square(0, 0, 900), nom="forêt"))
    assert features(await engine.tile(0, 0, 16))[number]["nom"] == "autre"
    far_out = await engine.tile(0, 0, 10)
    assert features(far_out)[9026]["nom"] == "forêt"
    assert far_out.headers["etag"] != whole.headers["etag"]
    engine.publish(Change(number, b""), Change(9026, b""))
    assert number not in features(await engine.tile(0, 0, 16))
    back = await engine.tile(0, 0, 10)
    assert 9026 not in features(back)


async def test_what_is_taken_back_has_its_entity_tag_again(engine):
    before = await engine.tile(0, 0, 16)
    engine.publish(put(9025, square(5, 5, 12), nom="neuve"))
    assert (await engine.tile(0, 0, 16)).headers["etag"] != before.headers["etag"]
    engine.publish(Change(9025, b""))
    after = await engine.tile(0, 0, 16)
    assert (after.headers["etag"], after.body) == (before.headers["etag"], before.body)


async def test_several_layers_in_one_tile_follow_the_changes_of_each(engine):
    other = msgspec.structs.replace(
        engine.layer, name="autres", version="w1", source=msgspec.structs.replace(engine.layer.source, dataset="e")
    )
    parts = Changes("d", 1, (put(9025, square(5, 5, 12), nom="neuve"),))
    engine.table.replace(2, [engine.layer, other])
    before = await engine.tile(0, 0, 16, names="haies,autres")
    engine.table.replace(3, [msgspec.structs.replace(engine.layer, changes=(parts,)), other])
    after = await engine.tile(0, 0, 16, names="haies,autres")
    assert before.headers["etag"] != after.headers["etag"]
    assert 9025 in features(after)
    assert 9025 not in {one["id"] for one in mapbox_vector_tile.decode(after.body)["autres"]["features"]}


async def test_filters_see_the_changes(engine):
    engine.publish(put(9025, square(5, 5, 12), nom="neuve"))
    found = await engine.tile(0, 0, 16, query="filter=nom='neuve'")
    assert features(found) == {9025: {"nom": "neuve"}}
