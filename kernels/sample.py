"""Sampling of 8-bit images at places given by a lattice: the inner loop of every warp.

A lattice holds source coordinates at every `step`-th pixel of the result, from its first
pixel on; between its nodes they are interpolated linearly. Coordinates are pixels of the
source: pixel (row, col) covers [col, col+1) in x and [row, row+1) in y.
"""

import numpy as np
from numba import njit, types, void

IMAGE = types.Array(types.uint8, 3, "C", readonly=True)
MASK = types.Array(types.uint8, 2, "C", readonly=True)
LATTICE = types.Array(types.float64, 2, "C", readonly=True)
RESULT = types.uint8[:, :, ::1]
PAINTED = types.uint8[:, ::1]


@njit(types.float64(types.float64, types.int64), cache=True, nogil=True, inline="always")
def weight_at(distance, kind):
    """Return the weight of a pixel at a distance from the place, in pixels of the wider grid."""
    if kind == 1:
        return max(1.0 - distance, 0.0)
    if kind == 3:
        return 1.0
    if distance < 1.0:
        return (1.5 * distance - 2.5) * distance * distance + 1.0
    if distance < 2.0:
        return ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    return 0.0


@njit(void(IMAGE, LATTICE, LATTICE, types.int64, RESULT), cache=True, nogil=True)
def nearest_inside(source, x, y, step, result):
    """Take the pixel that covers each place, all of which lie inside the source.

    Args:
        source: Shape (rows, cols, bands).
        x: Lattice of columns, shape (ceil((height-1)/step)+1, ceil((width-1)/step)+1).
        y: Lattice of rows, same shape.
        step: Pixels of the result between nodes, > 0.
        result: Shape (height, width, bands). Modified.
    """
    height, width, bands = result.shape
    for row in range(height):
        above = row // step
        down = (row - above * step) / step
        below = min(above + 1, x.shape[0] - 1)
        for first in range(0, width, step):
            node = first // step
            after = min(node + 1, x.shape[1] - 1)
            x0 = x[above, node] * (1 - down) + x[below, node] * down
            y0 = y[above, node] * (1 - down) + y[below, node] * down
            dx = (x[above, after] * (1 - down) + x[below, after] * down - x0) / step
            dy = (y[above, after] * (1 - down) + y[below, after] * down - y0) / step
            for col in range(first, min(first + step, width)):
                at_row = np.int64(y0 + dy * (col - first))
                at_col = np.int64(x0 + dx * (col - first))
                if bands == 3:
                    result[row, col, 0] = source[at_row, at_col, 0]
                    result[row, col, 1] = source[at_row, at_col, 1]
                    result[row, col, 2] = source[at_row, at_col, 2]
                else:
                    for band in range(bands):
                        result[row, col, band] = source[at_row, at_col, band]


@njit(void(IMAGE, MASK, LATTICE, LATTICE, types.int64, RESULT, PAINTED), cache=True, nogil=True)
def nearest(source, valid, x, y, step, result, painted):
    """Take the pixel that covers each place, where it is valid and nothing was painted before.

    Args:
        source: Shape (rows, cols, bands).
        valid: 0 where the source has no data, shape (rows, cols); shape (0, 0) when all of it has.
        x: Lattice of columns, see `nearest_inside`.
        y: Lattice of rows.
        step: Pixels of the result between nodes, > 0.
        result: Shape (height, width, bands). Modified.
        painted: Validity of what the result holds, 0 for nothing yet, shape (height, width). Modified.
    """
    rows, cols, bands = source.shape
    height, width = painted.shape
    masked = valid.shape[0] > 0
    for row in range(height):
        above = row // step
        down = (row - above * step) / step
        below = min(above + 1, x.shape[0] - 1)
        for first in range(0, width, step):
            node = first // step
            after = min(node + 1, x.shape[1] - 1)
            x0 = x[above, node] * (1 - down) + x[below, node] * down
            y0 = y[above, node] * (1 - down) + y[below, node] * down
            dx = (x[above, after] * (1 - down) + x[below, after] * down - x0) / step
            dy = (y[above, after] * (1 - down) + y[below, after] * down - y0) / step
            for col in range(first, min(first + step, width)):
                px = x0 + dx * (col - first)
                py = y0 + dy * (col - first)
                if painted[row, col] or not (0 <= px < cols and 0 <= py < rows):
                    continue
                at_row, at_col = np.int64(py), np.int64(px)
                seen = valid[at_row, at_col] if masked else np.uint8(255)
                if seen == 0:
                    continue
                painted[row, col] = seen
                for band in range(bands):
                    result[row, col, band] = source[at_row, at_col, band]


