"""Cleaning: what killed programs left, and the objects of data that were replaced or removed."""

import asyncio
import logging
import shutil
from pathlib import Path
from uuid import UUID

from control.changes.compact import remove_superseded
from control.db.pool import CONNECT_S, Pool, connection
from control.settings import scratch_folder
from control.stored_data.claim import data_key
from control.stored_data.service import erase
from control.stored_data.store import (
    forget_stale,
    keep_generating,
    list_deleted,
    list_generating,
    mark_deleted,
    mark_unstable,
)
from core.storage import ObjectStore

KEEP_S = 24 * 3600.0
"""How long what was made of a delivery that was cut off waits for the next one of its name."""

GRACE_S = 60.0
"""Age from which the objects of removed data go: requests that were running have ended."""

RETURN_S = 30.0
"""How long owners have to find a restarted database again before their work counts as left."""

_TRY = "SELECT pg_try_advisory_lock($1)"

_log = logging.getLogger(__name__)


async def reap(
    pool: Pool,
    store: ObjectStore,
    data: Path,
    *,
    grace_s: float = GRACE_S,
    return_s: float = RETURN_S,
    keep_s: float = KEEP_S,
) -> int:
    """Remove what nobody owns any more, and return how many stored data were removed.

    May run in several programs at once, and be cut short: the next call goes on.

    Args:
        pool: The database.
        store: Where the objects are.
        data: The platform's data folder.
        grace_s: Age from which the objects of removed data go.
        return_s: How long owners have to find a restarted database again.
        keep_s: How long what was made of a delivery that was cut off waits for the next one.

    Raises:
        Unavailable: The database or the store does not answer.
    """
    async with connection(pool) as db:
        generating = await list_generating(db, grace_s=return_s)
        await forget_stale(db, age_s=keep_s, grace_s=grace_s)
        removable = await list_deleted(db, age_s=grace_s)
    removable += [one for one in generating if await _give_up_if_left(pool, one)]
    for stored_data in removable:
        await erase(pool, store, stored_data, data)
        _log.info("stored data removed", extra={"stored_data": str(stored_data)})
    await remove_superseded(pool, store, age_s=grace_s)
    await _sweep_scratch(pool, scratch_folder(data))
    return len(removable)


async def _give_up_if_left(pool: Pool, stored_data: UUID) -> bool:
    """Give stored data up if the lock of their owner is free; the pool frees ours with the connection.

    Return whether they may be removed: what a later delivery can use is kept for it.
    """
    async with connection(pool) as db:
        free: bool = await db.fetchval(_TRY, data_key(stored_data), timeout=CONNECT_S)
        return (
            free and not await mark_unstable(db, stored_data) and await mark_deleted(db, stored_data, unfinished=True)
        )


async def _sweep_scratch(pool: Pool, scratch: Path) -> None:
    """Remove folders of jobs that are no longer: each has its row before it is made."""
    folders = {found: path for path in _folders(scratch) if (found := _identifier(path.name)) is not None}
    if not folders:
        return
    async with connection(pool) as db:
        kept = await keep_generating(db, list(folders))
    for stored_data, path in folders.items():
        if stored_data not in kept:
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)


def _folders(scratch: Path) -> list[Path]:
    return [path for path in scratch.iterdir() if path.is_dir()] if scratch.is_dir() else []


def _identifier(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
