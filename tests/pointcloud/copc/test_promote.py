"""Promotion of old point formats, bit by bit as the tables of LAS 1.4 R15 say."""

import struct

import numpy as np
import pytest

from pointcloud.copc.promote import promote, promoted_length

# x, y, z, intensity, bits, class, scan angle rank, user data, point source
HEAD = struct.pack("<iiiHBBbBH", -1, 2, -3, 60000, 0b1_1_101_011, 0b101_00110, -90, 7, 513)
TIME = struct.pack("<d", 12.5)
COLOUR = struct.pack("<HHH", 1, 2, 65535)
WAVE = bytes(range(29))

# return 3 of 5; synthetic and withheld; direction and edge; class 6; -90 degrees = -15000 * 0.006
NEW = struct.pack("<iiiHBBBBhH", -1, 2, -3, 60000, 0x53, 0b1_1_00_0101, 6, 7, -15000, 513)


@pytest.mark.parametrize(
    ("point_format", "old", "new"),
    [
        (0, HEAD, NEW + bytes(8)),
        (1, HEAD + TIME, NEW + TIME),
        (2, HEAD + COLOUR, NEW + bytes(8) + COLOUR),
        (3, HEAD + TIME + COLOUR, NEW + TIME + COLOUR),
        (4, HEAD + TIME + WAVE, NEW + TIME),
        (5, HEAD + TIME + COLOUR + WAVE, NEW + TIME + COLOUR),
        (6, NEW + TIME, NEW + TIME),
        (7, NEW + TIME + COLOUR, NEW + TIME + COLOUR),
        (8, NEW + TIME + COLOUR + b"nn", NEW + TIME + COLOUR + b"nn"),
        (9, NEW + TIME + WAVE, NEW + TIME),
        (10, NEW + TIME + COLOUR + b"nn" + WAVE, NEW + TIME + COLOUR + b"nn"),
    ],
)
@pytest.mark.parametrize("extra", [b"", b"xyz"])
def test_every_field_comes_to_its_place(point_format, old, new, extra):
    before = np.frombuffer((old + extra) * 2, np.uint8).reshape(2, -1)
    assert promoted_length(point_format, before.shape[1]) == len(new + extra)
    after = np.full((2, len(new + extra)), 99, np.uint8)
    promote(point_format, before, after)
    assert after.tobytes() == (new + extra) * 2
