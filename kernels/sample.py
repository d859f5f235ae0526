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


LEAST_PART = 1e-4
"""Share of a pixel of the result that must be covered for an average to be painted: more than rounding may cover."""


@njit(types.float64(types.float64, types.float64, types.int64), cache=True, nogil=True, inline="always")
def weight_at(distance, reduction, kind):
    """Return the weight of a pixel whose middle is `distance` pixels from a place, along one axis.

    Kinds 1 and 2 are stretched by `reduction`; kind 3 is how much of the pixel lies in a box of that width.
    """
    if kind == 3:
        return max(min(0.5 + 0.5 * reduction - distance, 1.0, reduction), 0.0)
    distance = distance / reduction
    if kind == 1:
        return max(1.0 - distance, 0.0)
    if distance < 1.0:
        return (1.5 * distance - 2.5) * distance * distance + 1.0
    if distance < 2.0:
        return ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    return 0.0


@njit(types.float64(types.float64, types.int64), cache=True, nogil=True, inline="always")
def reach_of(reduction, kind):
    """Return how far from a place pixels have weight, pixels."""
    return 0.5 * reduction + 0.5 if kind == 3 else kind * reduction


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
    void(
        IMAGE,
        MASK,
        LATTICE,
        LATTICE,
        types.int64,
        types.int64,
        types.float64,
        types.float64,
        RESULT,
        PAINTED,
    ),
    cache=True,
    nogil=True,
)
def weighted(source, valid, x, y, step, kind, reduction_x, reduction_y, result, painted):
    """Weigh the valid pixels around each place, where nothing was painted before.

    The kernel is stretched by the reductions, so that a result coarser than the source sees all of it;
    weights of pixels that are missing or outside are given to the others. A place is left as it is when
    the pixel that covers it is missing, for kind 3 when all that it covers is missing (as GDAL has it).

    Args:
        source: Shape (rows, cols, bands).
        valid: 0 where the source has no data, shape (rows, cols); shape (0, 0) when all of it has.
        x: Lattice of columns, see `nearest_inside`.
        y: Lattice of rows.
        step: Pixels of the result between nodes, > 0.
        kind: 1 bilinear (triangle of width 2), 2 cubic (Keys 1981, a = -0.5), 3 average (the part covered).
        reduction_x: Source columns per column of the result; at least 1 for kinds 1 and 2, > 0 for kind 3.
        reduction_y: The same of rows.
        result: Shape (height, width, bands). Modified.
        painted: Validity of what the result holds, 0 for nothing yet, shape (height, width); what is painted
            gets the mean validity of the pixels it is made of. Modified.
    """
    rows, cols, bands = source.shape
    height, width = painted.shape
    masked = valid.shape[0] > 0
    reach_x, reach_y = reach_of(reduction_x, kind), reach_of(reduction_y, kind)
    outside = 0.5 * reduction_x if kind == 3 else 0.0, 0.5 * reduction_y if kind == 3 else 0.0
    least = LEAST_PART * reduction_x * reduction_y if kind == 3 else 1e-6
    across_weights = np.zeros(int(2 * reach_x) + 3, np.float64)
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
            if not (-outside[0] <= px < cols + outside[0] and -outside[1] <= py < rows + outside[1]):
                continue
            if kind != 3 and masked and valid[np.int64(py), np.int64(px)] == 0:
                continue
            first_row = max(int(np.ceil(py - reach_y - 0.5)), 0)
            last_row = min(int(np.floor(py + reach_y - 0.5)), rows - 1)
            first_col = max(int(np.ceil(px - reach_x - 0.5)), 0)
            last_col = min(int(np.floor(px + reach_x - 0.5)), cols - 1)
            level = 0.0
            for at_col in range(first_col, last_col + 1):
                weight = weight_at(abs(at_col + 0.5 - px), reduction_x, kind)
                across_weights[at_col - first_col] = weight
                level += weight
            total = 0.0
            seen = 0.0
            red, green, blue = 0.0, 0.0, 0.0
            sums[:] = 0.0
            for at_row in range(first_row, last_row + 1):
                vertical = weight_at(abs(at_row + 0.5 - py), reduction_y, kind)
                if masked:
                    for at_col in range(first_col, last_col + 1):
                        here = valid[at_row, at_col]
                        weight = vertical * across_weights[at_col - first_col] if here else 0.0
                        total += weight
                        seen += weight * here
                        if bands == 3:
                            red += weight * source[at_row, at_col, 0]
                            green += weight * source[at_row, at_col, 1]
                            blue += weight * source[at_row, at_col, 2]
                        else:
                            for band in range(bands):
                                sums[band] += weight * source[at_row, at_col, band]
                elif bands == 3:
                    total += vertical * level
                    for at_col in range(first_col, last_col + 1):
                        weight = vertical * across_weights[at_col - first_col]
                        red += weight * source[at_row, at_col, 0]
                        green += weight * source[at_row, at_col, 1]
                        blue += weight * source[at_row, at_col, 2]
                else:
                    total += vertical * level
                    for at_col in range(first_col, last_col + 1):
                        weight = vertical * across_weights[at_col - first_col]
                        for band in range(bands):
                            sums[band] += weight * source[at_row, at_col, band]
            if kind == 3 and total <= least:
                continue
            if bands == 3:
                sums[0], sums[1], sums[2] = red, green, blue
            if masked and total > 1e-6:
                painted[row, col] = np.uint8(min(max(seen / total + 0.5, 1.0), 255.0))
            else:
                painted[row, col] = valid[np.int64(py), np.int64(px)] if masked else np.uint8(255)
            for band in range(bands):
                if total > 1e-6:
                    result[row, col, band] = np.uint8(min(max(sums[band] / total + 0.5, 0.0), 255.0))
                else:
                    result[row, col, band] = source[np.int64(py), np.int64(px), band]
