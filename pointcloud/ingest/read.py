"""Reads a LAS or LAZ file that passed the guard, block by block."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import lazrs
import numpy as np
from numpy.typing import NDArray

from core.errors import InputRefused
from pointcloud.copc.vlr import COPC_HIERARCHY, COPC_INFO, EXTRA_BYTES, GEO_KEYS, LASZIP, WKT, Record, RecordPlace
from pointcloud.copc.writer import EndRecord
from pointcloud.ingest.chunks import check_chunks, decoding
from pointcloud.ingest.guard import AGAIN, GetBytes, LasFile, inspect

BLOCK = 1_000_000
"""Points read at a time."""

_PIECE = 1 << 20
_WAVEFORM_DATA = ("LASF_Spec", 65535)
_SUPERSEDED = ("LASF_Spec", 7)
_GEO_DOUBLES, _GEO_TEXT, _WKT_MATH = ("LASF_Projection", 34736), ("LASF_Projection", 34737), ("LASF_Projection", 2111)
_REPLACED = {
    COPC_INFO,
    COPC_HIERARCHY,
    LASZIP,
    WKT,
    _WKT_MATH,
    GEO_KEYS,
    _GEO_DOUBLES,
    _GEO_TEXT,
    _WAVEFORM_DATA,
    _SUPERSEDED,
}
"""Records that the COPC file has of its own, or that no longer hold there."""

_WAVEFORM_DESCRIPTORS = range(100, 355)


def open_las(path: Path, file: BinaryIO) -> tuple[LasFile, GetBytes]:
    """Look at an open file; return what the guard found and how to read bytes of it.

    Raises:
        InputRefused: The guard refuses the file.
    """

    def get(offset: int, length: int) -> bytes:
        file.seek(offset)
        return file.read(length)

    return inspect(path.name, path.stat().st_size, get), get


def read_blocks(las: LasFile, file: BinaryIO, get: GetBytes) -> Iterator[NDArray[np.uint8]]:
    """Yield all points as records of the file's own format, shape (n, record length).

    A block is valid until the next one is asked.

    Raises:
        InputRefused: The points cannot be decoded, or end too early.
    """
    header = las.header
    if las.laszip:
        check_chunks(las, file, get)
    file.seek(header.offset_to_points)
    decoder = decoding(las, 0, lambda: lazrs.ParLasZipDecompressor(file, las.laszip)) if las.laszip else None
    buffer = np.empty((min(BLOCK, header.points), header.record_length), np.uint8)
    for done in range(0, header.points, BLOCK):
        block = buffer[: min(BLOCK, header.points - done)]
        flat = block.reshape(-1)
        if decoder is not None:
            decoding(las, done, partial(decoder.decompress_many, flat))
        elif file.readinto(flat) < flat.size:  # type: ignore[attr-defined]  # typing's BinaryIO leaves it out
            raise InputRefused(f"{las.name}: it ends within point {done + 1} and the following", AGAIN)
        yield block


def kept_records(las: LasFile, get: GetBytes, wkt: bytes) -> list[Record]:
    """Return the records that go before the points of the COPC file, the WKT first."""
    records = [Record(*WKT, wkt + b"\0", "OGC WKT")]
    for place in las.records:
        if not place.extended and _is_kept(place) and (place.kind != EXTRA_BYTES or las.header.extra_bytes):
            payload = get(place.offset, place.length)
            records.append(Record(place.user_id, place.record_id, payload, place.description))
    return records


def kept_end_records(las: LasFile, get: GetBytes) -> list[EndRecord]:
    """Return the records that go after the points of the COPC file."""
    return [
        EndRecord(place.user_id, place.record_id, place.description, place.length, _pieces(place, get))
        for place in las.records
        if place.extended and _is_kept(place)
    ]


def extra_dimensions(records: list[Record]) -> tuple[str, ...]:
    """Return the names of the attributes described by the extra bytes record (LAS 1.4 R15, table 24)."""
    for record in records:
        if (record.user_id, record.record_id) == EXTRA_BYTES:
            names = [record.payload[i + 4 : i + 36] for i in range(0, len(record.payload) - 191, 192)]
            return tuple(name.split(b"\0", 1)[0].decode("utf-8", "replace") for name in names)
    return ()


def _is_kept(place: RecordPlace) -> bool:
    waveform = place.user_id == "LASF_Spec" and place.record_id in _WAVEFORM_DESCRIPTORS
    return place.kind not in _REPLACED and not waveform


def _pieces(place: RecordPlace, get: GetBytes) -> Iterator[bytes]:
    for start in range(0, place.length, _PIECE):
        yield get(place.offset + start, min(_PIECE, place.length - start))
