"""Cloud-Optimized GeoTIFFs stored without a change: one file, or many that an index finds."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np
import rasterio
from rasterio.crs import CRS

from core.errors import InputRefused
from core.job import JobSpec, Progress, Result
from core.layer import RasterSource
from core.open_store import given_or_own
from core.program import Emit
from core.storage import ObjectStore
from core.style_check import check_bands
from tiler.ingest.raster_extent import degree_boxes, finest_cell, union
from tiler.ingest.raster_folder import list_rasters
from tiler.ingest.raster_input import look_at
from tiler.ingest.raster_look import Looked, look_at_all
from tiler.ingest.raster_view import find_rescale, find_sample
from tiler.matrix import tile_matrix_set
from tiler.raster.mosaic import build_index

_UPLOADS = 16
"""Files stored at a time."""

_LOOKED, _STORED = 0.2, 0.95
"""Share of the work that is done after each step."""

_STEP = 0.002
"""Share of the work after which progress is told again."""

_NAMED = 1000
"""Most objects that a result names one by one."""

_WIDE_LEVELS = 4
"""Levels above the one where the layer is a tile wide that are still worth asking."""

_INDEX_LEVELS = 5
"""Levels that a mosaic is shown above the coarsest overview of its files."""


def store_as_is(spec: JobSpec, emit: Emit, store: ObjectStore | None) -> Result:
    """Make one layer of files that stay as they are.

    Args:
        spec: What to do; `spec.inputs` gives the most important file first, or folders of files.
        emit: Told of the progress.
        store: Where the files go; None for the platform's own store.

    Raises:
        InputRefused: A file is no COG that the engine serves by itself, or they do not fit together.
        StoreFull: There is no room.
    """
    paths = list_rasters(spec.inputs, emit)
    first = look_at(paths[0], spec.crs)
    told = _Told(emit)
    looked = look_at_all(paths, spec.crs, lambda done: told.tell(_LOOKED * done / len(paths), "looking at the files"))
    crs = spec.crs or looked[0].crs
    boxes = np.array([one.box for one in looked], np.float64)
    degrees = _on_the_map(crs, boxes, looked)
    keys = [f"{spec.prefix}/{name}" for name in _names(paths)]
    index_key = f"{spec.prefix}/{spec.name}.index.msgpack"
    bands = (1, 2, 3) if looked[0].bands - looked[0].alpha >= 3 else (1,)
    check_bands(spec.styles, shown=bands, count=looked[0].bands)
    index = b"" if len(keys) == 1 else msgspec.msgpack.encode(build_index(crs, keys, boxes.tolist()))
    size = asyncio.run(_store(store, list(zip(keys, paths, strict=True)), index_key, index, told))
    with rasterio.open(first.path) as dataset:
        sample = find_sample(dataset, CRS.from_wkt(first.crs))
        rescale = None if first.palette else find_rescale(dataset, bands)
    low, high = _zooms(looked, finest_cell(crs, boxes, np.array([(one.cell_x, one.cell_y) for one in looked])))
    named = keys if len(keys) == 1 else [*keys, index_key]
    return Result(
        source=RasterSource(
            href=keys[0] if len(keys) == 1 else index_key,
            files=len(keys),
            bands=bands,
            band_count=looked[0].bands,
            dtype=looked[0].dtype,
            nodata=looked[0].nodata,
            rescale=rescale,
            crs=spec.crs,
            resampling=spec.resampling or ("nearest" if first.palette else "bilinear"),
            min_zoom=low,
            max_zoom=high,
        ),
        bbox=union(degrees),
        sample=sample,
        srs=crs,
        size=size,
        objects=tuple(named) if len(named) <= _NAMED else (f"{spec.prefix}/",),
    )


class _Told:
    """Tells of progress, and not of every file."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._last = -1.0

    def tell(self, done: float, step: str) -> None:
        """Tell how far the work is, from 0 to 1, if it is worth telling."""
        if done - self._last >= _STEP:
            self._last = done
            self._emit(Progress(done, step))


def _on_the_map(crs: str, boxes: np.ndarray, looked: Sequence[Looked]) -> np.ndarray:
    """Return the files' boxes in degrees, shape (n, 4)."""
    degrees = degree_boxes(crs, boxes)
    inside = (degrees[:, 0] < degrees[:, 2]) & (degrees[:, 1] < degrees[:, 3])  # not where nothing is a number
    if not inside.all():
        one = looked[int(np.argmin(inside))]
        raise InputRefused(
            f"{PurePosixPath(one.path).name} lies outside Web Mercator (bounds {one.box})",
            "check its CRS or declare --crs",
        )
    return degrees


def _names(paths: Sequence[str]) -> list[str]:
    """Return the names of the objects: those of the files, numbered where two files have one name."""
    names = [f"{PurePosixPath(path).stem}.tif" for path in paths]
    return names if len(set(names)) == len(names) else [f"{number:06}-{name}" for number, name in enumerate(names)]


async def _store(
    store: ObjectStore | None, files: Sequence[tuple[str, str]], index_key: str, index: bytes, told: _Told
) -> int:
    """Store files, key and path of each, and their index; return the bytes of all."""
    waiting = iter(files)
    sizes: list[int] = []
    async with given_or_own(store) as target:

        async def put() -> None:
            for key, path in waiting:
                sizes.append((await target.put_file(key, Path(path))).size)
                told.tell(_LOOKED + (_STORED - _LOOKED) * len(sizes) / len(files), "storing")

        await asyncio.gather(*(put() for _ in range(min(_UPLOADS, len(files)))))
        if index:
            await target.put(index_key, index)
    return sum(sizes) + len(index)


def _zooms(looked: Sequence[Looked], finest: float) -> tuple[int, int]:
    """Return the first and last Web Mercator level worth asking of files whose smallest pixels are `finest` metres."""
    levels = tile_matrix_set("PM").matrices
    high = min(max(round(math.log2(levels[0].cell_size / finest)), 0), len(levels) - 1)
    if len(looked) == 1:
        side = max(looked[0].width, looked[0].height)
        return max(0, high - math.ceil(math.log2(side / 256 + 1)) - _WIDE_LEVELS), high
    return max(0, high - min(one.reductions for one in looked) - _INDEX_LEVELS), high
