"""control.changes: changes are numbered without a gap, published in parts, and forgotten once they are in the data."""

import asyncio
import json

import msgspec
import pytest
import shapely

from control.changes import store as changes_store
from control.changes.compact import Compactor, compact_data, remove_superseded
from control.changes.service import change_layer
from control.changes.store import list_due
from control.db.pool import connection
from control.publish import publish, read_manifest
from control.settings import ControlSettings
from core.errors import BadRequest, InputRefused, LayerNotFound, NotFound
from core.layer import VectorShapes, VectorSource
from core.settings import CoreSettings
from core.snapshot import decode_changes, decode_layers, with_changes
from tests.control.rows import add_layer


def collection(*features):
    """Return edits: (id, x) each; no x removes."""
    found = []
    for identifier, x in features:
        figure = None if x is None else json.loads(shapely.to_geojson(shapely.Point(x, 46.0)))
        one = {"type": "Feature", "geometry": figure, "properties": {"nom": f"n{x}"} if x is not None else {}}
        found.append(one if identifier is None else one | {"id": identifier})
    return json.dumps({"type": "FeatureCollection", "features": found}).encode()


async def published(store):
    """Return the layers as an engine sees them, by name."""
    manifest = await read_manifest(store)
    parts = [(part, (await store.get(part.key)).data) for part in manifest.parts]
    (layers,) = [decode_layers(part, data) for part, data in parts if part.kind == "layers"]
    changes = [decode_changes(part, data) for part, data in parts if part.kind == "changes"]
    return {layer.name: layer for layer in with_changes(layers, changes)}


def numbers(layer):
    return [(part.first + k, change.id) for part in layer.changes for k, change in enumerate(part.changes)]


@pytest.fixture
async def haies(pool, store, result):
    """A vector layer of 10 features."""
    source = VectorSource(
        href="stored-data/x/haies.parquet", geometry_column="geometry", crs="EPSG:4326", fields={"nom": "String"},
        features=10, values="stored-data/x/haies.values.arrow",
        shapes=(VectorShapes(crs="EPSG:3857", href="stored-data/x/haies.0.shapes.arrow"),),
    )  # fmt: skip
    return await add_layer(pool, "haies", msgspec.structs.replace(result, source=source), kind="vector")


async def test_changes_are_numbered_and_published(pool, store, haies):
    done = await change_layer(pool, store, "haies", collection((3, 2.0), (None, 5.0)))
    assert (done.ids, done.first) == ((3, 10), 1)
    done = await change_layer(pool, store, "haies", collection((10, None), (None, 6.0)))
    assert (done.ids, done.first) == ((10, 11), 3)
    layer = (await published(store))["haies"]
    assert numbers(layer) == [(1, 3), (2, 10), (3, 10), (4, 11)]
    assert layer.source.dataset == str(haies)
    changes = layer.changes[0].changes
    assert changes[1].properties == {"nom": "n5.0"}
    assert shapely.from_wkb(changes[1].geometry).equals(shapely.Point(5, 46))
    assert changes[2].geometry == b""


async def test_the_box_of_the_layer_grows(pool, store, haies):
    await change_layer(pool, store, "haies", collection((None, 5.0)))
    assert (await published(store))["haies"].bbox == (0.19, 46.0, 5.0, 48.0)


async def test_only_the_last_part_is_written_anew(pool, store, haies, monkeypatch):
    monkeypatch.setattr(changes_store, "PART", 3)
    await change_layer(pool, store, "haies", collection(*[(n % 10, 2.0) for n in range(7)]))
    first = {part.key for part in (await read_manifest(store)).parts}
    store.calls.clear()
    await change_layer(pool, store, "haies", collection((1, 2.5)))
    written = {key for what, key in store.calls if what == "put" and "changes" in key}
    second = {part.key for part in (await read_manifest(store)).parts if part.kind == "changes"}
    assert len(second) == 3
    assert len(written) == 1
    assert second - first == written


async def test_changes_at_the_same_time_all_have_numbers_of_their_own(pool, store, haies):
    await asyncio.gather(*(change_layer(pool, store, "haies", collection((None, 3.0 + n))) for n in range(8)))
    await publish(pool, store)
    found = numbers((await published(store))["haies"])
    assert found == [(n + 1, n + 10) for n in range(8)]


