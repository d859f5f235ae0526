"""What is seen of heights: light, slope, aspect (Horn 1981, Proc. IEEE 69(1), section on 3 by 3 differences), contours.

Heights come with one pixel more on each side, NaN where missing; a missing neighbour counts as
the pixel itself. Pixel sizes may differ from row to row, as they do in Web Mercator.
"""

import math

import numpy as np
from numba import njit, types, void

HEIGHTS = types.Array(types.float32, 2, "C", readonly=True)
SIZES = types.Array(types.float32, 1, "C", readonly=True)
RESULT = types.float32[:, ::1]


@njit(inline="always")
def _or(value, other):
    return other if value != value else value  # noqa: PLR0124 - NaN is the one value unequal to itself


@njit(inline="always")
def _gradient(heights, row, col, per_x, per_y):
    """Return the rise per metre to the east and to the south around a pixel, heights with their border."""
    here = heights[row + 1, col + 1]
    nw, n, ne = _or(heights[row, col], here), _or(heights[row, col + 1], here), _or(heights[row, col + 2], here)
    w, e = _or(heights[row + 1, col], here), _or(heights[row + 1, col + 2], here)
    sw, s = _or(heights[row + 2, col], here), _or(heights[row + 2, col + 1], here)
    se = _or(heights[row + 2, col + 2], here)
    two = np.float32(2.0)
    east = ((ne + two * e + se) - (nw + two * w + sw)) * per_x
    south = ((sw + two * s + se) - (nw + two * n + ne)) * per_y
    return east, south


