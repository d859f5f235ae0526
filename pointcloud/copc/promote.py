"""Older point data record formats become 6, 7 or 8 (ASPRS LAS 1.4 R15, tables 7 to 17)."""

import numpy as np
from numpy.typing import NDArray

from pointcloud.copc.header import RECORD_LENGTHS

PROMOTED = {0: 6, 1: 6, 2: 7, 3: 7, 4: 6, 5: 7, 6: 6, 7: 7, 8: 8, 9: 6, 10: 8}
"""Format of the COPC file by that of the input; waveform packets are left out."""

HAS_WAVEFORM = frozenset({4, 5, 9, 10})

GPS_TIME = 22
"""Byte of a point of format 6, 7 or 8 where its GPS time begins."""

_OLD_GPS_TIME = 20
_OLD_COLOUR = {2: 20, 3: 28, 5: 28}
_COLOUR, _COLOUR_END = 30, 36
_SCAN_ANGLE_STEP = 0.006
"""Degrees of one unit of the scan angle in the formats from 6 on."""

Records = NDArray[np.uint8]


def promoted_length(point_format: int, record_length: int) -> int:
    """Return the bytes of a point after promotion, extra bytes kept."""
    return RECORD_LENGTHS[PROMOTED[point_format]] + record_length - RECORD_LENGTHS[point_format]


def promote(point_format: int, old: Records, new: Records) -> None:
    """Write points of any format as points of format 6, 7 or 8.

    A scan angle rank in whole degrees becomes the nearest multiple of 0.006 degrees.
    A class of overlap points (12) stays a class. Extra bytes are copied.

    Args:
        point_format: Point data record format of `old`.
        old: Records, shape (n, record length).
        new: Records, shape (n, `promoted_length`). Modified.
    """
    length, new_length = RECORD_LENGTHS[point_format], RECORD_LENGTHS[PROMOTED[point_format]]
    new[:, new_length:] = old[:, length:]
    if point_format >= 6:
        new[:, :new_length] = old[:, :new_length]
        return
    new[:, :14] = old[:, :14]  # x, y, z, intensity
    bits, classification = old[:, 14], old[:, 15]
    new[:, 14] = (bits & 0b111) | ((bits >> 3 & 0b111) << 4)
    new[:, 15] = (classification >> 5) | (bits & 0b1100_0000)  # synthetic, key point, withheld; direction, edge
    new[:, 16] = classification & 0b1_1111
    new[:, 17] = old[:, 17]
    degrees = np.ascontiguousarray(old[:, 16]).view(np.int8)
    angles = np.rint(degrees / _SCAN_ANGLE_STEP).astype("<i2")
    new[:, 18:20] = angles.view(np.uint8).reshape(-1, 2)
    new[:, 20:22] = old[:, 18:20]  # point source
    has_time = point_format in {1, 3, 4, 5}
    new[:, GPS_TIME:_COLOUR] = old[:, _OLD_GPS_TIME : _OLD_GPS_TIME + 8] if has_time else 0
    if point_format in _OLD_COLOUR:
        start = _OLD_COLOUR[point_format]
        new[:, _COLOUR:_COLOUR_END] = old[:, start : start + 6]
