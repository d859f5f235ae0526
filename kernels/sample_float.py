"""Sampling of float32 grids, in which a missing sample is NaN; lattices as in `kernels.sample`."""

import numpy as np
from numba import njit, types, void

from kernels.sample import LEAST_PART, reach_of, weight_at

GRID = types.Array(types.float32, 3, "C", readonly=True)
LATTICE = types.Array(types.float64, 2, "C", readonly=True)
RESULT = types.float32[:, :, ::1]


@njit(
    void(GRID, LATTICE, LATTICE, types.int64, types.int64, types.float64, types.float64, RESULT),
    cache=True,
    nogil=True,
)
def sample_float(source, x, y, step, kind, reduction_x, reduction_y, result):
    """Weigh the samples around each place, where nothing was painted before.

    A place whose covering pixel is missing in a band stays as it was, for kind 3 one that covers nothing
    but missing samples; weights of other samples that are missing or outside are given to those that are there.

    Args:
        source: NaN where there is no data, shape (rows, cols, bands).
        x: Lattice of columns, see `kernels.sample.nearest_inside`.
        y: Lattice of rows.
        step: Pixels of the result between nodes, > 0.
        kind: 0 nearest, 1 bilinear, 2 cubic (Keys 1981, a = -0.5), 3 average (the part covered).
        reduction_x: Source columns per column of the result, by which the kernel is stretched;
            at least 1 for kinds 1 and 2, > 0 for kind 3.
        reduction_y: The same of rows.
        result: NaN where nothing was painted yet, shape (height, width, bands). Modified.
    """
    rows, cols, bands = source.shape
    height, width = result.shape[0], result.shape[1]
    reach_x, reach_y = reach_of(reduction_x, kind), reach_of(reduction_y, kind)
    outside = 0.5 * reduction_x if kind == 3 else 0.0, 0.5 * reduction_y if kind == 3 else 0.0
    least = LEAST_PART * reduction_x * reduction_y if kind == 3 else 1e-6
    across_weights = np.zeros(int(2 * reach_x) + 3, np.float64)
    for row in range(height):
        above = row // step
        down = (row - above * step) / step
        below = min(above + 1, x.shape[0] - 1)
        for col in range(width):
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
            first_row = max(int(np.ceil(py - reach_y - 0.5)), 0)
            last_row = min(int(np.floor(py + reach_y - 0.5)), rows - 1)
            first_col = max(int(np.ceil(px - reach_x - 0.5)), 0)
            last_col = min(int(np.floor(px + reach_x - 0.5)), cols - 1)
            if kind != 0:
                for at_col in range(first_col, last_col + 1):
                    across_weights[at_col - first_col] = weight_at(abs(at_col + 0.5 - px), reduction_x, kind)
            for band in range(bands):
                if not np.isnan(result[row, col, band]):
                    continue
                covering = np.float32(np.nan)
                if 0 <= px < cols and 0 <= py < rows:
                    covering = source[np.int64(py), np.int64(px), band]
                if np.isnan(covering) and kind != 3:
                    continue
                if kind == 0:
                    result[row, col, band] = covering
                    continue
                total = 0.0
                sum_ = 0.0
                for at_row in range(first_row, last_row + 1):
                    vertical = weight_at(abs(at_row + 0.5 - py), reduction_y, kind)
                    for at_col in range(first_col, last_col + 1):
                        value = source[at_row, at_col, band]
                        if np.isnan(value):
                            continue
                        weight = vertical * across_weights[at_col - first_col]
                        total += weight
                        sum_ += weight * value
                result[row, col, band] = np.float32(sum_ / total) if total > least else covering
