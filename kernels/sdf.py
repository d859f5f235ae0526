"""Signed distances to an outline, as the bytes that map clients draw letters and icons from."""

import math

from numba import njit, types, void

SEGMENTS = types.Array(types.float64, 2, "C", readonly=True)
BYTES = types.uint8[:, ::1]

CUTOFF = 0.25
"""Share of the 256 steps that lies outside the outline: a byte of 191 or more is inside."""


@njit(void(SEGMENTS, types.float64, types.float64, types.float64, BYTES), cache=True, nogil=True)
def encode_distances(segments, west, north, radius, out):
    """Write how far the centre of each pixel is from an outline.

    A byte is 255 - (distance / radius + 0.25)·256, cut to 0 to 255; distances are negative inside. What is inside
    has a winding number other than 0.

    Args:
        segments: Edges of closed rings, x0, y0, x1, y1 with y upwards, pixels, shape (n, 4).
        west: Left edge of the picture, pixels.
        north: Upper edge of the picture, pixels.
        radius: Distance that takes all 256 steps, pixels, > 0.
        out: Rows from the north, shape (rows, cols). Modified.
    """
    rows, cols = out.shape
    for row in range(rows):
        y = north - row - 0.5
        for col in range(cols):
            x = west + col + 0.5
            nearest = math.inf
            winding = 0
            for at in range(segments.shape[0]):
                x0, y0, x1, y1 = segments[at, 0], segments[at, 1], segments[at, 2], segments[at, 3]
                along_x, along_y = x1 - x0, y1 - y0
                length = along_x * along_x + along_y * along_y
                share = 0.0
                if length > 0.0:
                    share = min(1.0, max(0.0, ((x - x0) * along_x + (y - y0) * along_y) / length))
                away_x, away_y = x0 + share * along_x - x, y0 + share * along_y - y
                nearest = min(nearest, away_x * away_x + away_y * away_y)
                if (y0 <= y) != (y1 <= y):
                    left_of = along_x * (y - y0) - (x - x0) * along_y
                    if y1 > y0 and left_of > 0.0:
                        winding += 1
                    elif y1 < y0 and left_of < 0.0:
                        winding -= 1
            distance = math.sqrt(nearest)
            if winding != 0:
                distance = -distance
            value = 255.0 - (distance / radius + CUTOFF) * 256.0
            out[row, col] = int(min(255.0, max(0.0, value)) + 0.5)
