"""One layer of a vector tile written straight into a buffer (Vector Tile Specification 2.1, clauses 4.1 to 4.4)."""

import numpy as np
from numba import njit, types

from kernels.signature import BYTES, CODES, COUNTS, IDS, KINDS, LIST, NUMBERS, OFFSETS, TEXT
from kernels.varint import put, put_unsigned, width

_ID, _TAGS, _TYPE, _GEOMETRY = 0x08, 0x12, 0x18, 0x22
"""First bytes of the fields of a feature: number and wire type."""

_FEATURE, _KEY, _VALUE = 0x12, 0x1A, 0x22
"""First bytes of the fields of a layer."""

_FRAME = 48
"""Bytes of a feature beside its tags and commands at most."""


@njit(types.int64(TEXT, types.int64, types.int64, BYTES, types.int64), cache=True, nogil=True)
def _copy(source, start, stop, data, at):
    for i in range(start, stop):
        data[at + i - start] = source[i]
    return at + stop - start


@njit(types.int64(types.int64, TEXT, types.int64, types.int64, BYTES, types.int64), cache=True, nogil=True)
def _write_entry(field, texts, begin, end, data, at):
    """Write a block of `texts` as a field; -1 when there is no room."""
    if at < 0 or at + end - begin + 12 > data.size:
        return -1
    data[at] = np.uint8(field)
    at = put(data, at + 1, end - begin)
    return _copy(texts, begin, end, data, at)


@njit(
    types.int64(
        NUMBERS, OFFSETS, KINDS, IDS, NUMBERS, NUMBERS, TEXT, CODES, NUMBERS, NUMBERS, TEXT, CODES, NUMBERS, TEXT,
        NUMBERS, TEXT, COUNTS, LIST, LIST, BYTES,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def write_layer(
    kept, rows, kinds, ids, starts, stops, commands, codes, columns, value_ends, values, more_codes, more_ends,
    more_values, key_ends, keys, table, key_places, value_list, data,
):  # fmt: skip
    """Write features, then the keys and values they use; return the bytes, or -1 when there is no room.

    Args:
        kept: Numbers of the features to write, shape (k,).
        rows: Row of each feature in the layer, shape (n,).
        kinds: Kind of each (clause 4.3.4), shape (n,).
        ids: Identifier of each feature, shape (n,).
        starts: Where the commands of each feature begin in `commands`, shape (n,).
        stops: Where they end.
        commands: Drawing commands.
        codes: Number of the value of each row and attribute; 0 for none, shape (rows, attributes).
        columns: Attributes to write, shape (c,).
        value_ends: Where each value begins in `values`, and the end of the last.
        values: Values as messages without the head of their field, the first of no length.
        more_codes: Codes of the rows that follow, shape (more rows, attributes).
        more_ends: Where each of the values that follow begins in `more_values`, and the end of the last.
        more_values: Those values, as messages.
        key_ends: Where each name of an attribute begins in `keys`, and the end of the last.
        keys: Names of attributes, UTF-8.
        table: Room to find values again, zeros: a power of two of pairs, more than there are tags, value and place
            interleaved, shape (2 t,). Modified.
        key_places: Filled with -1, shape (attributes,). Modified.
        value_list: Room for as many values as there are tags. Modified.
        data: Receives the bytes. Modified.
    """
    at, value_count, key_count = np.int64(0), np.int64(0), np.int64(0)
    slots = table.size // 2
    mask = slots - 1
    tags = np.empty(2 * columns.size + 1, np.int64)
    key_list = np.empty(columns.size + 1, np.int64)
    number = np.empty(10, np.uint8)  # where the length of an identifier is found
    row_count, code_count = np.int64(codes.shape[0]), np.int64(value_ends.size - 1)
    for k in range(kept.size):
        place = kept[k]
        row = np.int64(rows[place])
        count, tag_bytes = 0, 0
        for c in range(columns.size):
            column = columns[c]
            code = np.int64(codes[row, column] if row < row_count else more_codes[row - row_count, column])
            if code == 0:
                continue
            slot = (code ^ (code >> 15) ^ (code >> 7)) & mask
            known = np.int64(table[2 * slot])
            while known not in (0, code):
                slot = (slot + 1) & mask
                known = np.int64(table[2 * slot])
            if known == 0:
                table[2 * slot], table[2 * slot + 1] = np.uint32(code), np.uint32(value_count)
                value_list[value_count] = code
                value_count += 1
            if key_places[column] < 0:
                key_places[column] = key_count
                key_list[key_count] = column
                key_count += 1
            tags[count], tags[count + 1] = key_places[column], np.int64(table[2 * slot + 1])
            tag_bytes += width(tags[count]) + width(tags[count + 1])
            count += 2
        begin, end = starts[place], stops[place]
        length = end - begin
        if at + length + tag_bytes + _FRAME > data.size:
            return -1
        identifier = ids[place]
        size = 2 + 1 + width(length) + length
        if count > 0:
            size += 1 + width(tag_bytes) + tag_bytes
        size += 1 + put_unsigned(number, 0, identifier)
        data[at] = np.uint8(_FEATURE)
        at = put(data, at + 1, size)
        data[at] = np.uint8(_ID)
        at = put_unsigned(data, at + 1, identifier)
        if count > 0:
            data[at] = np.uint8(_TAGS)
            at = put(data, at + 1, np.int64(tag_bytes))
            for i in range(count):
                at = put(data, at, tags[i])
        data[at] = np.uint8(_TYPE)
        data[at + 1] = kinds[place]
        data[at + 2] = np.uint8(_GEOMETRY)
        at = put(data, at + 3, length)
        at = _copy(commands, begin, end, data, at)
    for k in range(key_count):
        at = _write_entry(_KEY, keys, key_ends[key_list[k]], key_ends[key_list[k] + 1], data, at)
    for k in range(value_count):
        code = value_list[k]
        if code < code_count:
            at = _write_entry(_VALUE, values, value_ends[code], value_ends[code + 1], data, at)
        else:
            code -= code_count
            at = _write_entry(_VALUE, more_values, more_ends[code], more_ends[code + 1], data, at)
    return at
