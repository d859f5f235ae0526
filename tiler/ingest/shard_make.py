"""Making one shard: copied from an earlier job, drawn from the inputs, or reduced from the shards below it."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from core.errors import ObjectNotFound
from core.layer import Resampling
from core.open_store import given_or_own
from core.storage import ObjectStore
from tiler.ingest.pyramid import Shard, tiles_over
from tiler.ingest.raster_input import RasterInput
from tiler.ingest.raster_profile import RasterProfile
from tiler.ingest.shard_draw import draw_shard
from tiler.ingest.shard_read import ShardReader
from tiler.ingest.shard_write import GDAL, ShardWriter
from tiler.raster.grid import PixelGrid
from tiler.raster.picture import Samples


class ShardTask(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to make one shard, anywhere."""

    shard: Shard
    name: str
    """Key of its object without the prefix."""
    prefix: str
    """What the keys of the job begin with, before a slash."""
    profile: RasterProfile
    scratch: str
    """Folder for intermediate files where it exists, else one of the system's."""
    reuse: tuple[str, ...] = ()
    """Keys of objects that are what would be made."""
    inputs: tuple[RasterInput, ...] = ()
    """What is drawn; empty for a shard made of others."""
    children: tuple[tuple[Shard, str], ...] = ()
    """Shards it is made of, with the keys of their objects."""


class ShardMade(msgspec.Struct, frozen=True):
    """A shard that is stored."""

    shard: Shard
    name: str
    size: int
    """Bytes."""
    reused: bool


def make_shard(task: ShardTask, store: ObjectStore | None = None) -> ShardMade | None:
    """Make a shard and store it; may be repeated. None when nothing lies in it.

    Raises:
        BadSource: A shard below it is damaged.
        InputRefused: The pixels of an input cannot be read.
        StoreFull: There is no room.
        Unavailable: The store does not answer.
    """
    with rasterio.Env(**GDAL):
        return asyncio.run(_make(task, store))


async def _make(task: ShardTask, store: ObjectStore | None) -> ShardMade | None:
    key = f"{task.prefix}/{task.name}"
    async with given_or_own(store) as target:
        for earlier in task.reuse:
            try:
                info = await target.copy(earlier, key)
            except ObjectNotFound:  # its job was tidied up meanwhile
                continue
            return ShardMade(task.shard, task.name, info.size, reused=True)
        scratch = task.scratch if Path(task.scratch).is_dir() else None
        with tempfile.TemporaryDirectory(dir=scratch, prefix="shard-") as folder:
            output = ShardWriter(task.shard, task.profile, Path(folder))
            try:
                if task.inputs:
                    draw_shard(task.inputs, task.shard, task.profile, output)
                else:
                    await _reduce(task, target, output)
                made = output.finish()
                if made is None:
                    return None
                info = await target.put_file(key, made)
            finally:
                output.close()
    return ShardMade(task.shard, task.name, info.size, reused=False)


async def _reduce(task: ShardTask, store: ObjectStore, output: ShardWriter) -> None:
    """Write the tiles of a shard's finest level from the overviews of those below."""
    shard, profile = task.shard, task.profile
    matrix = shard.tier.matrices[0]
    side = matrix.tile_size
    west, _, _, north = shard.bounds
    reader = ShardReader(store, profile, shard.tier.crs)
    bands = tuple(range(1, profile.count + 1))
    try:
        for col, row in tiles_over(shard, [child for child, _ in task.children]):
            grid = PixelGrid(
                crs=shard.tier.crs,
                west=west + col * side * matrix.cell_size,
                north=north - row * side * matrix.cell_size,
                cell_x=matrix.cell_size,
                cell_y=matrix.cell_size,
                cols=side,
                rows=side,
            )
            below = [key for child, key in task.children if _meet(child, grid)]
            how: Resampling = "nearest" if profile.resampling == "nearest" else "average"
            samples = await reader.samples(grid, below, bands, how)
            if samples is not None:
                output.write(*_stored(samples, profile), Window(col * side, row * side, side, side))
    finally:
        reader.close()


def _meet(child: Shard, grid: PixelGrid) -> bool:
    one, other = child.bounds, grid.bounds
    hair = 1e-6 * grid.cell_x
    return (
        one[0] < other[2] - hair and other[0] + hair < one[2] and one[1] < other[3] - hair and other[1] + hair < one[3]
    )


def _stored(samples: Samples, profile: RasterProfile) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return samples as they are stored, shape (bands, rows, cols), and where there are some."""
    values = np.moveaxis(samples.values, 2, 0)
    if values.dtype == np.uint8:
        valid = samples.valid if samples.valid is not None else np.full(values.shape[1:], 255, np.uint8)
        return np.ascontiguousarray(values), np.where(valid > 0, np.uint8(255), np.uint8(0))
    there = ~np.isnan(values).any(axis=0)
    dtype = np.dtype(profile.dtype)
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(np.nan_to_num(values)), limits.min, limits.max)
    filled = np.where(there, values, 0 if profile.nodata is None else profile.nodata).astype(dtype)
    return filled, there.astype(np.uint8) * np.uint8(255)
