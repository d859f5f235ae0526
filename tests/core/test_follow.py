"""The follower: newest publication, last good one, and what it says."""

import asyncio
import logging

import pytest

from core.changes import Change, Changes
from core.errors import Unavailable
from core.follow import Follower
from core.snapshot import MANIFEST_KEY, Manifest, PartReference, decode_manifest, encode_manifest
from core.table import LayerTable
from tests.core.publication import collaborative, publish
from tests.doubles import MemoryStore


class Engine:
    """A table and its follower, as one program has them."""

    def __init__(self, store, folder, **options):
        self.table = LayerTable()
        self.follower = Follower(store, self.table, folder, 3600.0, **options)

    @property
    def names(self):
        return [layer.name for layer in self.table.all()]


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "last-good"


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, logger="core.follow")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "core.follow"]


def spoil(store, key):
    store.objects[key] = store.objects[key][:-1] + b"\0"


async def test_an_empty_store_is_a_publication_of_nothing(store, folder, said):
    engine = Engine(store, folder)
    await engine.follower.start()
    assert engine.follower.ready
    assert (engine.names, engine.table.revision) == ([], 0)
    assert said() == []


async def test_the_publication_is_there_after_the_start(store, folder):
    await publish(store, 7, "b", "a")
    engine = Engine(store, folder)
    assert not engine.follower.ready
    await engine.follower.start()
    assert engine.follower.ready
    assert (engine.names, engine.table.revision) == (["a", "b"], 7)


async def test_a_new_revision_takes_the_place_of_the_old(store, folder):
    await publish(store, 1, "a")
    engine = Engine(store, folder)
    await engine.follower.start()
    await publish(store, 2, "b", "c")
    await engine.follower.look()
    assert (engine.names, engine.table.revision) == (["b", "c"], 2)


async def test_an_unchanged_manifest_costs_one_request(store, folder):
    await publish(store, 1, "a")
    engine = Engine(store, folder)
    await engine.follower.start()
    store.calls.clear()
    await engine.follower.look()
    assert store.calls == [("get", MANIFEST_KEY)]


async def test_an_unchanged_part_is_not_fetched_again(store, folder):
    part = await publish(store, 1, "a")
    engine = Engine(store, folder)
    await engine.follower.start()
    assert await publish(store, 2, "a") == part
    store.calls.clear()
    await engine.follower.look()
    assert engine.table.revision == 2
    assert ("get", part) not in store.calls


async def test_a_lower_revision_is_taken(store, folder):
    await publish(store, 9, "new")
    engine = Engine(store, folder)
    await engine.follower.start()
    await publish(store, 3, "restored")
    await engine.follower.look()
    assert (engine.names, engine.table.revision) == (["restored"], 3)


@pytest.mark.parametrize("damage", ["manifest", "part", "part missing", "no layers part", "store down", "emptied"])
async def test_what_cannot_be_read_leaves_the_last_good_one(store, folder, damage):
    await publish(store, 1, "good")
    engine = Engine(store, folder)
    await engine.follower.start()
    part = await publish(store, 2, "better")
    whole = dict(store.objects)
    if damage == "manifest":
        store.objects[MANIFEST_KEY] = b'{"revision": 2, "par'
    elif damage == "part":
        spoil(store, part)
    elif damage == "part missing":
        del store.objects[part]
    elif damage == "no layers part":
        store.objects[MANIFEST_KEY] = b'{"revision": 2, "parts": []}'
    elif damage == "store down":
        store.failing = Unavailable("down")
    else:
        store.objects.clear()
    await engine.follower.look()
    assert (engine.names, engine.table.revision) == (["good"], 1)
    assert engine.follower.ready
    store.objects, store.failing = whole, None
    await engine.follower.look()
    assert (engine.names, engine.table.revision) == (["better"], 2)


async def test_an_error_of_another_kind_does_not_end_it(store, folder):
    await publish(store, 1, "good")
    engine = Engine(store, folder)
    await engine.follower.start()
    store.failing = RuntimeError("a defect")
    await engine.follower.look()
    assert engine.names == ["good"]


async def test_the_local_copy_serves_when_the_store_is_down_at_the_start(store, folder, said):
    await publish(store, 4, "a", "b")
    await Engine(store, folder).follower.start()
    store.failing = Unavailable("down")
    engine = Engine(store, folder)
    await engine.follower.start()
    assert engine.follower.ready
    assert (engine.names, engine.table.revision) == (["a", "b"], 4)
    assert said()[-1] == "serving the local copy of the publication"
    store.failing = None
    await publish(store, 5, "c")
    await engine.follower.look()
    assert (engine.names, engine.table.revision) == (["c"], 5)


async def test_the_local_copy_serves_when_the_publication_is_damaged_at_the_start(store, folder):
    await publish(store, 4, "a")
    await Engine(store, folder).follower.start()
    spoil(store, await publish(store, 5, "b"))
    engine = Engine(store, folder)
    await engine.follower.start()
    assert (engine.names, engine.table.revision) == (["a"], 4)


async def test_the_local_copy_has_the_newest_revision_though_its_part_did_not_change(store, folder):
    first = Engine(store, folder)
    await publish(store, 1, "a")
    await first.follower.start()
    await publish(store, 2, "a")
    await first.follower.look()
    store.failing = Unavailable("down")
    engine = Engine(store, folder)
    await engine.follower.start()
    assert (engine.names, engine.table.revision) == (["a"], 2)


