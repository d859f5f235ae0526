"""Cloud-Optimized GeoTIFFs stored without a change: one file, or many that an index finds."""

import asyncio
import math
from pathlib import Path, PurePosixPath

import msgspec
import pyproj
import rasterio
from rasterio.crs import CRS

from core.errors import BadSource, InputRefused
from core.job import JobSpec, Progress, Result
from core.layer import RasterSource
from core.open_store import given_or_own
from core.program import Emit
from core.storage import ObjectStore
from tiler.ingest.raster_grid import mercator_cell
from tiler.ingest.raster_input import RasterInput, look_at, union_box
from tiler.ingest.raster_view import find_rescale, find_sample
from tiler.matrix import tile_matrix_set
from tiler.raster.directory import load
from tiler.raster.header import START_BYTES, why_fallback
from tiler.raster.mosaic import build_index
from tiler.raster.tiff import Tiff

_ALONE_PX = 2048
"""Side of the largest image that needs no overview."""

_UPLOADS = 4
"""Files stored at a time."""

_WIDE_LEVELS = 4
"""Levels above the one where the layer is a tile wide that are still worth asking."""

_INDEX_LEVELS = 5
"""Levels that a mosaic is shown above the coarsest overview of its files."""


def store_as_is(spec: JobSpec, emit: Emit, store: ObjectStore | None) -> Result:
    """Make one layer of files that stay as they are.

    Args:
        spec: What to do; `spec.inputs` gives the most important file first.
        emit: Told of the progress.
        store: Where the files go; None for the platform's own store.

    Raises:
        InputRefused: A file is no COG that the engine serves by itself, or they do not fit together.
        StoreFull: There is no room.
    """
    inputs = tuple(look_at(path, spec.crs) for path in spec.inputs)
    directories = [asyncio.run(_read(Path(path))) for path in spec.inputs]
    for one, tiff in zip(inputs, directories, strict=True):
        _check(one, tiff, inputs[0], declared=bool(spec.crs))
    names = _names(spec)
    keys = tuple(f"{spec.prefix}/{name}" for name in names)
    boxes = [tiff.bounds() for tiff in directories]
    crs = spec.crs or directories[0].crs
    index_key = f"{spec.prefix}/{spec.name}.index.msgpack"
    index = b"" if len(keys) == 1 else msgspec.msgpack.encode(build_index(crs, keys, boxes))
    size = asyncio.run(_store(store, spec, keys, index_key, index, emit))
    first = directories[0].levels[0]
    bands = (1, 2, 3) if first.bands - (first.alpha >= 0) >= 3 else (1,)
    with rasterio.open(inputs[0].path) as dataset:
        sample = find_sample(dataset, CRS.from_wkt(inputs[0].crs))
        rescale = None if inputs[0].palette else find_rescale(dataset, bands)
    low, high = _zooms(inputs, directories)
    return Result(
        source=RasterSource(
            href=keys[0] if len(keys) == 1 else index_key,
            files=len(keys),
            bands=bands,
            dtype=first.dtype,
            nodata=directories[0].nodata,
            rescale=rescale,
            crs=spec.crs,
            resampling=spec.resampling or ("nearest" if inputs[0].palette else "bilinear"),
            min_zoom=low,
            max_zoom=high,
        ),
        bbox=union_box(inputs),
        sample=sample,
        srs=crs,
        size=size,
        objects=keys if len(keys) == 1 else (*keys, index_key),
    )


async def _read(path: Path) -> Tiff:
    with path.open("rb") as file:

        async def read(offset: int, length: int) -> bytes:
            file.seek(offset)
            return file.read(length)

        try:
            return await load(file.read(START_BYTES), read)
        except BadSource as err:
            raise InputRefused(f"{path.name} cannot be stored as it is: {err.message}", "leave out --as-is") from err


def _check(one: RasterInput, tiff: Tiff, first: RasterInput, *, declared: bool) -> None:
    name = PurePosixPath(one.path).name
    remedy = "leave out --as-is, or make it a COG with gdal_translate -of COG"
    reason = why_fallback(tiff)
    if reason:
        raise InputRefused(f"{name} cannot be stored as it is: {reason}", remedy)
    if not (tiff.crs or declared):
        raise InputRefused(f"{name} cannot be stored as it is: its CRS has no code", "declare it, as --crs EPSG:2154")
    size, end = Path(one.path).stat().st_size, _end(tiff)
    if end > size:
        raise InputRefused(
            f"{name} is cut off: it lists blocks up to byte {end} and has {size} bytes", "get the file again"
        )
    full = tiff.levels[0]
    if len(tiff.levels) == 1 and max(full.width, full.height) > _ALONE_PX:
        raise InputRefused(f"{name} has no overviews", remedy)
    if one.dtypes != first.dtypes or pyproj.CRS.from_wkt(one.crs) != pyproj.CRS.from_wkt(first.crs):
        raise InputRefused(
            f"{name} has other bands or another CRS than {PurePosixPath(first.path).name}",
            "give files of one kind to a layer",
        )


def _end(tiff: Tiff) -> int:
    """Return the byte after the last one of any block."""
    parts = [*tiff.levels, *(mask for mask in tiff.masks if mask is not None)]
    there = [(one.offsets[one.counts > 0], one.counts[one.counts > 0]) for one in parts]
    return max((int((offsets + counts).max()) for offsets, counts in there if offsets.size), default=0)


def _names(spec: JobSpec) -> list[str]:
    """Return the names of the objects: those of the files, numbered where two files have one name."""
    names = [f"{PurePosixPath(path).stem}.tif" for path in spec.inputs]
    return names if len(set(names)) == len(names) else [f"{number:06}-{name}" for number, name in enumerate(names)]


async def _store(
    store: ObjectStore | None, spec: JobSpec, keys: tuple[str, ...], index_key: str, index: bytes, emit: Emit
) -> int:
    """Store the files and their index; return the bytes of all."""
    done = 0
    places = asyncio.Semaphore(_UPLOADS)
    async with given_or_own(store) as target:

        async def put(key: str, path: str) -> int:
            nonlocal done
            async with places:
                info = await target.put_file(key, Path(path))
            done += 1
            emit(Progress(0.05 + 0.9 * done / len(keys), "storing"))
            return info.size

        sizes = await asyncio.gather(*(put(key, path) for key, path in zip(keys, spec.inputs, strict=True)))
        if index:
            await target.put(index_key, index)
    return sum(sizes) + len(index)


def _zooms(inputs: tuple[RasterInput, ...], directories: list[Tiff]) -> tuple[int, int]:
    """Return the first and last Web Mercator level worth asking."""
    levels = tile_matrix_set("PM").matrices
    top = levels[0].cell_size
    finest = min(mercator_cell(one) for one in inputs)
    high = min(max(round(math.log2(top / finest)), 0), len(levels) - 1)
    if len(inputs) == 1:
        full = directories[0].levels[0]
        return max(0, high - math.ceil(math.log2(max(full.width, full.height) / 256 + 1)) - _WIDE_LEVELS), high
    reductions = min(len(tiff.levels) for tiff in directories) - 1
    return max(0, high - reductions - _INDEX_LEVELS), high
