"""From values to colours: stretched to black and white, by a ramp, or one colour made another."""

import numpy as np
from numba import njit, types, void

VALUES = types.Array(types.float32, 3, "C", readonly=True)
BAND = types.Array(types.float32, 2, "C", readonly=True)
THRESHOLDS = types.Array(types.float32, 1, "C", readonly=True)
STARTS = types.Array(types.int16, 1, "C", readonly=True)
COLOURS = types.Array(types.uint8, 2, "C", readonly=True)
PICTURE = types.uint8[:, :, ::1]


@njit(void(VALUES, types.float32, types.float32, PICTURE), cache=True, nogil=True, error_model="numpy")
def stretch(values, low, scale, result):
    """Write values as 0 to 255, rounded; a pixel of which any band is missing is 0 and transparent.

    Args:
        values: NaN where missing, shape (rows, cols, bands).
        low: Value that becomes 0.
        scale: 255 over the difference between white and black.
        result: Shape (rows, cols, bands or bands + 1): the last is alpha. Modified.
    """
    rows, cols, bands = values.shape
    with_alpha = result.shape[2] > bands
    half, white, zero = np.float32(0.5), np.float32(255.0), np.float32(0.0)
    for row in range(rows):
        if bands == 1 and not with_alpha:
            grey, shades = values[row, :, 0], result[row, :, 0]
            for col in range(cols):
                shade = (grey[col] - low) * scale
                shade = shade if shade > zero else zero  # also where it is not a number
                shades[col] = np.uint8(np.int32((shade if shade < white else white) + half))
            continue
        for col in range(cols):
            missing = False
            for band in range(bands):
                value = values[row, col, band]
                missing |= np.isnan(value)
                shown = min(max((value - low) * scale, np.float32(0.0)), white) + half
                result[row, col, band] = np.uint8(0) if np.isnan(value) else np.uint8(shown)
            if with_alpha:
                result[row, col, bands] = 0 if missing else 255


@njit(inline="always")
def _cells_of(values, row, last, low, scale, cells):
    """Write the cell of the table that each value of a row falls in, -1 for a missing one."""
    zero = np.float32(0.0)
    for col in range(cells.size):
        value = values[row, col]
        place = (value - low) * scale
        place = place if place > zero else zero
        place = place if place < last else last
        cells[col] = np.int32(place) if value == value else np.int32(-1)  # noqa: PLR0124 - NaN is unequal to itself


@njit(inline="always")
def _step_of(value, thresholds, starts, cell):
    """Return how many thresholds are at or below a value of a cell."""
    step = np.int64(starts[cell])
    if step < 0:
        step = -1 - step
        while step < thresholds.size and thresholds[step] <= value:
            step += 1
    return step


@njit(
    void(BAND, THRESHOLDS, STARTS, types.float32, types.float32, types.int64, types.uint8[:, ::1]),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def ramp_indexes(values, thresholds, starts, low, scale, missing, result):
    """Write the number of thresholds at or below each value, as an index into a palette.

    Args:
        values: NaN where missing, shape (rows, cols).
        thresholds: Growing, 255 at most.
        starts: How many thresholds are at or below all values of each cell of a table, or -1 less the number from which
            to begin counting where the values of a cell differ in that.
        low: Value of the table's first cell.
        scale: Cells per unit.
        missing: Index of a missing value.
        result: Shape (rows, cols). Modified.
    """
    rows, cols = values.shape
    cells = np.empty(cols, np.int32)
    last = np.float32(starts.size - 1)
    for row in range(rows):
        _cells_of(values, row, last, low, scale, cells)
        for col in range(cols):
            cell = cells[col]
            if cell < 0:
                result[row, col] = missing
            else:
                result[row, col] = _step_of(values[row, col], thresholds, starts, cell)


@njit(
    void(BAND, THRESHOLDS, STARTS, types.float32, types.float32, COLOURS, PICTURE),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def ramp_colours(values, thresholds, starts, low, scale, colours, result):
    """Write the colour of the number of thresholds at or below each value; a missing value is transparent.

    Args:
        values: NaN where missing, shape (rows, cols).
        thresholds: Growing, shape (n,).
        starts: As of `ramp_indexes`.
        low: Value of the table's first cell.
        scale: Cells per unit.
        colours: Red, green, blue and alpha, shape (n + 1, 4).
        result: Shape (rows, cols, 4). Modified.
    """
    rows, cols = values.shape
    cells = np.empty(cols, np.int32)
    last = np.float32(starts.size - 1)
    for row in range(rows):
        _cells_of(values, row, last, low, scale, cells)
        for col in range(cols):
            cell = cells[col]
            if cell < 0:
                for channel in range(4):
                    result[row, col, channel] = 0
            else:
                step = _step_of(values[row, col], thresholds, starts, cell)
                for channel in range(4):
                    result[row, col, channel] = colours[step, channel]


@njit(void(THRESHOLDS, COLOURS, types.int64, PICTURE), cache=True, nogil=True, error_model="numpy")
def replace_colour(colour, becomes, tolerance, picture):
    """Give pixels of about one colour another, with its alpha.

    Args:
        colour: Red, green and blue, shape (3,).
        becomes: Red, green, blue and alpha, shape (1, 4).
        tolerance: How far each part may be off.
        picture: Red, green, blue and alpha, shape (rows, cols, 4). Modified.
    """
    rows, cols = picture.shape[0], picture.shape[1]
    for row in range(rows):
        for col in range(cols):
            near = True
            for channel in range(3):
                near &= abs(np.float32(picture[row, col, channel]) - colour[channel]) <= tolerance
            if near and picture[row, col, 3] > 0:
                for channel in range(4):
                    picture[row, col, channel] = becomes[0, channel]
