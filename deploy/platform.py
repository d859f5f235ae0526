"""The platform as a command needs it: settings, database and object store, opened and closed together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from control.db.embedded import EmbeddedPostgres
from control.db.migrate import migrate
from control.db.pool import Pool, open_pool
from control.publish import reconcile
from control.reap import reap
from control.settings import ControlSettings, postgres_folder
from core.errors import BadSetting
from core.open_store import open_store
from core.settings import CoreSettings, read_settings
from core.storage import ObjectStore


class Platform(msgspec.Struct, frozen=True):
    """What a command works with."""

    core: CoreSettings
    control: ControlSettings
    pool: Pool
    store: ObjectStore


@asynccontextmanager
async def open_platform() -> AsyncIterator[Platform]:
    """Open database and store, and tidy up after commands that were killed.

    The embedded PostgreSQL is started for the time of the command when it does not run.

    Raises:
        BadSetting: A setting cannot be used.
        Unavailable: The database or the store does not answer.
    """
    core, control = read_settings(CoreSettings), read_settings(ControlSettings)
    try:
        core.data.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise BadSetting(f"{core.data} cannot be the data folder ({err.strerror})", "set GEOPF_DATA") from err
    store = open_store(core)
    server = None if control.database_url else EmbeddedPostgres(postgres_folder(core.data))
    try:
        url = control.database_url if server is None else await asyncio.to_thread(server.start)
        async with open_pool(url, connections=control.database_connections) as pool:
            await migrate(pool)
            await reap(pool, store, core.data, keep_s=control.resume_keep_s)
            await reconcile(pool, store)
            yield Platform(core, control, pool, store)
    finally:
        await store.close()
        if server is not None:
            await asyncio.to_thread(server.stop)
