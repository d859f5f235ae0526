"""The part of a tile that comes from files of one pixel grid: which blocks it takes, and how they are painted.

Neighbouring files of a survey share one grid: they are put together before sampling, as one
image, so that there is no seam between them.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.errors import BadSource
from kernels.sample import bilinear_inside, nearest, nearest_inside, weighted
from kernels.sample_float import sample_float
from tiler.raster.blocks import BlockAddress, Found
from tiler.raster.grid import Lattice, PixelGrid
from tiler.raster.header import RasterHeader
from tiler.raster.picture import Samples
from tiler.raster.tiff import Tiff

KINDS = {"nearest": 0, "bilinear": 1, "cubic": 2, "average": 3}
"""Resampling by name, numbered as the kernels number it."""

MAX_BLOCKS = 1024
"""Blocks of one tile; more means that overviews are missing."""

_OFF_PX = 0.01
"""How far pixels may lie from those of another grid and still be the same."""

_FINER = 1.1
"""A level is taken as long as its pixels are no more than this much larger than those of the tile."""

_NO_MASK = np.empty((0, 0), np.uint8)


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
        _place(groups, header, level_for(header.tiff, places.cell))
    parts = [_part(grid, places, crs, origin, members, resampling) for origin, members in groups]
    return [part for part in parts if part is not None]


def paint(
    parts: Sequence[Part], found: Found, grid: PixelGrid, bands: tuple[int, ...], resampling: str
) -> Samples | None:
    """Return the samples of a tile, None when none has data.

    Args:
        parts: What to paint, most important first.
        found: The blocks they want.
        grid: Pixels of the tile.
        bands: Bands to take, from 0.
        resampling: One of `KINDS`.
    """
    samples: Samples | None = None
    for part in parts:
        samples = _paint_part(part, found, grid, bands, KINDS[resampling], samples)
        if samples is not None and samples.values.dtype == np.uint8 and samples.valid is None:
            break
    if samples is None:
        return None
    if samples.values.dtype == np.uint8:
        return None if samples.valid is not None and not samples.valid.any() else samples
    return None if np.isnan(samples.values).all() else samples


def _place(groups: list[tuple[tuple[Any, ...], list[Member]]], header: RasterHeader, index: int) -> None:
    """Add a file to the group whose grid it shares, or to one of its own."""
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
        if kind == other_kind and max(drift, abs(col - round(col)), abs(row - round(row))) <= _OFF_PX:
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
    reach = 0 if aligned else int(max(KINDS[resampling], 1) * reduction) + 1
    low_x, high_x, low_y, high_y = (
        float(f(v)) for v in (x, y) for f in (np.fmin.reduce, np.fmax.reduce) for v in (v.ravel(),)
    )
    if not all(np.isfinite((low_x, high_x, low_y, high_y))):
        return None
    levels = [member.header.tiff.levels[member.level] for member in members]
    first_col = max(int(np.floor(low_x)) - reach, min(member.col for member in members))
    first_row = max(int(np.floor(low_y)) - reach, min(member.row for member in members))
    end_col = min(
        int(np.floor(high_x)) + reach + 1, max(m.col + level.width for m, level in zip(members, levels, strict=True))
    )
    end_row = min(
        int(np.floor(high_y)) + reach + 1, max(m.row + level.height for m, level in zip(members, levels, strict=True))
    )
    if first_col >= end_col or first_row >= end_row:
        return None
    window = (first_col, first_row, end_col, end_row)
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


def _is_aligned(grid: PixelGrid, x: NDArray[np.float64], y: NDArray[np.float64], cell_x: float, cell_y: float) -> bool:
    off = max(abs(x[0, 0] - 0.5 - round(x[0, 0] - 0.5)), abs(y[0, 0] - 0.5 - round(y[0, 0] - 0.5)))
    drift = max(abs(grid.cell_x / cell_x - 1) * grid.cols, abs(grid.cell_y / cell_y - 1) * grid.rows)
    return bool(max(off, drift) <= _OFF_PX)


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


def _assemble(part: Part, found: Found, bands: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[np.uint8] | None] | None:
    """Put the blocks of the window together: values (rows, cols, bands) and validity, None when nothing is there."""
    first_col, first_row, end_col, end_row = part.window
    values: NDArray[Any] | None = None
    valid = np.zeros((end_row - first_row, end_col - first_col), np.uint8)
    for index, address in reversed(part.wanted):  # the most important last, over the others
        block = found[address]
        if block is None:
            continue
        member = part.members[index]
        level = member.header.tiff.levels[member.level]
        left, top = member.col + address.col * level.block_width, member.row + address.row * level.block_height
        west, north = max(left, first_col), max(top, first_row)
        east = min(left + level.block_width, member.col + level.width, end_col)
        south = min(top + level.block_height, member.row + level.height, end_row)
        if west >= east or north >= south:
            continue
        if values is None:
            shape = (*valid.shape, len(bands))
            flat = block.values.dtype == np.uint8
            values = np.zeros(shape, np.uint8) if flat else np.full(shape, np.nan, np.float32)
        here = (slice(north - first_row, south - first_row), slice(west - first_col, east - first_col))
        there = (slice(north - top, south - top), slice(west - left, east - left))
        taken = block.values[there]
        if bands != tuple(range(taken.shape[2])):
            taken = taken[..., list(bands)]
        if values.dtype != np.uint8:
            np.copyto(values[here], taken, where=~np.isnan(taken))
        elif block.valid is None:
            values[here], valid[here] = taken, 255
        else:
            seen = block.valid[there]
            np.copyto(values[here], taken, where=(seen > 0)[..., None])
            np.maximum(valid[here], seen, out=valid[here])
    if values is None:
        return None
    return values, None if values.dtype != np.uint8 or (valid.all() and valid.min() == 255) else valid


def _paint_part(
    part: Part, found: Found, grid: PixelGrid, bands: tuple[int, ...], kind: int, before: Samples | None
) -> Samples | None:
    assembled = _assemble(part, found, bands)
    if assembled is None:
        return before
    values, valid = assembled
    col, row = part.window[:2]
    height, width = values.shape[:2]
    if part.aligned:
        left, top = col - round(float(part.x[0, 0]) - 0.5), row - round(float(part.y[0, 0]) - 0.5)
        if before is None and (left, top, width, height) == (0, 0, grid.cols, grid.rows):
            return Samples(values, valid)
    x, y = part.x - col, part.y - row
    if values.dtype != np.uint8:
        shape = (grid.rows, grid.cols, len(bands))
        result = np.full(shape, np.nan, np.float32) if before is None else before.values
        how = 0 if part.aligned else 3 if part.reduction > 2.0 and kind in {1, 2} else kind
        sample_float(values, x, y, part.step, how, part.reduction, result)
        return Samples(result)
    return _paint_bytes(part, values, valid, x, y, grid, 0 if part.aligned else kind, before)


def _paint_bytes(
    part: Part,
    values: NDArray[np.uint8],
    valid: NDArray[np.uint8] | None,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    grid: PixelGrid,
    kind: int,
    before: Samples | None,
) -> Samples:
    height, width, bands = values.shape
    margin = 0.5 if kind else 0.0
    inside = (
        before is None
        and valid is None
        and part.reduction == 1.0
        and kind in {0, 1}
        and min(height, width) >= 2
        and bool(x.min() >= margin and y.min() >= margin and x.max() < width - margin and y.max() < height - margin)
    )
    if inside:
        result = np.empty((grid.rows, grid.cols, bands), np.uint8)
        (bilinear_inside if kind else nearest_inside)(values, x, y, part.step, result)
        return Samples(result)
    if before is None:
        result, painted = np.zeros((grid.rows, grid.cols, bands), np.uint8), np.zeros((grid.rows, grid.cols), np.uint8)
    else:
        assert before.valid is not None
        result, painted = before.values, before.valid
    mask = _NO_MASK if valid is None else valid
    if kind == 0:
        nearest(values, mask, x, y, part.step, result, painted)
    else:
        how = 3 if part.reduction > 2.0 else kind
        weighted(values, mask, x, y, part.step, how, part.reduction, result, painted)
    return Samples(result, None if painted.min() == 255 else painted)
