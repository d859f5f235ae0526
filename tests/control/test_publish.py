"""Publications: the newest state, whole, whoever writes it and whatever is cut short."""

import asyncio

import pytest

from control.db.pool import open_pool
from control.publish import KEPT, publish, read_manifest, reconcile
from core.errors import StoreFull, Unavailable
from core.snapshot import MANIFEST_KEY, decode_layers
from tests.control.rows import add_layer


async def names(store):
    manifest = await read_manifest(store)
    (part,) = manifest.parts
    return manifest.revision, [one.name for one in decode_layers(part, store.objects[part.key])]


def writes(store):
    return [key for what, key in store.calls if what == "put"]


async def test_an_empty_platform_publishes_no_layer_at_revision_1(pool, store):
    await publish(pool, store)
    assert await names(store) == (1, [])


async def test_parts_are_written_before_the_manifest(pool, store, result):
    await add_layer(pool, "ortho", result)
    await publish(pool, store)
    assert writes(store)[-1] == MANIFEST_KEY
    assert len(writes(store)) == 2
    assert await names(store) == (2, ["ortho"])


async def test_what_is_published_already_is_not_written_again(pool, store, result):
    await add_layer(pool, "ortho", result)
    await publish(pool, store)
    before = list(writes(store))
    await publish(pool, store)
    assert await reconcile(pool, store) is None
    assert writes(store) == before


class RisingStore:
    """Refuses a manifest that is older than the one it holds."""

    def __init__(self, store):
        self.store = store
        self.revisions = []

    def __getattr__(self, name):
        return getattr(self.store, name)

    async def put(self, key, data):
        await asyncio.sleep(0.01)  # lets the others go on in the middle of a publication
        info = await self.store.put(key, data)
        if key == MANIFEST_KEY:
            self.revisions.append((await read_manifest(self.store)).revision)
        return info


async def test_publishers_side_by_side_end_with_the_newest_and_never_go_back(database, store, result):
    rising = RisingStore(store)

    async def add_and_publish(pool, number):
        await add_layer(pool, f"layer-{number:02}", result)
        await publish(pool, rising)

    async with open_pool(database, connections=4) as one, open_pool(database, connections=4) as two:
        await asyncio.gather(*(add_and_publish((one, two)[number % 2], number) for number in range(12)))
    assert await names(store) == (13, [f"layer-{number:02}" for number in range(12)])
    assert rising.revisions == sorted(set(rising.revisions))


async def test_a_crash_between_commit_and_manifest_is_made_good(pool, store, result):
    await publish(pool, store)
    await add_layer(pool, "ortho", result)  # and here the program dies
    assert await names(store) == (1, [])
    await reconcile(pool, store)
    assert await names(store) == (2, ["ortho"])


@pytest.mark.parametrize("lost", ["part", "manifest", "damaged manifest"])
async def test_a_lost_publication_is_written_again(pool, store, result, lost):
    await add_layer(pool, "ortho", result)
    manifest = await publish(pool, store)
    if lost == "part":
        del store.objects[manifest.parts[0].key]
    elif lost == "manifest":
        del store.objects[MANIFEST_KEY]
    else:
        store.objects[MANIFEST_KEY] = b"{"
    await reconcile(pool, store)
    assert await names(store) == (2, ["ortho"])


async def test_a_store_that_refuses_leaves_the_last_publication(pool, store, result):
    await publish(pool, store)
    await add_layer(pool, "ortho", result)
    store.failing = StoreFull("no room")
    with pytest.raises(StoreFull):
        await publish(pool, store)
    store.failing = None
    assert await names(store) == (1, [])
    await publish(pool, store)
    assert await names(store) == (2, ["ortho"])


async def test_a_database_restored_from_an_older_copy_goes_on_after_what_engines_saw(pool, store, result):
    for number in range(3):
        await add_layer(pool, f"layer-{number}", result)
    await publish(pool, store)
    await pool.execute("UPDATE revision SET current = 2")
    await reconcile(pool, store)
    assert (await names(store))[0] == 5


async def test_parts_of_the_last_publications_stay_and_older_ones_go(pool, store, result):
    for number in range(KEPT + 3):
        await add_layer(pool, f"layer-{number}", result)
        await publish(pool, store)
    parts = [key for key in store.objects if key.endswith(".msgpack")]
    assert len(parts) == KEPT
    assert (await read_manifest(store)).parts[0].key in parts


async def test_a_database_that_goes_away_while_publishing_is_unavailable(pool, store, result):
    await add_layer(pool, "ortho", result)
    put = store.put

    async def cut(key, data):
        await pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
        return await put(key, data)

    store.put = cut
    with pytest.raises(Unavailable):
        await publish(pool, store)
    assert MANIFEST_KEY not in store.objects
