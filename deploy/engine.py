"""The engine as one program: tiles, points, the page, and the way to the control plane."""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.types import ASGIApp

from core.app import EXCEPTION_HANDLERS, health_routes
from core.dispatch import Dispatcher
from core.follow import Follower
from core.listing import listing_route
from core.open_store import open_store
from core.s3_settings import gdal_environment, s3_settings
from core.settings import CoreSettings, read_settings
from core.table import LayerTable
from core.telemetry import LAYERS, REVISION, configure_logging
from deploy.gateway import Gateway
from deploy.lifeline import die_with_parent
from deploy.settings import ServeSettings
from deploy.site import load_site, site_app
from pointcloud.app import GUIDE as POINTS_GUIDE
from pointcloud.app import create_points
from tiler.app import GUIDE as TILES_GUIDE
from tiler.app import create_annexes, create_tiler
from tiler.settings import TilerSettings

_log = logging.getLogger(__name__)


def create_app() -> Dispatcher:
    """Build the engine from the environment; granian calls this in each worker."""
    die_with_parent()
    settings, serve = read_settings(CoreSettings), read_settings(ServeSettings)
    configure_logging(settings.log_level)
    store = open_store(settings)
    if settings.storage_url.startswith("s3://"):
        os.environ.update(gdal_environment(s3_settings(os.environ)))  # GDAL takes these from nowhere else
    table = LayerTable()
    follower = Follower(store, table, settings.data / "engine", settings.follow_interval_s)
    tiles, pool = create_tiler(table, store, read_settings(TilerSettings))
    gateway = Gateway(*serve.control_address)
    LAYERS.set_function(lambda: len(table.all()))
    REVISION.set_function(lambda: table.revision)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await follower.start()
        following = asyncio.create_task(follower.run())
        gc.collect()
        gc.freeze()  # what is loaded now stays: looking it over again and again would take a third of a tile's time
        _log.info("engine started", extra={"revision": table.revision, "layers": len(table.all())})
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await gateway.close()
            await store.close()
            pool.close()
            _log.info("engine stopped")

    routed = Litestar(
        route_handlers=[
            listing_route(table, {"raster": TILES_GUIDE, "vector": TILES_GUIDE, "points": POINTS_GUIDE}),
            *health_routes(lambda: "" if follower.ready else "no publication was read yet"),
        ],
        lifespan=[lifespan],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=None,
        logging_config=None,
    )
    site = load_site(serve.site)
    rooms: dict[str, ASGIApp] = {
        "tiles": tiles,
        "annexes": create_annexes(table, pool),
        "points": create_points(table, store),
        "api": gateway,
    }
    return Dispatcher(rooms, site, site_app(site), routed)
