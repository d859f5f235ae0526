"""Publications: from the offerings in the database to the manifest engines follow.

The transaction that changes an offering also adds one to the revision. What is
written afterwards is always the database's present state, by one publisher at a
time, so whoever writes last writes the newest. A publication that was not
written, because its program died or the store refused, is made good by
`reconcile`.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterable

from control.changes.store import read_parts
from control.db.pool import Connection, Pool, connection
from control.offerings.store import read_published_layers
from core.changes import Changes
from core.errors import BadSource, ObjectNotFound, Unavailable
from core.layer import PublishedLayer
from core.snapshot import MANIFEST_KEY, Manifest, decode_manifest, encode_changes, encode_layers, encode_manifest
from core.storage import ObjectStore

KEPT = 5
"""Publications whose parts stay in the store, for engines that still fetch an older one."""

LOCK = 0x67656F7066_02
"""Advisory lock of whoever publishes."""

_PATIENCE_S = 60.0
"""Longest a publication may wait for others and take, seconds."""

_LOCK = "SELECT pg_advisory_lock($1)"
_UNLOCK = "SELECT pg_advisory_unlock($1)"
_HOLDS = "SELECT 1"
_BUMP = """
    UPDATE revision
    SET current = current + 1
    RETURNING current
"""
_OVERTAKE = """
    UPDATE revision
    SET current = greatest(current, $1 + 1)
"""
_SELECT_REVISION = """
    SELECT current
    FROM revision
"""
_INSERT_PUBLICATION = """
    INSERT INTO publication (revision, digest, parts)
    VALUES ($1, $2, $3)
    ON CONFLICT (revision) DO UPDATE SET digest = excluded.digest, parts = excluded.parts, creation = now()
"""
_SELECT_KEPT_PARTS = """
    SELECT parts
    FROM publication
    ORDER BY revision DESC
    LIMIT $1
"""
_FORGET_OLD = """
    DELETE FROM publication
    WHERE revision <= (SELECT current FROM revision) - 1000
"""

_log = logging.getLogger(__name__)


async def bump_revision(db: Connection) -> int:
    """Add one to the revision and return it; part of every transaction that changes what is published."""
    revision: int = await db.fetchval(_BUMP)
    return revision


async def read_revision(pool: Pool) -> int:
    """Read the revision of the database's present state.

    Raises:
        Unavailable: The database does not answer.
    """
    async with connection(pool) as db:
        revision: int = await db.fetchval(_SELECT_REVISION)
    return revision


async def read_manifest(store: ObjectStore) -> Manifest | None:
    """Read what engines follow; None when there is nothing, or nothing that can be read.

    Raises:
        Unavailable: The store does not answer.
    """
    try:
        found = await store.get(MANIFEST_KEY)
        return None if found is None else decode_manifest(found.data)
    except ObjectNotFound:
        return None
    except BadSource as err:
        _log.warning("the manifest is damaged", extra={"reason": str(err)})
        return None


async def publish(pool: Pool, store: ObjectStore) -> Manifest:
    """Write the present state of all published offerings, and return its manifest.

    Raises:
        Unavailable: The database or the store does not answer, or others publish for too long.
        StoreFull: There is no room for the publication.
    """
    try:
        async with asyncio.timeout(_PATIENCE_S):
            async with connection(pool) as guard:
                await guard.fetchval(_LOCK, LOCK)
                try:
                    return await _publish_alone(guard, store)
                finally:
                    if not guard.is_closed():
                        await guard.fetchval(_UNLOCK, LOCK)
    except TimeoutError as err:
        raise Unavailable(f"the publication was not written within {_PATIENCE_S:.0f} s") from err


async def reconcile(pool: Pool, store: ObjectStore) -> Manifest | None:
    """Publish if what engines follow is not the database's present state; return the new manifest, else None.

    Raises:
        Unavailable: The database or the store does not answer.
        StoreFull: There is no room for the publication.
    """
    manifest = await read_manifest(store)
    if manifest is not None and manifest.revision == await read_revision(pool) and await _is_whole(store, manifest):
        return None
    return await publish(pool, store)


async def _publish_alone(guard: Connection, store: ObjectStore) -> Manifest:
    # All on the connection that holds the lock: publishers that wait hold the others of the pool.
    written = await read_manifest(store)
    if written is not None:
        await _overtake(guard, written.revision)
    revision, layers, changes = await _read_state(guard)
    encoded_parts = [encode_layers(layers), *(encode_changes(part) for part in changes)]
    manifest = Manifest(revision=revision, parts=tuple(part for part, _ in encoded_parts))
    if written == manifest and await _is_whole(store, manifest):
        return manifest
    before = _keys(written) if written is not None else set()
    for part, data in encoded_parts:
        if part.key not in before or not await _is_stored(store, part.key):
            await store.put(part.key, data)
    await guard.fetchval(_HOLDS)  # the lock went with the connection if the database was restarted meanwhile
    encoded = encode_manifest(manifest)
    await store.put(MANIFEST_KEY, encoded)
    await _record(guard, store, manifest, hashlib.sha256(encoded).hexdigest(), written)
    _log.info("published", extra={"revision": revision, "layers": len(layers)})
    return manifest


async def _overtake(db: Connection, written: int) -> None:
    """Let a database restored from an older copy go on after what engines have already seen."""
    if written > await db.fetchval(_SELECT_REVISION):
        await db.execute(_OVERTAKE, written)


async def _read_state(db: Connection) -> tuple[int, tuple[PublishedLayer, ...], list[Changes]]:
    async with db.transaction(isolation="repeatable_read", readonly=True):
        revision: int = await db.fetchval(_SELECT_REVISION)
        return revision, await read_published_layers(db), await read_parts(db)


async def _record(db: Connection, store: ObjectStore, manifest: Manifest, digest: str, before: Manifest | None) -> None:
    """Note the publication, and remove the parts that only older ones name."""
    async with db.transaction():
        await db.execute(_INSERT_PUBLICATION, manifest.revision, digest, [part.key for part in manifest.parts])
        await db.execute(_FORGET_OLD)
        rows = await db.fetch(_SELECT_KEPT_PARTS, KEPT)
    kept = {key for row in rows for key in row["parts"]} | _keys(manifest)
    if before is not None:
        kept |= _keys(before)
    folder = MANIFEST_KEY.rpartition("/")[0] + "/"
    old = [one.key async for one in store.list(folder) if one.key.endswith(".msgpack") and one.key not in kept]
    for key in old:
        await store.delete(key)


def _keys(manifest: Manifest) -> set[str]:
    return {part.key for part in manifest.parts}


async def _is_whole(store: ObjectStore, manifest: Manifest) -> bool:
    return await _all_stored(store, _keys(manifest))


async def _all_stored(store: ObjectStore, keys: Iterable[str]) -> bool:
    for key in keys:
        if not await _is_stored(store, key):
            return False
    return True


async def _is_stored(store: ObjectStore, key: str) -> bool:
    try:
        await store.head(key)
    except ObjectNotFound:
        return False
    return True
