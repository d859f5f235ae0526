"""What is told of a layer by its shards: a place that has data, and the values worth showing."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from core.layer import Bounds
from tiler.ingest.raster_profile import RasterProfile
from tiler.ingest.raster_view import limits_of, nearest_valid
from tiler.ingest.shard_make import ShardMade
from tiler.ingest.shard_read import ShardReader
from tiler.raster.grid import PixelGrid
from tiler.raster.picture import Samples

_FINE_PX, _COARSE_PX = 1024, 256
_LOOKED_AT = 9
"""Shards whose values are looked at."""


async def find_sample(
    reader: ShardReader, prefix: str, shards: Sequence[ShardMade], profile: RasterProfile, bbox: Bounds
) -> tuple[float, float]:
    """Return longitude and latitude of a valid pixel near the middle of the layer.

    Args:
        reader: Reads the shards.
        prefix: What their keys begin with, before a slash.
        shards: All of the finest tier.
        profile: How they are stored.
        bbox: West, south, east, north of the layer, degrees.

    Raises:
        InputRefused: No pixel is valid.
    """
    crs = shards[0].shard.tier.crs
    place = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    middle = place.transform((bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2, direction="INVERSE")
    nearest = min(shards, key=lambda one: _distance(one.shard.bounds, middle))
    key = [f"{prefix}/{nearest.name}"]
    grid = _grid(nearest, _FINE_PX)
    samples = await reader.samples(grid, key, profile.bands[:1], "nearest")
    if samples is None:  # a few pixels only
        grid = _grid(nearest, nearest.shard.size)
        samples = await reader.samples(grid, key, profile.bands[:1], "nearest")
    row, col = nearest_valid(
        _valid(samples, grid), (grid.north - middle[1]) / grid.cell_y - 0.5, (middle[0] - grid.west) / grid.cell_x - 0.5
    )
    lon, lat = place.transform(grid.west + (col + 0.5) * grid.cell_x, grid.north - (row + 0.5) * grid.cell_y)
    return float(lon), float(lat)


async def find_rescale(
    reader: ShardReader, prefix: str, shards: Sequence[ShardMade], profile: RasterProfile
) -> tuple[float, float] | None:
    """Return the values to show as black and white; None for what is shown as it is.

    Args:
        reader: Reads the shards.
        prefix: What their keys begin with, before a slash.
        shards: All of the finest tier.
        profile: How they are stored.
    """
    if profile.palette or (profile.dtype == "uint8" and profile.count >= 3):
        return None
    values = []
    for one in shards[:: -(-len(shards) // _LOOKED_AT)]:
        grid = _grid(one, _COARSE_PX)
        samples = await reader.samples(grid, [f"{prefix}/{one.name}"], profile.bands, "nearest")
        if samples is not None:
            values.append(samples.values[_valid(samples, grid)].ravel())
    found = np.concatenate(values) if values else np.empty(0, np.float32)
    return limits_of(found, profile.dtype) if found.size else None


def _grid(one: ShardMade, side: int) -> PixelGrid:
    west, south, _, north = one.shard.bounds
    cell = (north - south) / side
    return PixelGrid(one.shard.tier.crs, west, north, cell, cell, side, side)


def _distance(box: Bounds, point: tuple[float, float]) -> float:
    return math.hypot(max(box[0] - point[0], point[0] - box[2], 0.0), max(box[1] - point[1], point[1] - box[3], 0.0))


def _valid(samples: Samples | None, grid: PixelGrid) -> NDArray[np.bool_]:
    if samples is None:
        return np.zeros((grid.rows, grid.cols), np.bool_)
    if samples.values.dtype != np.uint8:
        there: NDArray[np.bool_] = ~np.isnan(samples.values).any(axis=2)
        return there
    return np.ones((grid.rows, grid.cols), np.bool_) if samples.valid is None else samples.valid > 0