@njit(void(IMAGE, LATTICE, LATTICE, types.int64, RESULT), cache=True, nogil=True)
def bilinear_inside(source, x, y, step, result):
    """Interpolate between the four pixels around each place, all of which lie inside the source.

    Weights have 8 bits: the result differs from exact interpolation by less than one.

    Args:
        source: Shape (rows, cols, bands), at least 2 by 2.
        x: Lattice of columns at least half a pixel from the edges, see `nearest_inside`.
        y: Lattice of rows, the same.
        step: Pixels of the result between nodes, > 0.
        result: Shape (height, width, bands). Modified.
    """
    height, width, bands = result.shape
    last_row, last_col = source.shape[0] - 2, source.shape[1] - 2
    for row in range(height):
        above = row // step
        down = (row - above * step) / step
        below = min(above + 1, x.shape[0] - 1)
        for first in range(0, width, step):
            node = first // step
            after = min(node + 1, x.shape[1] - 1)
            x0 = (x[above, node] * (1 - down) + x[below, node] * down - 0.5) * 256
            y0 = (y[above, node] * (1 - down) + y[below, node] * down - 0.5) * 256
            dx = ((x[above, after] * (1 - down) + x[below, after] * down - 0.5) * 256 - x0) / step
            dy = ((y[above, after] * (1 - down) + y[below, after] * down - 0.5) * 256 - y0) / step
            for col in range(first, min(first + step, width)):
                fx = np.int64(x0 + dx * (col - first) + 0.5)
                fy = np.int64(y0 + dy * (col - first) + 0.5)
                at_col = min(fx >> 8, last_col)
                at_row = min(fy >> 8, last_row)
                right = np.int32(fx - (at_col << 8))
                lower = np.int32(fy - (at_row << 8))
                nw = (256 - right) * (256 - lower)
                ne = right * (256 - lower)
                sw = (256 - right) * lower
                se = right * lower
                if bands == 3:
                    for band in range(3):
                        result[row, col, band] = np.uint8(
                            (
                                nw * np.int32(source[at_row, at_col, band])
                                + ne * np.int32(source[at_row, at_col + 1, band])
                                + sw * np.int32(source[at_row + 1, at_col, band])
                                + se * np.int32(source[at_row + 1, at_col + 1, band])
                                + 32768
                            )
                            >> 16
                        )
                else:
                    for band in range(bands):
                        result[row, col, band] = np.uint8(
                            (
                                nw * np.int32(source[at_row, at_col, band])
                                + ne * np.int32(source[at_row, at_col + 1, band])
                                + sw * np.int32(source[at_row + 1, at_col, band])
                                + se * np.int32(source[at_row + 1, at_col + 1, band])
                                + 32768
                            )
                            >> 16
                        )


@njit(
    void(IMAGE, MASK, LATTICE, LATTICE, types.int64, types.int64, types.float64, RESULT, PAINTED),
    cache=True,
    nogil=True,
)
def weighted(source, valid, x, y, step, kind, reduction, result, painted):
    """Weigh the valid pixels around each place, where the covering one is valid and nothing was painted before.

    The kernel is stretched by `reduction`, so that a result coarser than the source sees all of
    it; weights of pixels that are missing or outside are given to the others.

    Args:
        source: Shape (rows, cols, bands).
        valid: 0 where the source has no data, shape (rows, cols); shape (0, 0) when all of it has.
        x: Lattice of columns, see `nearest_inside`.
        y: Lattice of rows.
        step: Pixels of the result between nodes, > 0.
        kind: 1 bilinear (triangle of width 2), 2 cubic (Keys 1981, a = -0.5), 3 average (box of width 1).
        reduction: Source pixels per pixel of the result, at least 1.
        result: Shape (height, width, bands). Modified.
        painted: Validity of what the result holds, 0 for nothing yet, shape (height, width). Modified.
    """
    rows, cols, bands = source.shape
    height, width = painted.shape
    masked = valid.shape[0] > 0
    reach = (0.5 if kind == 3 else float(kind)) * reduction
    sums = np.zeros(bands, np.float64)
    for row in range(height):
        above = row // step
        down = (row - above * step) / step
        below = min(above + 1, x.shape[0] - 1)
        for col in range(width):
            if painted[row, col]:
                continue
            node = col // step
            after = min(node + 1, x.shape[1] - 1)
            across = (col - node * step) / step
            px = (x[above, node] * (1 - down) + x[below, node] * down) * (1 - across) + (
                x[above, after] * (1 - down) + x[below, after] * down
            ) * across
            py = (y[above, node] * (1 - down) + y[below, node] * down) * (1 - across) + (
                y[above, after] * (1 - down) + y[below, after] * down
            ) * across
            if not (0 <= px < cols and 0 <= py < rows):
                continue
            seen = valid[np.int64(py), np.int64(px)] if masked else np.uint8(255)
            if seen == 0:
                continue
            total = 0.0
            sums[:] = 0.0
            first_row = max(int(np.ceil(py - reach - 0.5)), 0)
            last_row = min(int(np.floor(py + reach - 0.5)), rows - 1)
            first_col = max(int(np.ceil(px - reach - 0.5)), 0)
            last_col = min(int(np.floor(px + reach - 0.5)), cols - 1)
            for at_row in range(first_row, last_row + 1):
                vertical = weight_at(abs(at_row + 0.5 - py) / reduction, kind)
                for at_col in range(first_col, last_col + 1):
                    if masked and valid[at_row, at_col] == 0:
                        continue
                    weight = vertical * weight_at(abs(at_col + 0.5 - px) / reduction, kind)
                    total += weight
                    for band in range(bands):
                        sums[band] += weight * source[at_row, at_col, band]
            painted[row, col] = seen
            for band in range(bands):
                if total > 1e-6:
                    result[row, col, band] = np.uint8(min(max(sums[band] / total + 0.5, 0.0), 255.0))
                else:
                    result[row, col, band] = source[np.int64(py), np.int64(px), band]
