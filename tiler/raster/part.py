"""The part of a tile that comes from files of one pixel grid, and the blocks it takes.

Neighbouring files of a survey share one grid: they are put together before sampling, as one
image, so that there is no seam between them.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.errors import BadSource
from tiler.raster.blocks import BlockAddress
from tiler.raster.grid import Lattice, PixelGrid
from tiler.raster.header import RasterHeader
from tiler.raster.tiff import Tiff

KINDS = {"nearest": 0, "bilinear": 1, "cubic": 2, "average": 3}
"""Resampling by name, numbered as the kernels number it."""

MAX_BLOCKS = 1024
"""Blocks of one tile; more means that overviews are missing."""

SAME_PX = 0.01
"""How far pixels may lie from those of another grid and still be the same."""

_FINER = 1.1
"""A level is taken as long as its pixels are no more than this much larger than those of the tile."""


class Member(msgspec.Struct, frozen=True, gc=False, eq=False):
    """One level of one file, placed on the pixels of its part."""

    header: RasterHeader
    level: int
    col: int
    """Column of its first pixel."""
    row: int


class Part(msgspec.Struct, frozen=True, gc=False, eq=False, kw_only=True):
    """What is needed to paint from files of one grid, most important first."""

    members: tuple[Member, ...]
    x: NDArray[np.float64]
    """Columns of the tile's pixels on the grid of the part, at every `step`-th pixel."""
    y: NDArray[np.float64]
    step: int
    reduction: float
    """Pixels of the part per pixel of the tile."""
    aligned: bool
    """Pixels of the tile are pixels of the part."""
    window: tuple[int, int, int, int]
    """First column and row, and the ones after the last, that are needed and may have data."""
    wanted: tuple[tuple[int, BlockAddress], ...]
    """Blocks that meet the window, each with the index of its member."""


def level_for(tiff: Tiff, cell: float) -> int:
    """Return the coarsest level that is fine enough for pixels of `cell` units of the file's CRS."""
    assert tiff.placement is not None
    place, full = tiff.placement, tiff.levels[0]
    chosen = 0
    for index, level in enumerate(tiff.levels):
        size = (place.cell_x * full.width / level.width * abs(place.cell_y) * full.height / level.height) ** 0.5
        if size <= cell * _FINER:
            chosen = index
    return chosen


def plan_parts(
    grid: PixelGrid, places: Lattice, crs: str, headers: Sequence[RasterHeader], resampling: str
) -> list[Part]:
    """Return the parts of a tile, most important first; empty when no file has pixels in it.

    Args:
        grid: Pixels of the tile.
        places: Where they lie in the CRS of the files.
        crs: That CRS.
        headers: The files, most important first; all placed, none rotated.
        resampling: One of `KINDS`.

    Raises:
        BadSource: A file without overviews would have to be read nearly whole.
    """
    groups: list[tuple[tuple[Any, ...], list[Member]]] = []
    for header in headers:
        place_member(groups, header, level_for(header.tiff, places.cell))
    parts = [_part(grid, places, crs, origin, members, resampling) for origin, members in groups]
    return [part for part in parts if part is not None]


def place_member(groups: list[tuple[tuple[Any, ...], list[Member]]], header: RasterHeader, index: int) -> None:
    """Add a level of a file to the group whose grid it shares, or to one of its own (west, north, cells, kind)."""
    tiff = header.tiff
    assert tiff.placement is not None
    level, full, place = tiff.levels[index], tiff.levels[0], tiff.placement
    cell_x, cell_y = place.cell_x * full.width / level.width, place.cell_y * full.height / level.height
    kind = (level.bands, level.dtype == "uint8")
    for (west, north, other_x, other_y, other_kind), members in groups:
        col, row = (place.west - west) / cell_x, (north - place.north) / cell_y
        drift = max(
            abs(cell_x / other_x - 1) * (abs(col) + level.width), abs(cell_y / other_y - 1) * (abs(row) + level.height)
        )
        if kind == other_kind and max(drift, abs(col - round(col)), abs(row - round(row))) <= SAME_PX:
            members.append(Member(header, index, round(col), round(row)))
            return
    groups.append(((place.west, place.north, cell_x, cell_y, kind), [Member(header, index, 0, 0)]))


