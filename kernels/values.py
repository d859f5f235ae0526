"""Columns of values as the messages of a vector tile (Vector Tile Specification 2.1, clause 4.4)."""

import numpy as np
from numba import njit, types, void

from kernels.signature import BYTES, LIST, NUMBERS, TEXT
from kernels.varint import put, put_unsigned

REAL_BYTES = types.Array(types.uint8, 2, "C", readonly=True)

_STRING, _DOUBLE, _INT, _SINT = 0x0A, 0x19, 0x20, 0x30
"""First bytes of the fields of a value: number and wire type."""


@njit(types.int64(NUMBERS, TEXT, LIST, BYTES), cache=True, nogil=True)
def write_strings(text_ends, text, ends, data):
    """Write strings; return the bytes.

    Args:
        text_ends: Where each begins in `text`, and the end of the last, shape (n + 1,).
        text: UTF-8.
        ends: Where each message begins, and the end of the last, shape (n + 1,). Modified.
        data: Receives the messages; room for 6 bytes each and the text. Modified.
    """
    at = np.int64(0)
    ends[0] = 0
    for k in range(ends.size - 1):
        begin, end = text_ends[k], text_ends[k + 1]
        data[at] = np.uint8(_STRING)
        at = put(data, at + 1, end - begin)
        for i in range(begin, end):
            data[at] = text[i]
            at += 1
        ends[k + 1] = at
    return at


@njit(types.int64(NUMBERS, LIST, BYTES), cache=True, nogil=True)
def write_integers(values, ends, data):
    """Write whole numbers, negative ones with the sign in the lowest bit; return the bytes.

    Args:
        values: Shape (n,).
        ends: Where each message begins, and the end of the last, shape (n + 1,). Modified.
        data: Receives the messages; room for 11 bytes each. Modified.
    """
    at = np.int64(0)
    ends[0] = 0
    for k in range(values.size):
        value = values[k]
        left = np.uint64(value)
        data[at] = np.uint8(_INT)
        if value < 0:
            left = (np.uint64(~value) << np.uint64(1)) | np.uint64(1)
            data[at] = np.uint8(_SINT)
        at = put_unsigned(data, at + 1, left)
        ends[k + 1] = at
    return at


@njit(void(REAL_BYTES, LIST, BYTES), cache=True, nogil=True)
def write_doubles(values, ends, data):
    """Write numbers.

    Args:
        values: Their bytes, little-endian, shape (n, 8).
        ends: Where each message begins, and the end of the last, shape (n + 1,). Modified.
        data: Receives the messages, 9 bytes each. Modified.
    """
    ends[0] = 0
    for k in range(values.shape[0]):
        at = 9 * k
        data[at] = np.uint8(_DOUBLE)
        for i in range(8):
            data[at + 1 + i] = values[k, i]
        ends[k + 1] = at + 9
