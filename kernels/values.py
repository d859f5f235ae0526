"""Columns of values as the messages of a vector tile (Vector Tile Specification 2.1, clause 4.4)."""

import numpy as np
from numba import njit, types, void

from kernels.signature import BYTES, CODES, LIST, NUMBERS, OFFSETS, TEXT
from kernels.varint import put, put_unsigned

REAL_BYTES = types.Array(types.uint8, 2, "C", readonly=True)

_STRING, _DOUBLE, _INT, _SINT = 0x0A, 0x19, 0x20, 0x30
"""First bytes of the fields of a value: number and wire type."""

_MODULUS, _BASE = np.int64(2**54 - 33), np.int64(331)
"""Of the hash; the product of both fits 63 bits."""

_TAG = 3
"""Bytes of the numbers of a key and a value in a feature, about."""


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


@njit(void(NUMBERS, NUMBERS, TEXT, LIST), cache=True, nogil=True)
def hash_messages(owners, ends, messages, hashes):
    """Write a hash of each message and the number that goes with it: a polynomial modulo a prime of 54 bits.

    Message 0 is passed over.

    Args:
        owners: A number for each message but the first, 0 or more, shape (n,).
        ends: Where each message begins, and the end of the last, shape (n + 2,).
        messages: The messages, one after the other.
        hashes: Shape (n,). Modified.
    """
    for value in range(owners.size):
        found = (owners[value] + 1) % _MODULUS
        for i in range(ends[value + 1], ends[value + 2]):
            found = (found * _BASE + np.int64(messages[i]) + 1) % _MODULUS
        hashes[value] = found


@njit(void(NUMBERS, NUMBERS, NUMBERS, TEXT, LIST), cache=True, nogil=True)
def merge_equal(order, hashes, ends, messages, firsts):
    """Write for each message the first that is equal to it.

    Args:
        order: Messages by their hashes, those of a hash ascending, shape (n,).
        hashes: Of each, equal for equal messages, shape (n,).
        ends: Where each message begins, and the end of the last, shape (n + 1,).
        messages: The messages, one after the other.
        firsts: Shape (n,). Modified.
    """
    start = 0
    for k in range(order.size):
        if hashes[order[k]] != hashes[order[start]]:
            start = k
        value = order[k]
        length = ends[value + 1] - ends[value]
        firsts[value] = value
        for j in range(start, k):
            other = order[j]
            if firsts[other] != other or ends[other + 1] - ends[other] != length:
                continue
            same = True
            for i in range(length):
                if messages[ends[value] + i] != messages[ends[other] + i]:
                    same = False
                    break
            if same:
                firsts[value] = other
                break


@njit(void(OFFSETS, CODES, NUMBERS, CODES, NUMBERS, NUMBERS, LIST), cache=True, nogil=True)
def weigh_rows(rows, codes, ends, more_codes, more_ends, thrift, weights):
    """Write about how many bytes the attributes of some rows take in a tile.

    Args:
        rows: Shape (n,).
        codes: Number of the value of each row and attribute, 0 for none, shape (rows, attributes).
        ends: Where each value begins, and the end of the last.
        more_codes: The same of the rows that follow.
        more_ends: The same of the values that follow.
        thrift: Of each attribute: a value costs 2^-thrift of its bytes.
        weights: Shape (n,). Modified.
    """
    row_count, code_count = np.int64(codes.shape[0]), np.int64(ends.size - 1)
    for k in range(rows.size):
        row, total = np.int64(rows[k]), np.int64(0)
        for column in range(thrift.size):
            code = np.int64(codes[row, column] if row < row_count else more_codes[row - row_count, column])
            if code == 0:
                continue
            if code < code_count:
                length = ends[code + 1] - ends[code]
            else:
                length = more_ends[code - code_count + 1] - more_ends[code - code_count]
            total += _TAG + ((length + 2) >> thrift[column])
        weights[k] = total
