"""Stored data in the database."""

from uuid import UUID

import msgspec

from control.db.pool import Connection
from control.stored_data.status import StoredDataStatus, before
from core.job import Result
from core.layer import Kind

TYPES: dict[Kind, str] = {"raster": "PYRAMID-COG", "vector": "GEOPARQUET", "points": "PYRAMID-3D-COPC"}
"""Type of the stored data a delivery makes. The last is the entrepôt's; it has none for the first two."""

AS_IS = "COG"
"""Type of rasters that stay as the producer made them."""

RESUMABLE = ("PYRAMID-COG",)
"""Types whose objects are named by what they are made of: a later delivery finds those of one that was cut off."""

_INSERT = """
    INSERT INTO stored_data (id, datastore, name, type, status, prefix)
    VALUES ($1, $2, $3, $4, 'GENERATING', $5)
"""
_COMPLETE = """
    UPDATE stored_data
    SET status = 'GENERATED', srs = $2, size = $3, source = $4::text::jsonb, west = $5, south = $6, east = $7,
        north = $8, sample_longitude = $9, sample_latitude = $10, last_change = now()
    WHERE id = $1 AND status = ANY ($11)
"""
_MARK_DELETED = """
    UPDATE stored_data
    SET status = 'DELETED', last_change = now()
    WHERE id = $1 AND status = ANY ($2)
"""
_DELETE = """
    DELETE FROM stored_data
    WHERE id = $1 AND status = 'DELETED'
"""
_SELECT_STATUS = """
    SELECT status
    FROM stored_data
    WHERE id = $1
"""
_SELECT_GENERATING = """
    SELECT id
    FROM stored_data
    WHERE status = 'GENERATING'
        AND (creation > pg_postmaster_start_time() OR pg_postmaster_start_time() < now() - $1 * interval '1 second')
"""
_MARK_UNSTABLE = """
    UPDATE stored_data
    SET status = 'UNSTABLE', last_change = now()
    WHERE id = $1 AND type = ANY ($2) AND status = 'GENERATING'
"""
_SELECT_UNFINISHED = """
    SELECT prefix
    FROM stored_data
    WHERE datastore = $1 AND name = $2 AND type = ANY ($3) AND status IN ('GENERATING', 'UNSTABLE')
    ORDER BY creation
"""
_FORGET_UNFINISHED = """
    UPDATE stored_data
    SET status = 'DELETED', last_change = now()
    WHERE datastore = $1 AND name = $2 AND status = 'UNSTABLE'
"""
_FORGET_STALE = """
    UPDATE stored_data
    SET status = 'DELETED', last_change = now() - $2 * interval '1 second'
    WHERE status = 'UNSTABLE' AND last_change <= now() - $1 * interval '1 second'
"""
_SELECT_DELETED = """
    SELECT id
    FROM stored_data
    WHERE status = 'DELETED' AND last_change <= now() - $1 * interval '1 second'
"""
_SELECT_OWNED = """
    SELECT id
    FROM stored_data
    WHERE id = ANY ($1) AND status = 'GENERATING'
"""


def prefix_of(stored_data: UUID) -> str:
    """Return what the keys of its objects begin with, before a slash."""
    return f"stored-data/{stored_data}"


async def insert_stored_data(
    db: Connection, stored_data: UUID, *, datastore: UUID, name: str, kind: Kind, as_is: bool = False
) -> None:
    """Add stored data whose objects are about to be made."""
    await db.execute(_INSERT, stored_data, datastore, name, AS_IS if as_is else TYPES[kind], prefix_of(stored_data))


async def complete_stored_data(db: Connection, stored_data: UUID, result: Result) -> bool:
    """Record what a job made; return whether the stored data were still waiting for it."""
    source = msgspec.json.encode(result.source).decode()
    done = await db.execute(
        _COMPLETE,
        stored_data,
        *(result.srs, result.size, source, *result.bbox, *result.sample),
        before(StoredDataStatus.GENERATED),
    )
    return done == "UPDATE 1"


async def mark_deleted(db: Connection, stored_data: UUID, *, unfinished: bool = False) -> bool:
    """Give up stored data, whose objects may be removed from now on; return whether this call did it.

    Args:
        db: The connection.
        stored_data: Which.
        unfinished: Only if nothing has been made of them yet.
    """
    status = StoredDataStatus.DELETED
    steps = [StoredDataStatus.GENERATING.value] if unfinished else before(status)
    return bool(await db.execute(_MARK_DELETED, stored_data, steps) == "UPDATE 1")


async def mark_unstable(db: Connection, stored_data: UUID) -> bool:
    """Keep what was made of stored data for a later delivery; return whether this call did it and it can be used."""
    return bool(await db.execute(_MARK_UNSTABLE, stored_data, RESUMABLE) == "UPDATE 1")


async def list_unfinished(db: Connection, datastore: UUID, name: str) -> tuple[str, ...]:
    """List the prefixes of what earlier deliveries of a name left, oldest first; the caller holds the name's claim."""
    rows = await db.fetch(_SELECT_UNFINISHED, datastore, name, RESUMABLE)
    return tuple(row["prefix"] for row in rows)


async def forget_unfinished(db: Connection, datastore: UUID, name: str) -> None:
    """Give up what earlier deliveries of a name left."""
    await db.execute(_FORGET_UNFINISHED, datastore, name)


async def forget_stale(db: Connection, *, age_s: float, grace_s: float) -> None:
    """Give up what no later delivery came for within `age_s` seconds; nobody reads it, so no `grace_s` is waited."""
    await db.execute(_FORGET_STALE, age_s, grace_s)


async def delete_stored_data(db: Connection, stored_data: UUID) -> None:
    """Forget stored data that were given up, once their objects are gone."""
    await db.execute(_DELETE, stored_data)


async def read_status(db: Connection, stored_data: UUID) -> StoredDataStatus | None:
    """Read where stored data stand; None when there are none."""
    status: str | None = await db.fetchval(_SELECT_STATUS, stored_data)
    return None if status is None else StoredDataStatus(status)


async def list_generating(db: Connection, *, grace_s: float) -> list[UUID]:
    """List stored data that are being made.

    Those older than the database server's own start are left out until it has run
    for `grace_s` seconds: their owners may not have found it again yet.
    """
    return [row["id"] for row in await db.fetch(_SELECT_GENERATING, grace_s)]


async def list_deleted(db: Connection, *, age_s: float) -> list[UUID]:
    """List stored data that were given up at least `age_s` seconds ago."""
    return [row["id"] for row in await db.fetch(_SELECT_DELETED, age_s)]


async def keep_generating(db: Connection, candidates: list[UUID]) -> set[UUID]:
    """Return those of `candidates` that are being made."""
    return {row["id"] for row in await db.fetch(_SELECT_OWNED, candidates)}
