"""Producers' rasters become a pyramid of COGs whose blocks are tiles, one for each tile matrix set asked for."""

import asyncio
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from core.batch import Batch, BatchSettings, open_batch
from core.errors import InputRefused, TileMatrixSetNotFound
from core.job import JobSpec, Notice, Progress, Result
from core.layer import Pyramid, RasterSource
from core.open_store import given_or_own
from core.program import Emit
from core.settings import read_settings
from core.storage import ObjectStore
from core.style_check import check_bands
from tiler.ingest.pyramid import Shard, Tier, cut_tiers, extent_of, finest_level, parents_of, shards_of
from tiler.ingest.raster_as_is import store_as_is
from tiler.ingest.raster_input import RasterInput, look_at, open_dataset, union_box
from tiler.ingest.raster_profile import RasterProfile, choose_profile, is_floating
from tiler.ingest.raster_view import small_view
from tiler.ingest.recipe import drawn_name, fingerprint, reduced_name
from tiler.ingest.shard_make import ShardMade, ShardTask, make_shard
from tiler.ingest.shard_read import ShardReader
from tiler.ingest.shard_view import find_rescale, find_sample
from tiler.matrix import TileMatrixSet, tile_matrix_set
from tiler.raster.mosaic import MosaicIndex, build_tier

_LOOKED_AT, _MADE = 0.02, 0.97
"""Share of the work that is done after each step."""

_WIDE_LEVELS = 4
"""Levels above the one where the layer is a tile wide that are still worth asking."""


class Made(msgspec.Struct, frozen=True):
    """A pyramid that is stored."""

    pyramid: Pyramid
    finest: tuple[ShardMade, ...]
    """Shards of the finest tier."""
    keys: tuple[str, ...]
    """All objects."""
    size: int
    """Bytes of all objects."""


class Workshop(msgspec.Struct, frozen=True, kw_only=True):
    """What the making of every pyramid of a layer shares."""

    spec: JobSpec
    emit: Emit
    store: ObjectStore | None
    batch: Batch
    inputs: tuple[RasterInput, ...]
    prints: tuple[str, ...]
    """Fingerprint of each input."""
    profile: RasterProfile
    earlier: dict[str, str]
    """Objects of earlier jobs that may be copied, by name."""


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
    inputs = tuple(look_at(path, spec.crs) for path in spec.inputs)
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
        made = [_make_pyramid(workshop, tms, number / len(sets), 1 / len(sets)) for number, tms in enumerate(sets)]
    emit(Progress(_MADE, "looking at what was made"))
    sample, rescale = asyncio.run(_look(workshop, made[0]))
    low, high = _zooms(inputs)
    first = made[0].pyramid
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
        objects=tuple(key for one in made for key in one.keys),
    )


def _make_pyramid(workshop: Workshop, tms: TileMatrixSet, start: float, share: float) -> Made:
    """Make the tiers of one set, each of the one below it."""
    tiers = cut_tiers(tms, finest_level(tms, workshop.inputs), extent_of(tms, workshop.inputs))
    drawn = shards_of(tiers[0], workshop.inputs)
    expected, done = len(drawn) * 4 / 3 + len(tiers), 0
    stored: list[tuple[Tier, list[ShardMade]]] = []
    below: list[ShardMade] = []
    for tier in tiers:
        tasks = _drawn(workshop, tier, drawn) if tier is tiers[0] else _reduced(workshop, tier, below)
        what = f"{tms.id} level {tier.matrices[0].id}"
        made: list[ShardMade] = []
        for number, one in enumerate(workshop.batch.run(partial(make_shard, store=workshop.store), tasks), start=1):
            if one is not None:
                made.append(one)
            done += 1
            part = start + share * min(done / expected, 1.0)
            reused = sum(shard.reused for shard in made)
            kept = f", {reused} as before" if reused else ""
            workshop.emit(
                Progress(_LOOKED_AT + part * (_MADE - _LOOKED_AT), f"{what}: {number} of {len(tasks)} pieces{kept}")
            )
        if not made and tier is tiers[0]:
            raise InputRefused("every pixel is missing", "check the nodata value and the mask of the files")
        if not made:  # so far up the layer is less than a pixel
            break
        made.sort(key=lambda one: (one.shard.row, one.shard.col))
        stored.append((tier, made))
        below = made
    return asyncio.run(_finish(workshop, tms, stored))


def _drawn(workshop: Workshop, tier: Tier, places: dict[tuple[int, int], tuple[int, ...]]) -> list[ShardTask]:
    tasks = []
    for (col, row), indexes in places.items():
        shard = Shard(tier, col, row)
        name = drawn_name(shard, workshop.profile, (workshop.prints[index] for index in indexes))
        tasks.append(_task(workshop, shard, name, inputs=tuple(workshop.inputs[index] for index in indexes)))
    return tasks


def _reduced(workshop: Workshop, tier: Tier, below: Sequence[ShardMade]) -> list[ShardTask]:
    names = {(one.shard.col, one.shard.row): one.name for one in below}
    tasks = []
    for (col, row), children in parents_of(tier, [one.shard for one in below]).items():
        shard = Shard(tier, col, row)
        own = [names[child.col, child.row] for child in children]
        keys = tuple((child, f"{workshop.spec.prefix}/{name}") for child, name in zip(children, own, strict=True))
        tasks.append(_task(workshop, shard, reduced_name(shard, workshop.profile, own), children=keys))
    return tasks


def _task(
    workshop: Workshop,
    shard: Shard,
    name: str,
    *,
    inputs: tuple[RasterInput, ...] = (),
    children: tuple[tuple[Shard, str], ...] = (),
) -> ShardTask:
    spec = workshop.spec
    earlier = workshop.earlier.get(name)
    return ShardTask(
        shard=shard,
        name=name,
        prefix=spec.prefix,
        profile=workshop.profile,
        scratch=spec.scratch,
        reuse=() if earlier is None else (earlier,),
        inputs=inputs,
        children=children,
    )


async def _finish(workshop: Workshop, tms: TileMatrixSet, stored: Sequence[tuple[Tier, list[ShardMade]]]) -> Made:
    """Store the index of a pyramid."""
    prefix = workshop.spec.prefix
    shards = [one for _, made in stored for one in made]
    keys = tuple(f"{prefix}/{one.name}" for one in shards)
    size = sum(one.size for one in shards)
    if len(shards) == 1:
        pyramid = Pyramid(tms=tms.id, crs=tms.crs, href=keys[0], files=1)
        return Made(pyramid, tuple(shards), keys, size)
    tiers = tuple(
        build_tier(tier.matrices[0].cell_size, [one.name for one in made], [one.shard.bounds for one in made])
        for tier, made in stored
    )
    index = msgspec.msgpack.encode(MosaicIndex(tms.crs, f"{prefix}/", tiers))
    key = f"{prefix}/{tms.id}.index.msgpack"
    async with given_or_own(workshop.store) as target:
        await target.put(key, index)
    pyramid = Pyramid(tms=tms.id, crs=tms.crs, href=key, files=len(shards))
    return Made(pyramid, tuple(stored[0][1]), (*keys, key), size + len(index))


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
