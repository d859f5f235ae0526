"""From decoded blocks to the samples of a tile: put together, then taken as they are or sampled."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.sample import bilinear_inside, nearest, nearest_inside, weighted
from kernels.sample_float import sample_float
from tiler.raster.blocks import Found
from tiler.raster.grid import PixelGrid
from tiler.raster.part import KINDS, MAX_STRETCH, Part
from tiler.raster.picture import Samples

_NO_MASK = np.empty((0, 0), np.uint8)


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
    first = samples.values[0, 0, 0]
    return None if np.isnan(first) and np.isnan(samples.values).all() else samples


def _assemble(part: Part, found: Found, bands: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[np.uint8] | None] | None:
    """Put the blocks of the window together: values (rows, cols, bands) and validity, None when nothing is there."""
    first_col, first_row, end_col, end_row = part.window
    values: NDArray[Any] | None = None
    apart = len({index for index, _ in part.wanted}) == 1  # blocks of one file do not overlap
    shape = end_row - first_row, end_col - first_col
    valid = _NO_MASK
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
        here = (slice(north - first_row, south - first_row), slice(west - first_col, east - first_col))
        there = (slice(north - top, south - top), slice(west - left, east - left))
        taken = block.values[there]
        stored = [band - (0 <= level.alpha < band) for band in bands]  # blocks are kept without their alpha
        if stored != list(range(taken.shape[2])):
            taken = taken[..., stored]
        if len(part.wanted) == 1 and block.valid is None and (west, north, east, south) == part.window:
            return np.array(taken, order="C"), None  # a copy, as other parts may paint on it
        if values is None and block.values.dtype == np.uint8:
            values, valid = np.zeros((*shape, len(bands)), np.uint8), np.zeros(shape, np.uint8)
        elif values is None:
            values = np.empty((*shape, len(bands)), np.float32)
            if not (apart and _is_whole(part, found)):
                values.fill(np.nan)
        if values.dtype != np.uint8:
            if apart:
                values[here] = taken
            else:
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


def _is_whole(part: Part, found: Found) -> bool:
    """Tell whether the blocks of the only file of a part leave nothing of its window out."""
    member = part.members[part.wanted[0][0]]
    level = member.header.tiff.levels[member.level]
    first_col, first_row, end_col, end_row = part.window
    inside = member.col <= first_col and member.row <= first_row
    inside = inside and end_col <= member.col + level.width and end_row <= member.row + level.height
    return inside and all(found[address] is not None for _, address in part.wanted)


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
        if before is None and values.dtype != np.uint8:
            around = np.full((grid.rows, grid.cols, len(bands)), np.nan, np.float32)
            around[top : top + height, left : left + width] = values
            return Samples(around)
    x, y = part.x - col, part.y - row
    if values.dtype != np.uint8:
        shape = (grid.rows, grid.cols, len(bands))
        result = np.full(shape, np.nan, np.float32) if before is None else before.values
        how = 0 if part.aligned else _kernel(part, kind)
        sample_float(values, x, y, part.step, how, *part.reductions, result)
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
        and (kind == 0 or (kind == 1 and part.reductions == (1.0, 1.0)))
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
        weighted(values, mask, x, y, part.step, _kernel(part, kind), *part.reductions, result, painted)
    return Samples(result, None if painted.min() == 255 else painted)


def _kernel(part: Part, kind: int) -> int:
    """Return the kernel that a part is sampled with: far reductions are averaged."""
    return KINDS["average"] if kind and max(part.reductions) > MAX_STRETCH else kind