async def test_the_local_copy_keeps_one_part(store, folder):
    engine = Engine(store, folder)
    for revision, name in enumerate("abc", start=1):
        await publish(store, revision, name)
        await engine.follower.look()
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".msgpack"]


async def test_without_store_and_local_copy_it_is_not_ready(store, folder):
    store.failing = Unavailable("down")
    engine = Engine(store, folder)
    await engine.follower.start()
    assert not engine.follower.ready
    store.failing = None
    await publish(store, 1, "a")
    await engine.follower.look()
    assert engine.follower.ready


async def test_a_damaged_local_copy_is_not_served(store, folder):
    await publish(store, 4, "a")
    await Engine(store, folder).follower.start()
    part = next(folder.glob("*.msgpack"))
    part.write_bytes(part.read_bytes()[:-1])
    store.failing = Unavailable("down")
    engine = Engine(store, folder)
    await engine.follower.start()
    assert not engine.follower.ready
    assert engine.names == []


async def test_a_disk_that_refuses_the_local_copy_is_no_reason_not_to_serve(store, tmp_path, said):
    (tmp_path / "file").write_bytes(b"")
    await publish(store, 1, "a")
    engine = Engine(store, tmp_path / "file" / "last-good")
    await engine.follower.start()
    assert engine.names == ["a"]
    assert said()[0] == "the local copy of the publication was not written"


async def test_every_change_is_said_once(store, folder, said):
    await publish(store, 1, "a")
    engine = Engine(store, folder)
    await engine.follower.start()
    for failing in (None, Unavailable("down"), Unavailable("down"), Unavailable("down"), None, None):
        store.failing = failing
        await engine.follower.look()
    assert said() == [
        "publication taken",
        "the publication cannot be read; serving the last good one",
        "the publication can be read again",
    ]


async def test_it_looks_after_each_pause_until_cancelled(store, folder):
    pauses, paused = asyncio.Queue(), []

    async def wait(seconds):
        paused.append(seconds)
        await pauses.get()

    engine = Engine(store, folder, wait=wait)
    running = asyncio.create_task(engine.follower.run())
    for revision, name in enumerate("ab", start=1):
        await publish(store, revision, name)
        pauses.put_nowait(None)
        async with asyncio.timeout(10):
            while engine.table.revision != revision:
                await asyncio.sleep(0.001)
        assert engine.names == [name]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert set(paused) == {3600.0}


async def test_a_nudge_ends_the_pause(store, folder):
    engine = Engine(store, folder)
    running = asyncio.create_task(engine.follower.run())
    for revision in (1, 2):
        await publish(store, revision, "a")
        engine.follower.nudge()
        async with asyncio.timeout(10):
            while engine.table.revision != revision:
                await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def edits(first, *ids, dataset="haies"):
    return Changes(dataset, first, tuple(Change(one, b"", {}) for one in ids))


def numbers(layer):
    return [change.id for part in layer.changes for change in part.changes]


async def test_changes_come_with_their_layer_and_new_parts_alone_are_fetched(store, folder):
    haies = collaborative("haies")
    await publish(store, 1, haies, "a", changes=[edits(1, 5, 6)])
    engine = Engine(store, folder)
    await engine.follower.start()
    assert numbers(engine.table.get("haies")) == [5, 6]
    assert engine.table.get("a").changes == ()
    await publish(store, 2, haies, "a", changes=[edits(1, 5, 6), edits(3, 9)])
    store.calls.clear()
    await engine.follower.look()
    assert numbers(engine.table.get("haies")) == [5, 6, 9]
    assert len(store.calls) == 2  # the manifest and one part


async def test_changes_that_are_in_the_file_are_left_out(store, folder):
    await publish(store, 1, collaborative("haies", through=2), changes=[edits(1, 5, 6, 7), edits(4, 8)])
    engine = Engine(store, folder)
    await engine.follower.start()
    assert numbers(engine.table.get("haies")) == [7, 8]
    assert engine.table.get("haies").changes[0].first == 3


async def test_changes_after_one_that_is_missing_wait_for_it(store, folder):
    await publish(store, 1, collaborative("haies"), changes=[edits(1, 5), edits(4, 8)])
    engine = Engine(store, folder)
    await engine.follower.start()
    assert numbers(engine.table.get("haies")) == [5]


async def test_changes_are_in_the_local_copy(store, folder):
    await publish(store, 1, collaborative("haies"), changes=[edits(1, 5)])
    await Engine(store, folder).follower.start()
    store.failing = Unavailable("the store is away")
    engine = Engine(store, folder)
    await engine.follower.start()
    assert numbers(engine.table.get("haies")) == [5]


async def test_parts_of_kinds_that_are_not_known_are_left_alone(store, folder):
    await publish(store, 1, "a")
    manifest = decode_manifest(store.objects[MANIFEST_KEY])
    later = PartReference(kind="keys", key="published/keys-0.msgpack", digest="0", size=1)
    await store.put(MANIFEST_KEY, encode_manifest(Manifest(revision=2, parts=(*manifest.parts, later))))
    engine = Engine(store, folder)
    await engine.follower.start()
    assert (engine.names, engine.table.revision) == (["a"], 2)
