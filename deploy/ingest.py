"""`geopf ingest`, `layers` and `remove`: what a producer types."""

import asyncio
import json
import math
import signal
from pathlib import Path
from typing import Literal

from control.delivery import Delivery, deliver, list_layers, remove_layer
from core.errors import BadRequest, InputRefused
from core.job import RasterStorage
from core.layer import PublishedLayer, Resampling, kind_of
from core.naming import check_layer_name
from deploy.platform import open_platform
from deploy.progress import ProgressReport
from deploy.style import read_style_files


def ingest_files(
    *,
    kind: Literal["raster", "vector", "points"],
    name: str,
    files: tuple[str, ...],
    title: str = "",
    abstract: str = "",
    crs: str = "",
    source_layer: str = "",
    as_is: bool = False,
    resampling: Resampling | None = None,
    storage: RasterStorage | None = None,
    styles: tuple[str, ...] = (),
    replace: bool = False,
    as_json: bool | None = None,
) -> int:
    """Publish files as one layer and show how far it is; return the exit status.

    Raises:
        BadRequest: The name or a style cannot be used, or what is for rasters is asked of other data.
        Conflict: The layer exists and `replace` is not given.
        InputRefused: A file cannot be taken.
    """
    check_layer_name(name)
    if (as_is or resampling) and kind != "raster":
        option = "--as-is" if as_is else "--resampling"
        raise BadRequest(f"{option} is for rasters, not for {kind}", "leave it out")
    if styles and kind == "points":
        raise BadRequest("--style is for rasters and vectors, not for points", "leave it out")
    if storage is not None:
        _check_storage(storage, kind, as_is=as_is)
    for file in files:
        if not Path(file).exists():
            raise InputRefused(f"{file} does not exist", "give the path of a file")
    delivery = Delivery(
        kind=kind,
        name=name,
        inputs=tuple(str(Path(file).absolute()) for file in files),
        title=title or name,
        abstract=abstract,
        crs=crs,
        source_layer=source_layer,
        as_is=as_is,
        resampling=resampling,
        storage=storage or RasterStorage(),
        styles=read_style_files(styles) if styles else None,
        replace=replace,
    )
    with ProgressReport(name, as_json=as_json) as report:
        layer = asyncio.run(_deliver(delivery, report))
        report.published(layer)
    return 0


def _check_storage(storage: RasterStorage, kind: str, *, as_is: bool) -> None:
    if kind != "raster" or as_is:
        what = "files that stay as they are" if kind == "raster" else kind
        raise BadRequest(f"--tms, --encoding, --quality and --max-error are not for {what}", "leave them out")
    if not 1 <= storage.quality <= 100:
        raise BadRequest(f"--quality {storage.quality} cannot be used", "give 1 to 100")
    if storage.max_error is not None and not (0 <= storage.max_error < math.inf):
        raise BadRequest(f"--max-error {storage.max_error} cannot be used", "give 0 or more, in units of the values")


async def _deliver(delivery: Delivery, report: ProgressReport) -> PublishedLayer:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with open_platform() as platform:
        return await deliver(platform.pool, platform.store, platform.core, platform.control, delivery, on_event=report)


def show_layers(*, as_json: bool) -> int:
    """Print the published layers; return the exit status."""
    layers = asyncio.run(_list())
    if as_json:
        rows = [
            {"name": one.name, "kind": kind_of(one), "title": one.title, "bbox": one.bbox, "version": one.version}
            for one in layers
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    if not layers:
        print("no layer is published; publish one with `geopf ingest raster FILE --name NAME`")
        return 0
    width = max(len(one.name) for one in layers)
    for one in layers:
        west, south, east, north = one.bbox
        print(f"{one.name:<{width}}  {kind_of(one):<6}  {west:9.4f} {south:8.4f} {east:9.4f} {north:8.4f}  {one.title}")
    return 0


async def _list() -> tuple[PublishedLayer, ...]:
    async with open_platform() as platform:
        return await list_layers(platform.pool)


def remove(name: str) -> int:
    """Take a layer off and delete its data; return the exit status.

    Raises:
        LayerNotFound: No layer has this name.
    """
    asyncio.run(_remove(name))
    print(f"{name} is removed")
    return 0


async def _remove(name: str) -> None:
    async with open_platform() as platform:
        await remove_layer(platform.pool, platform.store, name)


def published_names() -> frozenset[str]:
    """Return the names of the published layers."""
    return frozenset(layer.name for layer in asyncio.run(_list()))
