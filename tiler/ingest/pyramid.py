"""How a pyramid is cut: levels of a tile matrix set in tiers, tiers in shards of 16 by 16 tiles.

A shard is one COG whose blocks are tiles. Its overviews are the tiles of the next coarser
levels, as far as the shard still ends on their edges; beyond, the next tier begins, made of the
coarsest overviews of the one below.
"""

import math
from collections.abc import Iterator, Sequence

import msgspec
from affine import Affine
from rasterio.crs import CRS

from core.errors import InputRefused
from core.layer import Bounds
from tiler.ingest.raster_grid import bounds_in, cell_in
from tiler.ingest.raster_input import RasterInput
from tiler.matrix import TileMatrix, TileMatrixSet, tile_limits

SHARD_TILES = 16
"""Tiles along each side of a shard at its finest level."""

MAX_SHARDS = 2_000_000
"""Shards of the finest tier: a whole country at 10 cm has about as many."""

_LEVELS = SHARD_TILES.bit_length()
"""Most levels of a shard: the last is one tile."""

_SMALL_PX = 64
"""Size of a layer, pixels, from which it needs no coarser tier."""

_SAME = 1e-7
"""How far the cells of two levels may be from doubling: a thousandth of a pixel over a shard."""


class Tier(msgspec.Struct, frozen=True):
    """Levels whose tiles lie in one row of shards."""

    tms: str
    crs: str
    matrices: tuple[TileMatrix, ...]
    """From fine to coarse; each has cells twice as large as the one before, on the same origin."""

    @property
    def side(self) -> float:
        """Width and height of a shard, units of the CRS."""
        return SHARD_TILES * self.matrices[0].tile_size * self.matrices[0].cell_size


