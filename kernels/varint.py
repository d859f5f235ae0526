"""Whole numbers in seven bits a byte (Protocol Buffers, encoding of varints)."""

import numpy as np
from numba import njit


@njit(inline="always")
def put(data, at, value):
    """Write a number of at most 63 bits; return the place behind it."""
    while value > 127:
        data[at] = np.uint8((value & 127) | 128)
        value >>= 7
        at += 1
    data[at] = np.uint8(value)
    return at + 1


@njit(inline="always")
def put_unsigned(data, at, value):
    """Write a number of 64 bits without sign; return the place behind it."""
    while value > np.uint64(127):
        data[at] = np.uint8((value & np.uint64(127)) | np.uint64(128))
        value >>= np.uint64(7)
        at += 1
    data[at] = np.uint8(value)
    return at + 1


@njit(inline="always")
def width(value):
    """Return the bytes of a number of at most 63 bits."""
    count = 1
    while value > 127:
        value >>= 7
        count += 1
    return count
