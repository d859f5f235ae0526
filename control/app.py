"""The control plane as one HTTP program: `/api`."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from control.changes.compact import Compactor
from control.db.embedded import url_of
from control.db.pool import Pool, open_pool
from control.health import HealthCheck, health_route
from control.settings import ControlSettings, postgres_folder
from control.upkeep import Upkeep
from core.app import EXCEPTION_HANDLERS, health_routes
from core.open_store import open_store
from core.settings import CoreSettings, read_settings
from core.storage import ObjectStore

_CLOSE_S = 5.0

_log = logging.getLogger(__name__)


def create_app(
    core: CoreSettings | None = None,
    control: ControlSettings | None = None,
    store: ObjectStore | None = None,
) -> Litestar:
    """Build the control plane.

    It starts whether the database runs or not, answers 503 while it does not, and
    finds it again by itself.

    Args:
        core: The platform's settings; None to read the environment.
        control: Settings of the control plane; None to read the environment.
        store: The object store; None for the one the settings name.
    """
    core = core or read_settings(CoreSettings)
    control = control or read_settings(ControlSettings)
    objects = store or open_store(core)
    address, folder = control.database_url, postgres_folder(core.data)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        pool = await open_pool(lambda: address or url_of(folder), connections=control.database_connections)
        app.state.upkeep = upkeep = Upkeep(
            pool, objects, core.data, control.upkeep_interval_s, keep_s=control.resume_keep_s
        )
        app.state.health = HealthCheck(pool, objects, upkeep)
        compactor = Compactor(pool, objects, core, control)
        tasks = [asyncio.create_task(upkeep.run()), asyncio.create_task(compactor.run())]
        _log.info("control plane started")
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await _close(pool)
            await objects.close()
            _log.info("control plane stopped")

    app = Litestar(
        route_handlers=[health_route(), *health_routes(lambda: str(app.state.upkeep.trouble))],
        lifespan=[lifespan],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=None,
        logging_config=None,
    )
    return app


async def _close(pool: Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), _CLOSE_S)
    except Exception as err:  # noqa: BLE001 - the connections end with the process in any case
        _log.warning("connections were cut", extra={"reason": str(err)})
        pool.terminate()