@njit(
    void(HEIGHTS, SIZES, SIZES, types.float32, types.float32, types.float32, types.float32, RESULT),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def hillshade(heights, cell_x, cell_y, z_factor, sun_east, sun_north, sun_up, result):
    """Write the light on each pixel, 0 (in the shade) to 255 (facing the sun).

    Args:
        heights: Shape (rows + 2, cols + 2).
        cell_x: Width of the pixels of each row on the ground, metres, shape (rows,).
        cell_y: Their height.
        z_factor: Metres per unit of the heights, exaggeration included.
        sun_east: Eastward part of the unit vector to the sun.
        sun_north: Northward part.
        sun_up: Upward part.
        result: NaN where the height is missing, shape (rows, cols). Modified.
    """
    rows, cols = result.shape
    zero, one, eighth, white, nan = (
        np.float32(0.0),
        np.float32(1.0),
        np.float32(0.125),
        np.float32(255.0),
        np.float32(np.nan),
    )
    for row in range(rows):
        per_x, per_y = z_factor * eighth / cell_x[row], z_factor * eighth / cell_y[row]
        for col in range(cols):
            east, south = _gradient(heights, row, col, per_x, per_y)
            # the surface's normal is (-east, south, 1) to east, north and up
            light = (sun_up - east * sun_east + south * sun_north) / np.sqrt(one + east * east + south * south)
            shown = white * light if light > zero else zero
            result[row, col] = shown if heights[row + 1, col + 1] == heights[row + 1, col + 1] else nan


@njit(void(HEIGHTS, SIZES, SIZES, types.float32, types.boolean, RESULT), cache=True, nogil=True, error_model="numpy")
def slope(heights, cell_x, cell_y, z_factor, percent, result):
    """Write the slope of each pixel, degrees or percent.

    Args:
        heights: Shape (rows + 2, cols + 2).
        cell_x: Width of the pixels of each row on the ground, metres, shape (rows,).
        cell_y: Their height.
        z_factor: Metres per unit of the heights.
        percent: Hundredths of rise over run instead of degrees.
        result: NaN where the height is missing, shape (rows, cols). Modified.
    """
    rows, cols = result.shape
    eighth = np.float32(0.125)
    for row in range(rows):
        per_x, per_y = z_factor * eighth / cell_x[row], z_factor * eighth / cell_y[row]
        for col in range(cols):
            if np.isnan(heights[row + 1, col + 1]):
                result[row, col] = np.nan
                continue
            east, south = _gradient(heights, row, col, per_x, per_y)
            rise = math.sqrt(east * east + south * south)
            result[row, col] = 100.0 * rise if percent else math.degrees(math.atan(rise))


@njit(void(HEIGHTS, SIZES, SIZES, types.float32, types.float32, RESULT), cache=True, nogil=True, error_model="numpy")
def aspect(heights, cell_x, cell_y, z_factor, min_rise, result):
    """Write where each pixel faces, degrees clockwise from north, -1 where it is flat.

    Args:
        heights: Shape (rows + 2, cols + 2).
        cell_x: Width of the pixels of each row on the ground, metres, shape (rows,).
        cell_y: Their height.
        z_factor: Metres per unit of the heights.
        min_rise: Rise over run at or below which a pixel is flat.
        result: NaN where the height is missing, shape (rows, cols). Modified.
    """
    rows, cols = result.shape
    eighth = np.float32(0.125)
    for row in range(rows):
        per_x, per_y = z_factor * eighth / cell_x[row], z_factor * eighth / cell_y[row]
        for col in range(cols):
            if np.isnan(heights[row + 1, col + 1]):
                result[row, col] = np.nan
                continue
            east, south = _gradient(heights, row, col, per_x, per_y)
            if math.sqrt(east * east + south * south) <= min_rise:
                result[row, col] = -1.0
                continue
            # downhill is (-east, south) to east and north
            facing = math.degrees(math.atan2(-east, south))
            result[row, col] = facing + 360.0 if facing < 0.0 else facing


@njit(
    void(HEIGHTS, types.float32, types.float32, types.int64, types.uint8[:, ::1]),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def contours(heights, interval, width, major_every, result):
    """Write how much of each pixel a contour covers: 0 none to 127 all of a line, 128 to 255 the same of a major line.

    The distance to a line is that on the plane through the pixel's neighbours.

    Args:
        heights: Shape (rows + 2, cols + 2).
        interval: Units between lines, > 0.
        width: Width of a line, pixels; a major one is twice as wide.
        major_every: One line in so many is major; 0 for none.
        result: Shape (rows, cols). Modified.
    """
    rows, cols = result.shape
    half = np.float32(0.5)
    for row in range(rows):
        for col in range(cols):
            result[row, col] = 0
            here = heights[row + 1, col + 1]
            if np.isnan(here):
                continue
            east, south = _gradient(heights, row, col, np.float32(0.125), np.float32(0.125))
            steepness = math.sqrt(east * east + south * south)
            if steepness <= 1e-6 * interval:
                continue
            line = np.int64(math.floor(here / interval + half))
            away = abs(here - line * interval) / steepness
            is_major = major_every > 0 and line % major_every == 0
            reach = (width if is_major else width * half) + half
            cover = min(max(reach - away, 0.0), 1.0)
            result[row, col] = np.uint8(cover * 127.0 + 0.5) + (128 if is_major and cover > 0.0 else 0)


@njit(
    void(HEIGHTS, types.float64, types.float64, types.uint8[:, :, ::1]),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def terrain_rgb(heights, base, step, result):
    """Write heights as 24-bit numbers of steps above a base; a missing one is that of height 0, and transparent.

    Args:
        heights: NaN where missing, shape (rows, cols).
        base: Height of number 0.
        step: Height of one step, > 0.
        result: Red (high byte), green, blue and, with four channels, alpha, shape (rows, cols, 3 or 4). Modified.
    """
    rows, cols, channels = result.shape
    numbers = np.empty(cols, np.int32)
    per_step, zero = 1.0 / step, 0.0
    for row in range(rows):
        for col in range(cols):
            height = np.float64(heights[row, col])
            steps = ((zero if height != height else height) - base) * per_step + 0.5  # noqa: PLR0124 - NaN
            steps = steps if steps > 0.0 else 0.0
            numbers[col] = np.int32(steps if steps < 16777215.0 else 16777215.0)
        for col in range(cols):
            number = numbers[col]
            result[row, col, 0] = np.uint8(number >> 16)
            result[row, col, 1] = np.uint8(number >> 8)
            result[row, col, 2] = np.uint8(number)
        if channels == 4:
            for col in range(cols):
                result[row, col, 3] = 0 if np.isnan(heights[row, col]) else 255
