"""Producers' rasters become one Cloud-Optimized GeoTIFF, aligned on the Web Mercator tiles."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil

from core.errors import StoreFull
from core.job import JobSpec, Notice, Progress, Result
from core.layer import RasterSource
from core.open_store import given_or_own
from core.program import Emit
from core.storage import ObjectInfo, ObjectStore
from core.style_check import check_bands
from tiler.ingest.raster_as_is import store_as_is
from tiler.ingest.raster_grid import MERCATOR, RasterGrid, choose_grid
from tiler.ingest.raster_input import GDAL_ERRORS, RasterInput, look_at, union_box
from tiler.ingest.raster_mosaic import draw_mosaic
from tiler.ingest.raster_profile import RasterProfile, choose_profile
from tiler.ingest.raster_view import find_rescale, find_sample

_DRAWN, _CLOUD_OPTIMIZED, _CHECKED = 0.55, 0.85, 0.95
"""Share of the work that is done after each step."""

_WIDE_LEVELS = 4
"""Levels above the one where the layer is a tile wide that are still worth asking."""


def ingest_raster(spec: JobSpec, emit: Emit, store: ObjectStore | None = None) -> Result:
    """Make one layer of any number of rasters.

    Args:
        spec: What to do.
        emit: Told of progress and of what the producer should know.
        store: Where the COG goes; None for the platform's own store.

    Raises:
        InputRefused: An input cannot be taken.
        StoreFull: There is no room for the result.
    """
    emit(Progress(0.0, "looking at the files"))
    if spec.as_is:
        return store_as_is(spec, emit, store)
    inputs = tuple(look_at(path, spec.crs) for path in spec.inputs)
    profile, grid = choose_profile(inputs), choose_grid(inputs)
    check_bands(spec.styles, shown=profile.bands, count=profile.count)
    for one in inputs:
        _tell(one, spec, emit)
    drawn, made = Path(spec.scratch) / "drawn.tif", Path(spec.scratch) / f"{spec.name}.tif"
    draw_mosaic(inputs, grid, profile, drawn, lambda share: emit(Progress(share * _DRAWN, "drawing")))
    _write_cog(drawn, made, grid, profile, emit)
    drawn.unlink()
    _check(made, lambda share: emit(Progress(_CLOUD_OPTIMIZED + share * (_CHECKED - _CLOUD_OPTIMIZED), "checking")))
    emit(Progress(_CHECKED, "storing"))
    key = f"{spec.prefix}/{spec.name}.tif"
    info = asyncio.run(_store(store, key, made))
    with rasterio.open(made) as dataset:
        sample, rescale = find_sample(dataset, MERCATOR), find_rescale(dataset, profile.bands)
    return Result(
        source=RasterSource(
            href=key,
            bands=profile.bands,
            band_count=profile.count,
            dtype=profile.dtype,
            nodata=profile.nodata,
            rescale=rescale,
            resampling=spec.resampling or ("nearest" if profile.resampling == "nearest" else "bilinear"),
            min_zoom=max(0, grid.zoom - grid.reductions - _WIDE_LEVELS),
            max_zoom=grid.zoom,
        ),
        bbox=union_box(inputs),
        sample=sample,
        srs="EPSG:3857",
        size=info.size,
        objects=(key,),
    )


def _tell(one: RasterInput, spec: JobSpec, emit: Emit) -> None:
    name = Path(one.path).name
    if one.gcps:
        emit(Notice(f"{name} is placed by its ground control points with a least-squares affine"))
    if spec.crs:
        emit(Notice(f"{name} is taken to be in {spec.crs}, as declared"))


def _write_cog(drawn: Path, made: Path, grid: RasterGrid, profile: RasterProfile, emit: Emit) -> None:
    """Turn the drawn GeoTIFF into a COG of 256 px blocks with an overview for each reduction."""
    options: dict[str, Any] = {
        **profile.compression,
        "BLOCKSIZE": 256,
        "OVERVIEWS": "AUTO",
        "OVERVIEW_COUNT": max(grid.reductions, 1),
        "OVERVIEW_RESAMPLING": "NEAREST" if profile.resampling == "nearest" else "AVERAGE",
        "SPARSE_OK": "YES",
        "BIGTIFF": "IF_SAFER",
        "NUM_THREADS": 2,
    }
    with _heartbeat(emit):
        try:
            rasterio.shutil.copy(drawn, made, driver="COG", **options)
        except GDAL_ERRORS as err:
            raise StoreFull(
                f"the COG could not be written ({' '.join(str(err).split())[:200]})", "free disk space and try again"
            ) from err


@contextmanager
def _heartbeat(emit: Emit) -> Iterator[None]:
    """Tell twice a second that GDAL is still at work: it gives no progress of its own."""
    ended = threading.Event()

    def beat() -> None:
        beats = 0
        while not ended.wait(0.5):
            beats += 1
            share = 1.0 - 1.0 / (1.0 + beats / 20.0)
            emit(Progress(_DRAWN + share * (_CLOUD_OPTIMIZED - _DRAWN), "writing the COG and its overviews"))

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _check(made: Path, on_progress: Callable[[float], None]) -> None:
    """Read back every block: a full disk can go unnoticed while writing.

    Raises:
        StoreFull: A block is not there.
    """
    with rasterio.open(made) as dataset:
        rows = range(0, dataset.height, 256)
        try:
            for done, row in enumerate(rows, start=1):
                window = ((row, min(row + 256, dataset.height)), (0, dataset.width))
                dataset.read(1, window=window)
                if done % 8 == 0:
                    on_progress(done / len(rows))
        except GDAL_ERRORS as err:
            raise StoreFull(f"{made.name} was not written whole", "free disk space and try again") from err


async def _store(store: ObjectStore | None, key: str, path: Path) -> ObjectInfo:
    async with given_or_own(store) as target:
        return await target.put_file(key, path)
