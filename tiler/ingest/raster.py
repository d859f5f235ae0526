"""Producers' rasters become a pyramid of COGs whose blocks are tiles, one for each tile matrix set asked for."""

import asyncio
import math
from pathlib import Path

import numpy as np

from core.batch import BatchSettings, open_batch
from core.errors import InputRefused, TileMatrixSetNotFound
from core.job import MOST_NAMED, JobSpec, Notice, Progress, Result
from core.layer import RasterSource
from core.open_store import given_or_own
from core.program import Emit
from core.settings import read_settings
from core.storage import ObjectStore
from core.style_check import check_bands
from tiler.ingest.pyramid import extent_of, finest_level
from tiler.ingest.pyramid_make import MADE, Made, Workshop, make_pyramid
from tiler.ingest.raster_as_is import store_as_is
from tiler.ingest.raster_folder import RASTERS, list_rasters
from tiler.ingest.raster_input import RasterInput, look_at, open_dataset, union_box
from tiler.ingest.raster_profile import choose_profile, is_floating
from tiler.ingest.raster_view import small_view
from tiler.ingest.recipe import fingerprint
from tiler.ingest.shard_read import ShardReader
from tiler.ingest.shard_view import find_rescale, find_sample
from tiler.matrix import TileMatrixSet, tile_matrix_set

_WIDE_LEVELS = 4
"""Levels above the one where the layer is a tile wide that are still worth asking."""


def ingest_raster(spec: JobSpec, emit: Emit, store: ObjectStore | None = None) -> Result:
    """Make one layer of any number of rasters.

    Args:
        spec: What to do.
        emit: Told of progress and of what the producer should know.
        store: Where the objects go; None for the platform's own store.

    Raises:
        InputRefused: An input cannot be taken.
        StoreFull: There is no room for the result.
        Unavailable: The store, or the cluster that does the work, does not answer.
    """
    emit(Progress(0.0, "looking at the files"))
    if spec.as_is:
        return store_as_is(spec, emit, store)
    sets = [_set(identifier) for identifier in dict.fromkeys(spec.storage.tile_matrix_sets)]
    inputs = tuple(look_at(path, spec.crs) for path in list_rasters(spec.inputs, emit, RASTERS))
    profile = choose_profile(inputs, spec.storage, _span(inputs) if is_floating(inputs) else 0.0)
    check_bands(spec.styles, shown=profile.bands, count=profile.count)
    for one in inputs:
        _tell(one, spec, emit)
    if profile.encoding == "lerc" and profile.max_error and spec.storage.max_error is None:
        emit(Notice(f"values are kept to within {profile.max_error:g}; --max-error 0 keeps each as it is"))
    with open_batch(read_settings(BatchSettings)) as batch:
        workshop = Workshop(
            spec=spec,
            emit=emit,
            store=store,
            batch=batch,
            inputs=inputs,
            prints=tuple(fingerprint(one) for one in inputs),
            profile=profile,
            earlier=asyncio.run(_earlier(spec, store)),
        )
        made = [make_pyramid(workshop, tms, number / len(sets), 1 / len(sets)) for number, tms in enumerate(sets)]
    emit(Progress(MADE, "looking at what was made"))
    sample, rescale = asyncio.run(_look(workshop, made[0]))
    low, high = _zooms(inputs)
    first = made[0].pyramid
    named = tuple(key for one in made for key in one.keys)
    return Result(
        source=RasterSource(
            href=first.href,
            files=first.files,
            bands=profile.bands,
            band_count=profile.count,
            dtype=profile.dtype,
            nodata=profile.nodata,
            rescale=rescale,
            crs=first.crs,
            resampling=spec.resampling or ("nearest" if profile.resampling == "nearest" else "bilinear"),
            min_zoom=low,
            max_zoom=high,
            pyramids=tuple(one.pyramid for one in made),
        ),
        bbox=union_box(inputs),
        sample=sample,
        srs=first.crs,
        size=sum(one.size for one in made),
        objects=named if len(named) <= MOST_NAMED else (f"{spec.prefix}/",),
    )


async def _look(workshop: Workshop, made: Made) -> tuple[tuple[float, float], tuple[float, float] | None]:
    """Return a place that has data, and the values to show as black and white."""
    prefix, profile = workshop.spec.prefix, workshop.profile
    async with given_or_own(workshop.store) as target:
        reader = ShardReader(target, profile, made.pyramid.crs)
        try:
            sample = await find_sample(reader, prefix, made.finest, profile, union_box(workshop.inputs))
            return sample, await find_rescale(reader, prefix, made.finest, profile)
        finally:
            reader.close()


async def _earlier(spec: JobSpec, store: ObjectStore | None) -> dict[str, str]:
    """Return the objects of earlier jobs by their names without the prefix."""
    found: dict[str, str] = {}
    if spec.reuse:
        async with given_or_own(store) as target:
            for prefix in spec.reuse:
                async for one in target.list(f"{prefix}/"):
                    if one.key.endswith(".tif"):
                        found[one.key.removeprefix(f"{prefix}/")] = one.key
    return found


def _set(identifier: str) -> TileMatrixSet:
    try:
        return tile_matrix_set(identifier)
    except TileMatrixSetNotFound as err:
        raise InputRefused(err.message, "use PM, 2154_10cm or another of IGN's sets") from err


def _span(inputs: tuple[RasterInput, ...]) -> float:
    """Return the range of the values of the first input, as a small view shows them."""
    with open_dataset(inputs[0].path) as dataset:
        samples, valid, _ = small_view(dataset, (1,))
    values = samples[0][valid]
    values = values[np.isfinite(values)]
    return float(np.ptp(np.percentile(values, (2, 98)))) if values.size else 0.0


def _zooms(inputs: tuple[RasterInput, ...]) -> tuple[int, int]:
    """Return the first and last Web Mercator level worth asking."""
    tms = tile_matrix_set("PM")
    matrix = finest_level(tms, inputs)
    tiles = extent_of(tms, inputs) / (matrix.cell_size * matrix.tile_size)
    return max(0, int(matrix.id) - math.ceil(math.log2(max(tiles, 1.0))) - _WIDE_LEVELS), int(matrix.id)


def _tell(one: RasterInput, spec: JobSpec, emit: Emit) -> None:
    name = Path(one.path).name
    if one.gcps:
        emit(Notice(f"{name} is placed by its ground control points with a least-squares affine"))
    if spec.crs:
        emit(Notice(f"{name} is taken to be in {spec.crs}, as declared"))
