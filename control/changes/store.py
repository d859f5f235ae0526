"""Changes in the database."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from control.db.pool import Connection
from core.changes import Change, Changes
from core.layer import Bounds, Source, VectorSource

PART = 500
"""Changes of a published part: those whose numbers less one have the same quotient by this."""

_LOCK_DATA = """
    SELECT source
    FROM stored_data
    WHERE id = $1 AND status = 'GENERATED'
    FOR UPDATE
"""
_SELECT_LAST = """
    SELECT max(number) AS number, max(feature) AS feature
    FROM change
    WHERE stored_data = $1
"""
_INSERT = """
    INSERT INTO change (stored_data, number, feature, geometry, properties)
    VALUES ($1, $2, $3, $4, $5)
"""
_WIDEN = """
    UPDATE stored_data
    SET west = least(west, $2), south = least(south, $3), east = greatest(east, $4), north = greatest(north, $5),
        last_change = now()
    WHERE id = $1
"""
_SELECT_PUBLISHED = """
    SELECT change.stored_data, change.number, change.feature, change.geometry, change.properties
    FROM change
    JOIN stored_data ON stored_data.id = change.stored_data
    WHERE stored_data.status = 'GENERATED' AND EXISTS (
        SELECT FROM configuration
        JOIN offering ON offering.configuration = configuration.id
        WHERE configuration.stored_data = stored_data.id AND offering.status = 'PUBLISHED'
    )
    ORDER BY change.stored_data, change.number
"""
_SELECT_AFTER = """
    SELECT feature, geometry, properties
    FROM change
    WHERE stored_data = $1 AND number > $2
    ORDER BY number
"""
_SELECT_DUE = """
    SELECT stored_data.id, stored_data.name
    FROM change
    JOIN stored_data ON stored_data.id = change.stored_data
    WHERE stored_data.status = 'GENERATED' AND change.number > coalesce((stored_data.source ->> 'through')::bigint, 0)
    GROUP BY stored_data.id
    HAVING count(*) >= $1 OR min(change.creation) <= now() - $2 * interval '1 second'
    ORDER BY min(change.creation)
"""
_REPLACE_SOURCE = """
    UPDATE stored_data
    SET source = $3::text::jsonb, size = $4, last_change = now()
    WHERE id = $1 AND status = 'GENERATED' AND coalesce((source ->> 'through')::bigint, 0) = $2
"""
_FORGET = """
    DELETE FROM change
    WHERE stored_data = $1 AND number <= $2
"""
_SUPERSEDE = """
    INSERT INTO superseded (key, stored_data)
    VALUES ($1, $2)
    ON CONFLICT (key) DO NOTHING
"""
_SELECT_SUPERSEDED = """
    SELECT key
    FROM superseded
    WHERE creation <= now() - $1 * interval '1 second'
    ORDER BY creation
    LIMIT 1000
"""
_FORGET_SUPERSEDED = """
    DELETE FROM superseded
    WHERE key = ANY ($1)
"""


async def lock_source(db: Connection, stored_data: UUID) -> Source | None:
    """Read how stored data are served, and keep others from changing them until the transaction ends.

    None when they are not there any more.
    """
    source: str | None = await db.fetchval(_LOCK_DATA, stored_data)
    return None if source is None else msgspec.json.decode(source, type=Source)


async def last_numbers(db: Connection, stored_data: UUID) -> tuple[int, int]:
    """Return the highest number of a change that is recorded, 0 for none, and the highest feature, -1 for none."""
    (row,) = await db.fetch(_SELECT_LAST, stored_data)
    return row["number"] or 0, -1 if row["feature"] is None else row["feature"]


async def insert_changes(db: Connection, stored_data: UUID, first: int, changes: Sequence[Change]) -> None:
    """Record changes, numbered from `first` on."""
    rows = [
        (stored_data, number, one.id, one.geometry or None, msgspec.json.encode(one.properties).decode())
        for number, one in enumerate(changes, first)
    ]
    await db.executemany(_INSERT, rows)


async def widen(db: Connection, stored_data: UUID, bbox: Bounds) -> None:
    """Let the box of stored data hold another one too, in degrees."""
    await db.execute(_WIDEN, stored_data, *bbox)


async def read_parts(db: Connection) -> list[Changes]:
    """Read the changes of all that is published, cut into the parts that travel."""
    found: dict[tuple[UUID, int], list[tuple[int, Change]]] = {}
    for row in await db.fetch(_SELECT_PUBLISHED):
        part = row["stored_data"], (row["number"] - 1) // PART
        found.setdefault(part, []).append((row["number"], _change(row)))
    return [
        Changes(str(stored_data), changes[0][0], tuple(change for _, change in changes))
        for (stored_data, _), changes in found.items()
    ]


async def read_after(db: Connection, stored_data: UUID, through: int) -> tuple[Change, ...]:
    """Read the changes of stored data after one."""
    return tuple(_change(row) for row in await db.fetch(_SELECT_AFTER, stored_data, through))


async def list_due(db: Connection, *, changes: int, age_s: float) -> list[tuple[UUID, str]]:
    """List stored data with so many changes that are not in their file, or one so old, by identifier and name."""
    return [(row["id"], row["name"]) for row in await db.fetch(_SELECT_DUE, changes, age_s)]


async def replace_source(
    db: Connection, stored_data: UUID, before: VectorSource, after: VectorSource, size: int
) -> bool:
    """Serve stored data from other objects; return whether they were still served from those before.

    Changes that are in the new objects are forgotten, as far as whole parts of them are.
    """
    source = msgspec.json.encode(after).decode()
    done = await db.execute(_REPLACE_SOURCE, stored_data, before.through, source, size)
    if done != "UPDATE 1":
        return False
    await db.execute(_FORGET, stored_data, after.through // PART * PART)
    old = {before.href, before.values, *(one.href for one in before.shapes)}
    old -= {"", after.href, after.values, *(one.href for one in after.shapes)}
    await db.executemany(_SUPERSEDE, [(key, stored_data) for key in sorted(old)])
    return True


async def list_superseded(db: Connection, *, age_s: float) -> list[str]:
    """List objects that were replaced at least so many seconds ago."""
    return [row["key"] for row in await db.fetch(_SELECT_SUPERSEDED, age_s)]


async def forget_superseded(db: Connection, keys: Sequence[str]) -> None:
    """Forget objects that are gone."""
    await db.execute(_FORGET_SUPERSEDED, list(keys))


def _change(row: asyncpg.Record) -> Change:
    return Change(row["feature"], row["geometry"] or b"", msgspec.json.decode(row["properties"]))
