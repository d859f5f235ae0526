"""An application of point cloud routes alone, asked without a network, and served by granian for those who want one."""

import asyncio
import contextlib
import socket

import httpx
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar

from core.app import EXCEPTION_HANDLERS
from core.dispatch import Dispatcher
from core.layer import PointCloudFile, PointCloudSource, PublishedLayer, RasterSource
from core.table import LayerTable
from pointcloud.app import create_points


def layer_of(name, files, **more):
    """Return a published point cloud of files given as (name, key, size)."""
    source = PointCloudSource(
        files=tuple(
            PointCloudFile(name=file, href=key, size=size, points=10, bounds=(0.0, 1.0, 2.0, 10.0, 11.0, 12.0))
            for file, key, size in files
        ),
        crs="EPSG:2154",
        point_format=6,
        points=10 * len(files),
        dimensions=("X", "Y", "Z"),
        classes={2: 15, 66: 4, 222: 1},
    )
    return published(name, source, **more)


def published(name, source, *, version="v1"):
    """Return a layer."""
    return PublishedLayer(
        name=name,
        title=f"Le nuage {name}",
        offering="o",
        source=source,
        bbox=(3.8, 43.5, 3.9, 43.6),
        sample=(3.85, 43.55),
        version=version,
        max_age=600,
    )


def raster(name):
    """Return a layer that is no point cloud."""
    return published(name, RasterSource(href="r.tif", bands=(1,), dtype="uint8"))


def application(layers, store):
    """Return the application."""
    table = LayerTable()
    table.replace(1, layers)
    rest = Litestar([], exception_handlers=EXCEPTION_HANDLERS, openapi_config=None, logging_config=None)
    return Dispatcher({"points": create_points(table, store)}, {}, rest, rest)


def client_of(layers, store):
    """Return a client that asks the application directly."""
    transport = httpx.ASGITransport(application(layers, store))
    return httpx.AsyncClient(transport=transport, base_url="http://points.test")


@contextlib.asynccontextmanager
async def granian(app):
    """Serve an application on a free port; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGI)
    serving = asyncio.create_task(server.serve())
    for _ in range(200):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        await asyncio.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        await serving
