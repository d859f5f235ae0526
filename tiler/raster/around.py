"""The pixels around a point, gathered from blocks, and the value between them."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernels.sample import LEAST_PART
from tiler.raster.codec import Block

NEAREST, BILINEAR, CUBIC, AVERAGE, AROUND = 0, 1, 2, 3, 4
"""What of the pixels around a point is wanted: as `tiler.raster.part.KINDS`, or the 3 by 3 pixels themselves."""

_SIDES = {NEAREST: 1, BILINEAR: 2, CUBIC: 4, AVERAGE: 2, AROUND: 3}
_BEFORE = {NEAREST: 0.0, BILINEAR: 0.5, CUBIC: 1.5, AVERAGE: 0.5, AROUND: 1.0}
"""Pixels between a point and the first pixel that it sees."""


class Around(msgspec.Struct, frozen=True, eq=False):
    """What lies at points."""

    values: NDArray[np.float32]
    """NaN where missing, shape (n, bands); of the 3 by 3 pixels around, from the north-west, (n, 3, 3, bands)."""
    cell_x: NDArray[np.float64]
    """Width of the pixels that each point was taken from, units of the CRS, shape (n,); NaN where nothing is."""
    cell_y: NDArray[np.float64]

    def missing(self) -> NDArray[np.bool_]:
        """Tell of which points a sample is still missing, shape (n,)."""
        values = self.values if self.values.ndim == 2 else self.values[:, 1, 1]
        return np.asarray(np.isnan(values).any(axis=1))


def taps(kind: int) -> tuple[int, int]:
    """Return rows and columns of the pixels that a point sees."""
    return _SIDES[kind], _SIDES[kind]


def first_taps(
    col: NDArray[np.float64], row: NDArray[np.float64], kind: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return column and row of the first pixel that each point sees."""
    before = _BEFORE[kind]
    return np.floor(col - before).astype(np.int64), np.floor(row - before).astype(np.int64)


def empty_around(points: int, bands: int, kind: int) -> Around:
    """Return what lies at points before anything was looked at."""
    shape = (points, *taps(kind), bands) if kind == AROUND else (points, bands)
    return Around(np.full(shape, np.nan, np.float32), np.full(points, np.nan), np.full(points, np.nan))


def gather(
    block: Block,
    place: tuple[int, int, int, int],
    bands: list[int],
    first_col: NDArray[np.int64],
    first_row: NDArray[np.int64],
    patches: NDArray[np.float32],
    points: NDArray[np.int64],
) -> None:
    """Take the pixels of a block that points see, where none was taken before.

    Args:
        block: The decoded block.
        place: Column and row of its first pixel on the grid, and its columns and rows that the file has.
        bands: Bands to take, from 0.
        first_col: Column of the first pixel that each of `points` sees, shape (m,).
        first_row: Its row.
        patches: NaN where nothing was taken yet, shape (n, rows, cols, bands). Modified.
        points: Which of the patches, shape (m,).
    """
    left, top, width, height = place
    rows = (first_row - top)[:, None] + np.arange(patches.shape[1])
    cols = (first_col - left)[:, None] + np.arange(patches.shape[2])
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((cols >= 0) & (cols < width))[:, None, :]
    at = np.clip(rows, 0, height - 1)[:, :, None], np.clip(cols, 0, width - 1)[:, None, :]
    if block.valid is not None:
        inside &= block.valid[at] > 0
    seen = block.values[at][..., bands].astype(np.float32)
    before = patches[points]
    patches[points] = np.where(np.isnan(before) & inside[..., None], seen, before)


def settle(
    result: Around,
    patches: NDArray[np.float32],
    col: NDArray[np.float64],
    row: NDArray[np.float64],
    cell: tuple[float, float],
    kind: int,
) -> Around:
    """Return what lies at points, from the pixels around them where it is still missing.

    A point whose covering pixel is missing stays as it was, for an average one around which all is;
    the weights of other pixels that are missing are given to those that are there, as
    `kernels.sample_float` does.

    Args:
        result: What is known.
        patches: Pixels that each point sees, NaN where missing, shape (n, rows, cols, bands).
        col: Column of each point on the grid of the pixels, shape (n,).
        row: Row of each point.
        cell: Width and height of a pixel, units of the CRS; the height below 0 where rows count from the south.
        kind: What is wanted.
    """
    if kind == AROUND:
        there = result.missing() & ~np.isnan(patches[:, 1, 1]).any(axis=1)
        turned = patches[:, ::-1] if cell[1] < 0 else patches
        values = np.where(there[:, None, None, None], turned, result.values)
    else:
        weighed = _weigh(patches, col, row, kind)
        fresh = np.isnan(result.values) & ~np.isnan(weighed)
        there = np.asarray(fresh.any(axis=1))
        values = np.where(fresh, weighed, result.values)
    return Around(values, np.where(there, abs(cell[0]), result.cell_x), np.where(there, abs(cell[1]), result.cell_y))


def _weigh(
    patches: NDArray[np.float32], col: NDArray[np.float64], row: NDArray[np.float64], kind: int
) -> NDArray[np.float32]:
    if kind == NEAREST:
        return patches[:, 0, 0]
    points, side = len(col), patches.shape[1]
    seen = np.flatnonzero(~np.isnan(patches).all(axis=(1, 2, 3)))
    result = np.full((points, patches.shape[3]), np.nan, np.float32)
    x, y, around = col[seen], row[seen], patches[seen].astype(np.float64)
    first_col, first_row = first_taps(x, y, kind)
    here = np.floor(y).astype(np.int64) - first_row, np.floor(x).astype(np.int64) - first_col
    covering = around[np.arange(len(seen)), *here]
    across = _weights(np.abs(first_col[:, None] + np.arange(side) + 0.5 - x[:, None]), kind)
    down = _weights(np.abs(first_row[:, None] + np.arange(side) + 0.5 - y[:, None]), kind)
    weights = (down[:, :, None] * across[:, None, :])[..., None] * ~np.isnan(around)
    total = weights.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):  # samples may be infinite
        sums = (weights * np.where(np.isnan(around), 0.0, around)).sum(axis=(1, 2))
        values = np.where(total > (LEAST_PART if kind == AVERAGE else 1e-6), sums / total, covering)
    result[seen] = values if kind == AVERAGE else np.where(np.isnan(covering), np.nan, values)
    return result


def _weights(distance: NDArray[np.float64], kind: int) -> NDArray[np.float64]:
    """Return the weights of pixels at distances in pixels, as `kernels.sample.weight_at`.

    A pixel-sized box around a point covers of each pixel the share that is its bilinear weight.
    """
    if kind in {BILINEAR, AVERAGE}:
        return np.maximum(1.0 - distance, 0.0)
    near = (1.5 * distance - 2.5) * distance * distance + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    return np.where(distance < 1.0, near, np.where(distance < 2.0, far, 0.0))
