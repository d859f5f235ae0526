"""Removing stored data: objects first, then the folder of the job, then the row, so that nothing is ever forgotten."""

import asyncio
import shutil
from pathlib import Path
from uuid import UUID

from control.db.pool import Pool, connection
from control.settings import scratch_folder
from control.stored_data.store import delete_stored_data, prefix_of
from core.storage import ObjectStore


async def erase(pool: Pool, store: ObjectStore, stored_data: UUID, data: Path) -> None:
    """Remove all that is left of stored data that were marked DELETED. May be repeated.

    Args:
        pool: The database.
        store: Where the objects are.
        stored_data: Which.
        data: The platform's data folder.

    Raises:
        Unavailable: The store or the database does not answer.
    """
    keys = [one.key async for one in store.list(prefix_of(stored_data) + "/")]
    for key in keys:
        await store.delete(key)
    await asyncio.to_thread(shutil.rmtree, scratch_folder(data) / str(stored_data), ignore_errors=True)
    async with connection(pool) as db:
        await delete_stored_data(db, stored_data)
