"""Changing a layer: edits become numbered changes, and are published."""

import asyncio
import logging
from uuid import UUID

import msgspec

from control.changes.edits import CRS84, read_edits
from control.changes.store import insert_changes, last_numbers, lock_source, widen
from control.configurations.store import find_named
from control.db.pool import Connection, Pool, transaction
from control.publish import bump_revision, publish
from core.changes import Change
from core.errors import BadRequest, LayerNotFound, NotFound, StoreFull, Unavailable
from core.layer import VectorSource
from core.storage import ObjectStore

_log = logging.getLogger(__name__)


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done."""

    ids: tuple[int, ...]
    """Identifier of the feature of each edit, in their order."""

    first: int
    """Number of the first change."""

    mended: int
    """Areas that were not valid and were mended."""


async def change_layer(pool: Pool, store: ObjectStore, name: str, data: bytes, crs: str = CRS84) -> Changed:
    """Change features of a vector layer, all as told or none, and publish that.

    Args:
        pool: The database.
        store: Where the publication is written.
        name: Name of the layer.
        data: GeoJSON, as `read_edits` takes it.
        crs: CRS of its coordinates.

    Raises:
        BadRequest: The layer cannot be changed, or an edit cannot be taken.
        LayerNotFound: No layer has this name.
        NotFound: An edit names a feature that never was.
        Unavailable: The database does not answer.
    """
    async with transaction(pool) as db:
        found = await find_named(db, name)
        if found is None:
            raise LayerNotFound(f"no layer is named {name[:140]!r}", "geopf layers lists the layers")
        source = await _source(db, name, found.stored_data)
        edits = await asyncio.to_thread(read_edits, data, source, crs)
        number, feature = await last_numbers(db, found.stored_data)
        number = max(number, source.through)
        rows = max(source.rows or source.features, feature + 1)
        changes = []
        for place, edit in enumerate(edits.edits, 1):
            if edit.id is not None and edit.id >= rows:
                raise NotFound(f"edit {place}: {name} has no feature {edit.id}", "leave the id out to add a feature")
            identifier = edit.id
            if identifier is None:
                identifier, rows = rows, rows + 1
            changes.append(Change(identifier, edit.geometry, edit.properties))
        await insert_changes(db, found.stored_data, number + 1, changes)
        if edits.bbox is not None:
            await widen(db, found.stored_data, edits.bbox)
        await bump_revision(db)
    try:
        await publish(pool, store)
    except (Unavailable, StoreFull) as err:
        _log.warning("publication postponed", extra={"layer": name, "reason": str(err)})
    return Changed(ids=tuple(change.id for change in changes), first=number + 1, mended=edits.mended)


async def _source(db: Connection, name: str, stored_data: UUID) -> VectorSource:
    source = await lock_source(db, stored_data)
    if not isinstance(source, VectorSource):
        raise BadRequest(f"{name} is no layer of features", "vector layers that are no archives can be changed")
    return source
