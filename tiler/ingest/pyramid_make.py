"""A pyramid made: tier by tier, each of the one below it, its shards side by side."""

import asyncio
from collections.abc import Sequence
from functools import partial

import msgspec

from core.batch import Batch
from core.errors import InputRefused
from core.job import JobSpec, Progress
from core.layer import Pyramid
from core.open_store import given_or_own
from core.program import Emit
from core.storage import ObjectStore
from tiler.ingest.pyramid import Shard, Tier, cut_tiers, extent_of, finest_level, parents_of, shards_of
from tiler.ingest.raster_input import RasterInput
from tiler.ingest.raster_profile import RasterProfile
from tiler.ingest.recipe import drawn_name, reduced_name
from tiler.ingest.shard_make import ShardMade, ShardTask, make_shard
from tiler.matrix import TileMatrixSet
from tiler.raster.mosaic import MosaicIndex, build_tier

LOOKED_AT, MADE = 0.02, 0.97
"""Share of a job that is done before and after its pyramids are made."""


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


def make_pyramid(workshop: Workshop, tms: TileMatrixSet, start: float, share: float) -> Made:
    """Make the tiers of one set and store the index that finds their shards.

    Args:
        workshop: What is to be made, and where.
        tms: The set.
        start: Share of the layer's pyramids that is made already.
        share: Share that this one is.

    Raises:
        InputRefused: The pixels of an input cannot be read, or none is there.
        StoreFull: There is no room for the result.
        Unavailable: The store, or the cluster that does the work, does not answer.
    """
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
            step = f"{what}: {number} of {len(tasks)} pieces{kept}"
            workshop.emit(Progress(LOOKED_AT + part * (MADE - LOOKED_AT), step))
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
