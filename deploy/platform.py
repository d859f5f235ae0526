"""The platform as a command needs it: settings, database and object store, opened and closed together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from control.db.embedded import EmbeddedPostgres, running_url
from control.db.migrate import migrate
from control.db.pool import open_pool
from control.settings import ControlSettings
from core.open_store import open_store
from core.settings import CoreSettings, read_settings
from core.storage import ObjectStore


class Platform(msgspec.Struct, frozen=True):
    """What a command works with."""

    core: CoreSettings
    control: ControlSettings
    pool: asyncpg.Pool
    store: ObjectStore


@asynccontextmanager
async def open_platform() -> AsyncIterator[Platform]:
    """Open database and store; PostgreSQL is started for the time of the command when it does not run.

    Raises:
        BadSetting: A setting cannot be used.
        Unavailable: The database or the store does not answer.
    """
    core, control = read_settings(CoreSettings), read_settings(ControlSettings)
    core.data.mkdir(parents=True, exist_ok=True)
    store = open_store(core)
    folder = core.data / "postgres"
    url, started = control.database_url or running_url(folder), None
    if not url:
        started = EmbeddedPostgres(folder)
        url = started.start()
    try:
        async with open_pool(url) as pool:
            await migrate(pool)
            yield Platform(core, control, pool, store)
    finally:
        await store.close()
        if started is not None:
            started.stop()
