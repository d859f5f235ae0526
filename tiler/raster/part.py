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
from tiler.raster.grid import FINER, Lattice, PixelGrid, same_crs
from tiler.raster.header import RasterHeader
from tiler.raster.tiff import Tiff

KINDS = {"nearest": 0, "bilinear": 1, "cubic": 2, "average": 3}
"""Resampling by name, numbered as the kernels number it."""

MAX_BLOCKS = 1024
"""Blocks of one tile; more means that overviews are missing."""

_PHASES = 65536
"""Parts of a pixel to which the place of a grid is known: enough for any file, too few to see how it was written."""

_NUDGE = 2.0**-20
"""Pixels that places are moved right and down: one on the edge of two pixels takes always the same, as GDAL's does."""

_SPARSE = 4
"""How many times the pixels of its members a part may have."""

SAME_PX = 0.01
"""How far pixels may lie from those of another grid and still be the same."""

LEAST_REDUCTION = {"bilinear": 1.067, "cubic": 1.0 / 0.95}
"""Pixels of the part per pixel of the tile from which on a kernel is stretched.

GDAL begins at 1/0.95. A bilinear kernel costs five times as much when it is stretched, and up to here, both ways,
the mean difference stays below 0.3 of 255 (0.32 at 1.073); that of a cubic one would be more (0.34 at 1.06).
"""

MAX_STRETCH = 9.0
"""Reduction above which all that a pixel covers is averaged: a wider kernel would cost more and show no more."""


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
    reductions: tuple[float, float]
    """By how much the resampling kernel is stretched along columns and rows, so that a coarser tile sees all pixels."""
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
        if size <= cell * FINER:
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
    return [part for origin, members in groups for part in _parts(grid, places, crs, origin, members, resampling)]


def place_member(groups: list[tuple[tuple[Any, ...], list[Member]]], header: RasterHeader, index: int) -> None:
    """Add a file to the group whose grid it shares, or to one of its own.

    A group is painted at once: a file joins none that is painted before a more important one that it overlaps.
    """
    tiff = header.tiff
    assert tiff.placement is not None
    level, full, place = tiff.levels[index], tiff.levels[0], tiff.placement
    cell_x, cell_y = place.cell_x * (full.width / level.width), place.cell_y * (full.height / level.height)
    kind = (level.bands, level.dtype == "uint8")
    for number, ((west, north, other_x, other_y, other_kind), members) in enumerate(groups):
        col, row = (place.west - west) / cell_x, (north - place.north) / cell_y
        drift = max(
            abs(cell_x / other_x - 1) * (abs(col) + level.width), abs(cell_y / other_y - 1) * (abs(row) + level.height)
        )
        same = kind == other_kind and max(drift, abs(col - round(col)), abs(row - round(row))) <= SAME_PX
        if same and not any(_overlap(header, one.header) for _, later in groups[number + 1 :] for one in later):
            members.append(Member(header, index, round(col), round(row)))
            return
    groups.append(((place.west, place.north, cell_x, cell_y, kind), [Member(header, index, 0, 0)]))


def _overlap(one: RasterHeader, other: RasterHeader) -> bool:
    box, other_box = one.tiff.bounds(), other.tiff.bounds()
    return box[0] < other_box[2] and other_box[0] < box[2] and box[1] < other_box[3] and other_box[1] < box[3]


def _parts(
    grid: PixelGrid, places: Lattice, crs: str, origin: tuple[Any, ...], members: list[Member], resampling: str
) -> list[Part]:
    west, north, cell_x, cell_y, _ = origin
    x = _pixels_from(west / cell_x, places.x / cell_x)
    y = -_pixels_from(north / cell_y, places.y / cell_y)
    x, y = x + _NUDGE, y + _NUDGE
    aligned = same_crs(crs, grid.crs) and _is_aligned(grid, x, y, cell_x, cell_y)
    reductions = places.cell_x / cell_x, places.cell_y / abs(cell_y)
    if resampling != "average" and max(reductions) <= MAX_STRETCH:
        reductions = _stretch(reductions[0], resampling), _stretch(reductions[1], resampling)
    reach = int(max(KINDS[resampling], 1) * max(*reductions, 1.0)) + 1
    extent = _extent(grid, x, y, aligned=aligned, reach=reach)
    parts = []
    for near in _clusters(members, extent, reach):
        window = _window(extent, near)
        if window is None:
            continue
        wanted = tuple((index, address) for index, member in enumerate(near) for address in _blocks(member, window))
        if wanted:
            parts.append(
                Part(
                    members=tuple(near),
                    x=x,
                    y=y,
                    step=places.step,
                    reductions=reductions,
                    aligned=aligned,
                    window=window,
                    wanted=wanted,
                )
            )
    return parts


def _pixels_from(origin: float, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return places as pixels from an origin, to the last bit the same whichever file of a grid gives the origin.

    Args:
        origin: Distance of the file's edge from the origin of the CRS, pixels.
        places: Distances of places from there, pixels.
    """
    whole = round(origin)
    return (places - round((origin - whole) * _PHASES) / _PHASES) - whole


def _clusters(members: list[Member], extent: tuple[float, float, float, float], reach: int) -> list[list[Member]]:
    """Return the members in one group, or, where they lie far apart, in groups that do not see each other.

    A part is one image with all that lies between its members: files strewn over a coarse tile
    would make it as large as the tile has pixels of theirs.
    """
    window = _window(extent, members)
    if window is None or len(members) == 1:
        return [members]
    held = sum(_pixels(_window(extent, [member])) for member in members)
    if _pixels(window) <= _SPARSE * held:
        return [members]
    groups: list[list[Member]] = []
    for member in members:
        apart, near = [], [member]
        for group in groups:
            if any(_meet(member, other, reach) for other in group):
                near = group + near
            else:
                apart.append(group)
        groups = [*apart, near]
    order = {id(member): index for index, member in enumerate(members)}
    return [sorted(group, key=lambda member: order[id(member)]) for group in groups]


def _pixels(window: tuple[int, int, int, int] | None) -> int:
    return 0 if window is None else (window[2] - window[0]) * (window[3] - window[1])


def _meet(one: Member, other: Member, reach: int) -> bool:
    """Tell whether two members lie so near that a pixel of the tile may see both."""
    level, level_other = one.header.tiff.levels[one.level], other.header.tiff.levels[other.level]
    gap_x = max(one.col, other.col) - min(one.col + level.width, other.col + level_other.width)
    gap_y = max(one.row, other.row) - min(one.row + level.height, other.row + level_other.height)
    return max(gap_x, gap_y) <= 2 * reach


def _stretch(reduction: float, resampling: str) -> float:
    """Return the stretch of a kernel for a reduction: none where it is hardly one."""
    return reduction if reduction > LEAST_REDUCTION.get(resampling, 1.0) else 1.0


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