async def test_all_edits_are_taken_or_none(pool, store, haies):
    with pytest.raises(NotFound, match="edit 2: haies has no feature 99"):
        await change_layer(pool, store, "haies", collection((1, 2.0), (99, 2.0)))
    with pytest.raises(LayerNotFound):
        await change_layer(pool, store, "bois", collection((1, 2.0)))
    assert await pool.fetchval("SELECT count(*) FROM change") == 0


async def test_layers_that_are_no_features_are_refused(pool, store, result):
    await add_layer(pool, "ortho", result)
    with pytest.raises(BadRequest, match="ortho is no layer of features"):
        await change_layer(pool, store, "ortho", collection((1, 2.0)))


@pytest.fixture
def compact(pool, store, tmp_path):
    """Return what compacts by a job program that does as the name of its test says."""

    async def run(stored_data, name="haies", program="tests.control.changes.fake_compaction"):
        core = CoreSettings(data=tmp_path / "data")
        programs = {"vector": program}
        return await compact_data(pool, store, core, ControlSettings(), stored_data, name, programs=programs)

    return run


async def test_after_compaction_later_changes_alone_are_served(pool, store, haies, compact, monkeypatch):
    monkeypatch.setattr(changes_store, "PART", 2)
    await change_layer(pool, store, "haies", collection((1, 2.0), (2, None), (None, 3.0)))
    assert await compact(haies) == 3
    await change_layer(pool, store, "haies", collection((10, 4.0), (None, 4.5)))
    layer = (await published(store))["haies"]
    assert (layer.source.href, layer.source.through) == (f"stored-data/{haies}/haies.3.parquet", 3)
    assert numbers(layer) == [(4, 10), (5, 11)]
    assert await pool.fetchval("SELECT min(number) FROM change") == 3  # the part of 3 and 4 stays whole
    assert await compact(haies) == 2
    assert numbers((await published(store))["haies"]) == []
    done = await change_layer(pool, store, "haies", collection((None, 4.5)))
    assert (done.first, done.ids) == (6, (12,))


async def test_objects_that_were_replaced_go_after_a_while(pool, store, haies, compact):
    await change_layer(pool, store, "haies", collection((1, 2.0)))
    keys = ("stored-data/x/haies.parquet", "stored-data/x/haies.values.arrow", "stored-data/x/haies.0.shapes.arrow")
    for key in keys:
        await store.put(key, b"old")
    await compact(haies)
    await remove_superseded(pool, store, age_s=60.0)
    assert set(keys) <= set(store.objects)
    await remove_superseded(pool, store, age_s=0.0)
    assert not set(keys) & set(store.objects)
    assert await pool.fetchval("SELECT count(*) FROM superseded") == 0


async def test_a_program_that_fails_changes_nothing(pool, store, haies, compact, tmp_path):
    await change_layer(pool, store, "haies", collection((1, 2.0)))
    with pytest.raises(InputRefused):
        await compact(haies, program="tests.control.changes.no_such_program")
    assert numbers((await published(store))["haies"]) == [(1, 1)]
    assert list((tmp_path / "data" / "scratch").iterdir()) == []


async def test_it_is_time_when_there_are_many_changes_or_old_ones(pool, store, haies, compact):
    await change_layer(pool, store, "haies", collection((1, 2.0), (2, 2.0)))
    async with connection(pool) as db:
        assert await list_due(db, changes=3, age_s=60.0) == []
        assert await list_due(db, changes=2, age_s=60.0) == [(haies, "haies")]
        assert await list_due(db, changes=3, age_s=0.0) == [(haies, "haies")]
    await compact(haies)
    async with connection(pool) as db:
        assert await list_due(db, changes=1, age_s=0.0) == []


async def test_the_compactor_tells_a_failure_once_and_goes_on(pool, store, haies, tmp_path, caplog):
    await change_layer(pool, store, "haies", collection((1, 2.0)))
    core, control = CoreSettings(data=tmp_path / "data"), ControlSettings(compact_changes=1)
    bad = Compactor(pool, store, core, control, programs={"vector": "tests.control.changes.no_such_program"})
    assert [await bad.round(), await bad.round()] == [0, 0]
    assert [one.message for one in caplog.records].count("changes could not be put into the data") == 1
    good = Compactor(pool, store, core, control, programs={"vector": "tests.control.changes.fake_compaction"})
    assert [await good.round(), await good.round()] == [1, 0]