def _part(
    grid: PixelGrid, places: Lattice, crs: str, origin: tuple[Any, ...], members: list[Member], resampling: str
) -> Part | None:
    west, north, cell_x, cell_y, _ = origin
    x, y = (places.x - west) / cell_x, (north - places.y) / cell_y
    reduction = max(places.cell / (cell_x * abs(cell_y)) ** 0.5, 1.0)
    aligned = crs == grid.crs and _is_aligned(grid, x, y, cell_x, cell_y)
    if not (reduction > 2.0 or resampling == "average"):
        reduction = 1.0
    window = _window(
        _extent(grid, x, y, aligned=aligned, reach=int(max(KINDS[resampling], 1) * reduction) + 1), members
    )
    if window is None:
        return None
    wanted = tuple((index, address) for index, member in enumerate(members) for address in _blocks(member, window))
    if not wanted:
        return None
    return Part(
        members=tuple(members),
        x=x,
        y=y,
        step=places.step,
        reduction=reduction,
        aligned=aligned,
        window=window,
        wanted=wanted,
    )


def _extent(
    grid: PixelGrid, x: NDArray[np.float64], y: NDArray[np.float64], *, aligned: bool, reach: int
) -> tuple[float, float, float, float]:
    """Return first column and row, and those after the last, of what the pixels of a tile see."""
    if aligned:
        col, row = round(float(x[0, 0]) - 0.5), round(float(y[0, 0]) - 0.5)
        return col, row, col + grid.cols, row + grid.rows
    low_x, low_y = float(np.fmin.reduce(x, axis=None)), float(np.fmin.reduce(y, axis=None))
    high_x, high_y = float(np.fmax.reduce(x, axis=None)), float(np.fmax.reduce(y, axis=None))
    return low_x - reach, low_y - reach, high_x + reach + 1, high_y + reach + 1


def _window(extent: tuple[float, float, float, float], members: Sequence[Member]) -> tuple[int, int, int, int] | None:
    """Return the whole pixels of an extent that a file may have, None when there are none."""
    levels = [member.header.tiff.levels[member.level] for member in members]
    first_col = max(extent[0], min(member.col for member in members))
    first_row = max(extent[1], min(member.row for member in members))
    end_col = min(extent[2], max(one.col + level.width for one, level in zip(members, levels, strict=True)))
    end_row = min(extent[3], max(one.row + level.height for one, level in zip(members, levels, strict=True)))
    if not (first_col < end_col and first_row < end_row):  # also where nothing is a number
        return None
    return math.floor(first_col), math.floor(first_row), math.floor(end_col), math.floor(end_row)


def _is_aligned(grid: PixelGrid, x: NDArray[np.float64], y: NDArray[np.float64], cell_x: float, cell_y: float) -> bool:
    off = max(abs(x[0, 0] - 0.5 - round(x[0, 0] - 0.5)), abs(y[0, 0] - 0.5 - round(y[0, 0] - 0.5)))
    drift = max(abs(grid.cell_x / cell_x - 1) * grid.cols, abs(grid.cell_y / cell_y - 1) * grid.rows)
    return bool(max(off, drift) <= SAME_PX)


def _blocks(member: Member, window: tuple[int, int, int, int]) -> list[BlockAddress]:
    header, level = member.header, member.header.tiff.levels[member.level]
    first_col = max(window[0] - member.col, 0) // level.block_width
    first_row = max(window[1] - member.row, 0) // level.block_height
    end_col = -(-min(window[2] - member.col, level.width) // level.block_width)
    end_row = -(-min(window[3] - member.row, level.height) // level.block_height)
    if (end_col - first_col) * (end_row - first_row) > MAX_BLOCKS:
        raise BadSource(
            f"{header.name} has no overview for this level: a tile would read it nearly whole", "store it as a COG"
        )
    return [
        BlockAddress(header.href, header.etag, member.level, col, row)
        for row in range(first_row, end_row)
        for col in range(first_col, end_col)
    ]
