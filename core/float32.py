"""The 32-bit floats next to a number, which is where steps between samples lie; numpy is not for every room."""

import math
import struct

_SIGN = -(1 << 31)


def float_above(value: float) -> float:
    """Return the smallest 32-bit float above a number that fits them."""
    nearest = _rounded(value)
    if nearest > value:
        return nearest
    (bits,) = struct.unpack("<i", struct.pack("<f", nearest))
    if bits == _SIGN:
        bits = 0  # from -0.0 as from 0.0
    (above,) = struct.unpack("<f", struct.pack("<i", bits + 1 if bits >= 0 else bits - 1))
    return float(above)


def float_below(value: float) -> float:
    """Return the largest 32-bit float below a number that fits them."""
    return -float_above(-value)


def _rounded(value: float) -> float:
    (nearest,) = struct.unpack("<f", struct.pack("<f", value))
    return float(nearest) if math.isfinite(nearest) else value