class Shard(msgspec.Struct, frozen=True):
    """One COG of a tier."""

    tier: Tier
    col: int
    """Column among the shards of the tier, from the origin of its matrices."""
    row: int

    @property
    def size(self) -> int:
        """Width and height, pixels."""
        return SHARD_TILES * self.tier.matrices[0].tile_size

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north, units of the CRS."""
        matrix, side = self.tier.matrices[0], self.tier.side
        west, north = matrix.origin_x + self.col * side, matrix.origin_y - self.row * side
        return west, north - side, west + side, north

    @property
    def transform(self) -> Affine:
        """From column and row to easting and northing."""
        cell = self.tier.matrices[0].cell_size
        west, _, _, north = self.bounds
        return Affine(cell, 0.0, west, 0.0, -cell, north)


def cut_tiers(tms: TileMatrixSet, finest: TileMatrix, extent: float) -> tuple[Tier, ...]:
    """Return the tiers from a level upwards, fine to coarse.

    They end at the top of the set, or where the whole layer is a few pixels: any coarser
    tile is made of at most four blocks of the last tier.

    Args:
        tms: The set.
        finest: Level of the full resolution.
        extent: Width or height of the layer, whichever is more, units of the CRS.
    """
    left = list(tms.matrices[: tms.matrices.index(finest) + 1])
    tiers: list[Tier] = []
    while left and not (tiers and extent <= _SMALL_PX * tiers[-1].matrices[-1].cell_size):
        matrices = [left.pop()]
        while left and len(matrices) < _LEVELS and _doubles(matrices[-1], left[-1]):
            matrices.append(left.pop())
        tiers.append(Tier(tms.id, tms.crs, tuple(matrices)))
    return tuple(tiers)


def finest_level(tms: TileMatrixSet, inputs: Sequence[RasterInput]) -> TileMatrix:
    """Return the level whose pixels are nearest in size to the finest of the inputs.

    Raises:
        InputRefused: The CRS of the set has no place for an input.
    """
    crs = CRS.from_user_input(tms.crs)
    for one in inputs:
        bounds_in(one, crs)
    cell = min(cell_in(one, crs) for one in inputs)
    return min(tms.matrices, key=lambda matrix: abs(math.log(matrix.cell_size / cell)))


def extent_of(tms: TileMatrixSet, inputs: Sequence[RasterInput]) -> float:
    """Return width or height of all inputs together, whichever is more, units of the CRS of a set."""
    crs = CRS.from_user_input(tms.crs)
    boxes = [bounds_in(one, crs) for one in inputs]
    return max(
        max(box[2] for box in boxes) - min(box[0] for box in boxes),
        max(box[3] for box in boxes) - min(box[1] for box in boxes),
    )


def shards_of(tier: Tier, inputs: Sequence[RasterInput]) -> dict[tuple[int, int], tuple[int, ...]]:
    """Return the shards that inputs may have pixels in, by column and row, with the indexes of those inputs.

    Raises:
        InputRefused: There are too many, or the CRS has no place for an input.
    """
    crs, matrix = CRS.from_user_input(tier.crs), tier.matrices[0]
    found: dict[tuple[int, int], list[int]] = {}
    for index, one in enumerate(inputs):
        limits = tile_limits(matrix, bounds_in(one, crs))
        if limits is None:
            raise InputRefused(
                f"{one.path} lies outside tile matrix set {tier.tms}", "leave that set out, or check the CRS"
            )
        cols = range(limits.min_col // SHARD_TILES, limits.max_col // SHARD_TILES + 1)
        rows = range(limits.min_row // SHARD_TILES, limits.max_row // SHARD_TILES + 1)
        if len(found) + len(cols) * len(rows) > MAX_SHARDS:
            raise InputRefused(
                f"at level {matrix.id} of {tier.tms} the files would take over {MAX_SHARDS} pieces",
                "give files of very different resolution as layers of their own",
            )
        for row in rows:
            for col in cols:
                found.setdefault((col, row), []).append(index)
    return {place: tuple(indexes) for place, indexes in sorted(found.items())}


def parents_of(tier: Tier, children: Sequence[Shard]) -> dict[tuple[int, int], tuple[Shard, ...]]:
    """Return the shards of a tier that lie over shards of the tier below, by column and row, with those."""
    matrix, side = tier.matrices[0], tier.side
    found: dict[tuple[int, int], list[Shard]] = {}
    for child in children:
        west, south, east, north = child.bounds
        hair = 1e-6 * matrix.cell_size
        for row in _whole((matrix.origin_y - north + hair) / side, (matrix.origin_y - south - hair) / side):
            for col in _whole((west - matrix.origin_x + hair) / side, (east - matrix.origin_x - hair) / side):
                found.setdefault((col, row), []).append(child)
    return {place: tuple(below) for place, below in sorted(found.items())}


def tiles_over(shard: Shard, children: Sequence[Shard]) -> Iterator[tuple[int, int]]:
    """Yield column and row, within a shard, of the tiles of its finest level that lie over shards below."""
    matrix = shard.tier.matrices[0]
    side = matrix.tile_size * matrix.cell_size
    west, _, _, north = shard.bounds
    seen: set[tuple[int, int]] = set()
    for child in children:
        box = child.bounds
        hair = 1e-6 * matrix.cell_size
        for row in _whole((north - box[3] + hair) / side, (north - box[1] - hair) / side):
            for col in _whole((box[0] - west + hair) / side, (box[2] - west - hair) / side):
                if 0 <= col < SHARD_TILES and 0 <= row < SHARD_TILES:
                    seen.add((col, row))
    yield from sorted(seen)


def _whole(first: float, last: float) -> range:
    return range(math.floor(first), math.floor(last) + 1)


def _doubles(fine: TileMatrix, coarse: TileMatrix) -> bool:
    return abs(coarse.cell_size / fine.cell_size - 2.0) <= _SAME and (
        coarse.origin_x,
        coarse.origin_y,
        coarse.tile_size,
    ) == (fine.origin_x, fine.origin_y, fine.tile_size)
