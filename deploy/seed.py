"""`geopf seed`: an archive of a published layer, made by the engine's own renderer in this process."""

import asyncio
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import msgspec

from core.cache import ByteCache
from core.errors import BadRequest, Conflict, LayerNotFound, ObjectNotFound
from core.job import Notice
from core.job import Progress as ProgressEvent
from core.layer import Bounds, PublishedLayer, TiledSource
from core.open_store import open_store
from core.s3_settings import gdal_environment, s3_settings
from core.settings import CoreSettings, read_settings
from core.snapshot import MANIFEST_KEY, decode_layers, decode_manifest
from core.storage import ObjectReader
from deploy.progress import ProgressReport
from tiler.app import create_renderer
from tiler.archive.about import form_of
from tiler.archive.mbtiles import write_mbtiles
from tiler.archive.seed import AHEAD, SeedPlan, SeedProgress, about_seed, effort_of, plan_seed, seed_tiles
from tiler.archive.spool import Spool
from tiler.archive.write_pmtiles import Written, write_pmtiles
from tiler.pool import RenderPool
from tiler.renderer import TileKey
from tiler.settings import TilerSettings

_PLAN = "plan.json"
_MADE = 0.95
"""Share of the work that is done when all tiles are made."""

_INTERVAL_S, _QUIET_INTERVAL_S = 0.5, 10.0
"""Seconds between two reports on a terminal, and elsewhere."""


class SeedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asks; what is left out is chosen for the layer."""

    layer: str
    tms: str = "PM"
    zooms: tuple[int, int] | None = None
    """First and last level."""
    bbox: Bounds | None = None
    """West, south, east, north, degrees."""
    extension: str = ""
    style: str = ""
    quality: int = 0
    output: str = ""
    """Path of the archive; empty for the layer's name with `.pmtiles`."""
    jobs: int = 0
    """Tiles made at a time; 0 for one a core."""
    replace: bool = False
    """Whether an archive that exists may be replaced."""


def seed(request: SeedRequest) -> int:
    """Make an archive, or go on with one that was begun; return the exit status.

    Raises:
        BadRequest: What is asked cannot be made.
        Conflict: The output exists, or another program is making it.
        LayerNotFound: No such layer is published.
    """
    output = Path(request.output or f"{request.layer}.pmtiles").absolute()
    form_of(str(output))
    if output.exists() and not request.replace:
        raise Conflict(f"{output} exists", "remove it, give another --output, or add --replace")
    if not output.parent.is_dir():
        raise BadRequest(f"{output.parent} is not a folder", "make it first")
    try:
        written = asyncio.run(_seed(request, output))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print(f"geopf: interrupted; the same command goes on from {part_folder(output)}", file=sys.stderr)
        return 130
    print(
        f"{output}: {written.tiles} tiles, {written.contents} of them different, {written.size / 1e6:.1f} MB",
        file=sys.stderr,
    )
    return 0


def part_folder(output: Path) -> Path:
    """Return the folder beside an archive that holds what is made of it so far."""
    return output.with_name(f"{output.name}.part")


async def _seed(request: SeedRequest, output: Path) -> Written:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    settings = read_settings(CoreSettings)
    store = open_store(settings)
    if settings.storage_url.startswith("s3://"):
        os.environ.update(gdal_environment(s3_settings(os.environ)))  # GDAL takes these from nowhere else
    try:
        layer = await _published(store, request.layer)
        plan = plan_seed(
            layer,
            tms=request.tms,
            zooms=request.zooms,
            bbox=request.bbox,
            extension=request.extension,
            style=request.style,
            quality=request.quality,
        )
        with ProgressReport(layer.name) as report, Spool(part_folder(output)) as spool:
            _take_up(spool, plan, report)
            await _make_tiles(store, layer, plan, spool, request.jobs or os.cpu_count() or 1, report)
            if not spool.tiles:
                shutil.rmtree(spool.folder)
                raise BadRequest(f"{layer.name} has no tile at the levels and in the box asked for", "ask for others")
            return await asyncio.to_thread(_write, spool, output, layer, plan, report)
    finally:
        await store.close()


async def _published(store: ObjectReader, name: str) -> PublishedLayer:
    """Return a layer as the engines serve it."""
    try:
        found = await store.get(MANIFEST_KEY)
    except ObjectNotFound as err:
        raise LayerNotFound(f"{name} is not published: nothing is", "publish it with `geopf ingest`") from err
    assert found is not None, "without a condition the object comes"
    for part in decode_manifest(found.data).parts:
        stored = await store.get(part.key) if part.kind == "layers" else None
        for layer in decode_layers(part, stored.data) if stored is not None else ():
            if layer.name == name:
                if not isinstance(layer.source, TiledSource):
                    raise LayerNotFound(f"{name} is a point cloud and has no tiles", "seed a raster or vector layer")
                return layer
    raise LayerNotFound(f"no layer is named {name[:140]!r}", "geopf layers lists the layers")


def _take_up(spool: Spool, plan: SeedPlan, report: ProgressReport) -> None:
    """Go on with tiles of the same plan, forget those of another."""
    path = spool.folder / _PLAN
    wanted = msgspec.json.encode(plan)
    before = path.read_bytes() if path.exists() else b""
    if before != wanted:
        if spool.tiles + spool.blank:
            report(Notice("the layer or the options are not those of the run before: beginning anew"))
        spool.clear()
        path.write_bytes(wanted)
    elif spool.tiles + spool.blank:
        report(Notice(f"going on after {spool.tiles + spool.blank} tiles of the run before"))


async def _make_tiles(
    store: ObjectReader, layer: PublishedLayer, plan: SeedPlan, spool: Spool, jobs: int, report: ProgressReport
) -> None:
    pool = RenderPool(jobs, AHEAD * jobs)
    cache: ByteCache[TileKey] = ByteCache(1)  # each tile is made once
    renderer = create_renderer(store, pool, cache, read_settings(TilerSettings), effort_of(plan))
    interval = _INTERVAL_S if sys.stderr.isatty() else _QUIET_INTERVAL_S
    told = 0.0

    def tell(progress: SeedProgress) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < interval and progress.done < progress.total:
            return
        told = now
        step = f"{progress.done} of {progress.total} tiles, {progress.per_second:.0f}/s, {_time(progress.left_s)} left"
        report(ProgressEvent(_MADE * progress.done / progress.total, step))

    try:
        await seed_tiles(renderer, layer, plan, spool, jobs=jobs, on_progress=tell)
    finally:
        spool.flush()
        pool.close()


def _write(spool: Spool, output: Path, layer: PublishedLayer, plan: SeedPlan, report: ProgressReport) -> Written:
    write = write_pmtiles if form_of(str(output)) == "pmtiles" else write_mbtiles
    steps: set[int] = set()

    def tell(share: float) -> None:
        percent = int(share * 100)
        if percent not in steps:
            steps.add(percent)
            report(ProgressEvent(_MADE + (1 - _MADE) * share, f"writing {output.name}"))

    written = write(spool, output, about_seed(layer, plan), tell)
    shutil.rmtree(spool.folder)
    return written


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
