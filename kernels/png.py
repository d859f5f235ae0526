"""PNG row filters (ISO/IEC 15948:2004, clause 9) and the packing of palette indexes (clause 7.2)."""

import numpy as np
from numba import njit, types, void

PIXELS = types.Array(types.uint8, 2, "C", readonly=True)
ROWS = types.uint8[:, ::1]

NONE, SUB, UP, AVERAGE, PAETH = 0, 1, 2, 3, 4
"""Filter types (clause 9.2)."""


@njit(void(PIXELS, types.int64, types.int64, ROWS), cache=True, nogil=True)
def filter_rows(pixels, step, kind, rows):
    """Write every row with its filter type before it.

    Args:
        pixels: Bytes of the picture, shape (height, width·channels).
        step: Bytes of a pixel: its number of channels.
        kind: Filter type of all rows: 0 none, 1 sub, 2 up, 3 average, 4 Paeth.
        rows: Shape (height, 1 + width·channels). Modified.
    """
    height, length = pixels.shape
    for row in range(height):
        rows[row, 0] = kind
        if kind == 0:
            for at in range(length):
                rows[row, at + 1] = pixels[row, at]
        elif kind == 1:
            for at in range(step):
                rows[row, at + 1] = pixels[row, at]
            for at in range(step, length):
                rows[row, at + 1] = (np.int32(pixels[row, at]) - np.int32(pixels[row, at - step])) & 255
        elif kind == 2:
            if row == 0:
                for at in range(length):
                    rows[row, at + 1] = pixels[row, at]
            else:
                for at in range(length):
                    rows[row, at + 1] = (np.int32(pixels[row, at]) - np.int32(pixels[row - 1, at])) & 255
        elif kind == 3 and row > 0:
            for at in range(step):
                rows[row, at + 1] = (np.int32(pixels[row, at]) - (np.int32(pixels[row - 1, at]) >> 1)) & 255
            # views that begin where the pixel before does: the loop is one of vectors
            here, left, above = pixels[row, step:], pixels[row, : length - step], pixels[row - 1, step:]
            out = rows[row, 1 + step :]
            for at in range(length - step):
                out[at] = (np.int32(here[at]) - ((np.int32(left[at]) + np.int32(above[at])) >> 1)) & 255
        elif kind == 3:
            for at in range(length):
                left_one = np.int32(pixels[row, at - step]) if at >= step else np.int32(0)
                rows[row, at + 1] = (np.int32(pixels[row, at]) - (left_one >> 1)) & 255
        else:
            for at in range(length):
                left_one = np.int32(pixels[row, at - step]) if at >= step else np.int32(0)
                above_one = np.int32(pixels[row - 1, at]) if row > 0 else np.int32(0)
                corner = np.int32(pixels[row - 1, at - step]) if row > 0 and at >= step else np.int32(0)
                near_left = abs(above_one - corner)
                near_above = abs(left_one - corner)
                near_corner = abs(left_one + above_one - 2 * corner)
                guess = corner
                if near_left <= near_above and near_left <= near_corner:
                    guess = left_one
                elif near_above <= near_corner:
                    guess = above_one
                rows[row, at + 1] = (np.int32(pixels[row, at]) - guess) & 255


@njit(void(PIXELS, types.int64, ROWS), cache=True, nogil=True)
def pack_rows(indexes, bits, rows):
    """Write every row of palette indexes packed, the first pixel in the high bits, with filter type 0 before it.

    Args:
        indexes: Each below 2^`bits`, shape (height, width).
        bits: Bits of an index: 1, 2, 4 or 8.
        rows: Shape (height, 1 + ceil(width·bits / 8)). Modified.
    """
    height, width = indexes.shape
    for row in range(height):
        for at in range(rows.shape[1]):
            rows[row, at] = 0
        for col in range(width):
            place = col * bits
            shift = 8 - bits - (place & 7)
            rows[row, 1 + (place >> 3)] |= np.uint8(np.int64(indexes[row, col]) << shift)


@njit(types.int64(PIXELS, types.int64), cache=True, nogil=True)
def cheaper_filter(pixels, step):
    """Return which of the filters up and average leaves less, judged by every sixteenth row.

    What average leaves takes deflate half as long again: it must be less by a tenth.

    Args:
        pixels: Bytes of the picture, shape (height, width·channels).
        step: Bytes of a pixel.
    """
    up = np.int64(0)
    average = np.int64(0)
    for row in range(1, pixels.shape[0], 16):
        for at in range(step, pixels.shape[1]):
            value = np.int32(pixels[row, at])
            above = np.int32(pixels[row - 1, at])
            left = np.int32(pixels[row, at - step])
            up += min((value - above) & 255, (above - value) & 255)
            guess = (left + above) >> 1
            average += min((value - guess) & 255, (guess - value) & 255)
    return 3 if 10 * average < 9 * up else 2
