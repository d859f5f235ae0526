"""The text of producers' files: what the bytes say when the declaration is wrong or missing."""

import struct
from typing import BinaryIO, Literal

import numpy as np
import pyarrow as pa

Text = Literal["ascii", "utf-8", "other"]
"""What bytes turn out to be: within ASCII, valid UTF-8 beyond it, or neither."""

_HEADER, _FIELD = 32, 32
"""Bytes of the head of a dBASE file, and of the description of each field."""

_CHUNK_BYTES = 8 << 20


def dbf_text(file: BinaryIO) -> Text:
    """Tell which encoding the text of a dBASE file has, whatever it declares.

    Names of fields and all character values are looked at. A UTF-8 value cut in
    the middle of its last character, as writers do at the width of a field, still
    counts as UTF-8.

    Args:
        file: The file, at its beginning. Read once, in pieces.
    """
    head = file.read(_HEADER)
    if len(head) < _HEADER:
        return "ascii"
    records, header_length, record_length = struct.unpack_from("<IHH", head, 4)
    descriptions = file.read(max(header_length - _HEADER, 0)).split(b"\r", 1)[0]
    names, columns = _character_columns(descriptions)
    found = {_kind_of(name, full=False) for name in names}
    per_chunk = max(1, _CHUNK_BYTES // max(record_length, 1))
    for start in range(0, records if columns else 0, per_chunk):
        data = file.read(min(per_chunk, records - start) * record_length)
        whole = len(data) // record_length if record_length else 0
        rows = np.frombuffer(data, np.uint8, whole * record_length).reshape(whole, record_length)
        for offset, length in columns:
            cells = rows[:, offset : offset + length]
            values = (cell.tobytes().rstrip(b" \0") for cell in cells[(cells >= 0x80).any(axis=1)])
            found |= {_kind_of(value, full=len(value) == length) for value in values}
        if not whole or "other" in found:
            break
    if "other" in found:
        return "other"
    return "utf-8" if "utf-8" in found else "other" if "cut" in found else "ascii"


def shapefile_encoding(text: Text, declared: str) -> tuple[str, str]:
    """Choose how a shapefile's text is to be read.

    Args:
        text: What its bytes are.
        declared: Content of its `.cpg`, empty when there is none.

    Returns:
        The encoding to impose, empty to let GDAL follow the declaration; and what
        to tell the producer, empty when declaration and bytes agree.
    """
    says_utf8 = declared.strip().upper().replace("_", "-") in {"UTF-8", "UTF8", "65001"}
    if text == "utf-8":
        wrong = bool(declared) and not says_utf8
        return "UTF-8", f"its .cpg says {declared.strip()} but the text is UTF-8: read as UTF-8" if wrong else ""
    if text == "other" and says_utf8:
        return "CP1252", "its .cpg says UTF-8 but the text is not: read as Windows-1252"
    if text == "other" and not declared:
        return "CP1252", "it has no .cpg and the text is not UTF-8: read as Windows-1252"
    return "", ""


def mend_text(column: pa.Array) -> tuple[pa.Array, int]:
    """Return a column of text whose every value is valid UTF-8, and how many had to be mended.

    A value that is not UTF-8 loses its last character when only that is cut, and
    is read as Windows-1252 otherwise.
    """
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        pass
    else:
        return column, 0
    values = column.cast(pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()).to_pylist()
    mended = [None if value is None else _decode(value) for value in values]
    changed = sum(a is not None and a.encode() != b for a, b in zip(mended, values, strict=True))
    return pa.array(mended, type=column.type), changed


def _character_columns(descriptions: bytes) -> tuple[list[bytes], list[tuple[int, int]]]:
    """Return the names of all fields, and offset and length in a record of those that hold text."""
    names, columns, offset = [], [], 1
    for start in range(0, len(descriptions) - _FIELD + 1, _FIELD):
        field = descriptions[start : start + _FIELD]
        length = field[16] + (field[17] << 8 if field[11:12] == b"C" else 0)
        names.append(field[:11].split(b"\0", 1)[0])
        if field[11:12] == b"C":
            columns.append((offset, length))
        offset += length
    return names, columns


def _kind_of(value: bytes, *, full: bool) -> Literal["ascii", "utf-8", "cut", "other"]:
    """Tell what a value is; `cut` when it fills its field and only its last character may lack bytes."""
    if value.isascii():
        return "ascii"
    try:
        value.decode()
    except UnicodeDecodeError as err:
        if not full or err.reason != "unexpected end of data":
            return "other"
        return "cut" if value[: err.start].isascii() else "utf-8"
    return "utf-8"


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as err:
        if err.reason == "unexpected end of data" and not value[: err.start].isascii():
            return value[: err.start].decode()
    return value.decode("cp1252", errors="replace")
