"""Looks at a LAS or LAZ file before any library does: a header that lies is refused here, in microseconds.

Nothing of the file is trusted: counts and offsets are checked against its size before
anything is read or allocated by them.
"""

import math
import struct
from collections.abc import Callable

import msgspec

from core.errors import InputRefused
from pointcloud.copc.header import (
    HEADER_SIZE,
    LEAST_HEADER,
    RECORD_LENGTHS,
    SIGNATURE,
    LasHeader,
    parse_header,
)
from pointcloud.copc.vlr import COPC_INFO, EVLR_HEADER, LASZIP, VLR_HEADER, RecordPlace, parse_evlr_header, walk_vlrs
from pointcloud.ingest.laz import check_laszip

GetBytes = Callable[[int, int], bytes]
"""Reads (offset, length) of a file; fewer bytes at its end."""

MAX_RECORDS = 4096
"""Variable length records a file may have, before or after its points; real files have a dozen."""

MAX_FRONT = 64 << 20
"""Bytes that may stand before the points."""

MAX_SCALE = 1000.0
"""Largest step of stored coordinates, in units of the CRS."""

MAX_COORDINATE = 1e12
"""Largest offset of coordinates; no CRS of the Earth, whatever its unit, needs more."""

AGAIN = "copy or export the file again"


class LasFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that passed the guard."""

    name: str
    """File name, for messages."""

    size: int
    """Bytes."""

    header: LasHeader
    records: tuple[RecordPlace, ...]
    """Its variable length records, those before the points first."""

    laszip: bytes
    """Payload of the laszip record; empty when the points are not compressed."""

    is_copc: bool


def inspect(name: str, size: int, get: GetBytes) -> LasFile:
    """Check the structure of a LAS or LAZ file.

    Args:
        name: File name, for messages.
        size: Bytes of the file.
        get: Reads the file.

    Raises:
        InputRefused: The file cannot be taken; the message says which value is wrong and what to do.
    """
    try:
        header = _header(get(0, HEADER_SIZE), size)
        front = _front_records(header, get)
        records = (*front, *_end_records(header, size, get))
        laszip = _laszip(header, front, size, get) if header.is_compressed else b""
    except InputRefused as err:
        raise InputRefused(f"{name}: {err.message}", err.remedy or AGAIN) from err
    except (ValueError, struct.error) as err:
        raise InputRefused(f"{name}: {err}", AGAIN) from err
    is_copc = bool(front) and front[0].kind == COPC_INFO
    return LasFile(name=name, size=size, header=header, records=records, laszip=laszip, is_copc=is_copc)


def _laszip(header: LasHeader, front: tuple[RecordPlace, ...], size: int, get: GetBytes) -> bytes:
    places = [place for place in front if place.kind == LASZIP]
    if not places:
        raise InputRefused("its points are compressed but it has no laszip record")
    payload = get(places[0].offset, places[0].length)
    return check_laszip(payload, header, size, get)


def _header(data: bytes, size: int) -> LasHeader:
    if data[:4] != SIGNATURE:
        raise InputRefused(f"it is not a LAS or LAZ file: it begins with {data[:4]!r} instead of {SIGNATURE!r}")
    if len(data) < 26:
        raise InputRefused(f"it ends after {size} bytes, within its header")
    major, minor = data[24], data[25]
    if major != 1 or minor not in LEAST_HEADER:
        raise InputRefused(f"it is LAS {major}.{minor}; versions 1.0 to 1.4 are read", "convert it to LAS 1.4")
    if len(data) < LEAST_HEADER[minor]:
        raise InputRefused(f"it ends after {size} bytes, within its header")
    header = parse_header(data)
    _check_layout(header, size)
    _check_geometry(header)
    return header


def _check_layout(header: LasHeader, size: int) -> None:
    if header.header_size < LEAST_HEADER[header.version_minor]:
        raise InputRefused(
            f"its header claims {header.header_size} bytes; LAS 1.{header.version_minor} has "
            f"{LEAST_HEADER[header.version_minor]}"
        )
    if header.point_format not in RECORD_LENGTHS:
        raise InputRefused(f"its point data record format is {header.point_format}; formats 0 to 10 are read")
    if header.extra_bytes < 0:
        raise InputRefused(
            f"its points have {header.record_length} bytes; format {header.point_format} needs "
            f"{RECORD_LENGTHS[header.point_format]}"
        )
    if header.points == 0:
        raise InputRefused("it holds no point", "leave it out")
    if not header.header_size <= header.offset_to_points <= size:
        raise InputRefused(f"its points begin at byte {header.offset_to_points}; the file has {size} bytes")
    held = (size - header.offset_to_points) // header.record_length
    if not header.is_compressed and held < header.points:
        raise InputRefused(f"it claims {header.points} points and holds {held}: it is truncated")


def _check_geometry(header: LasHeader) -> None:
    if not all(0 < scale <= MAX_SCALE for scale in header.scales):
        raise InputRefused(f"its scale factors are {header.scales}; they must be above 0 and at most {MAX_SCALE:.0f}")
    if not all(math.isfinite(offset) and abs(offset) <= MAX_COORDINATE for offset in header.offsets):
        raise InputRefused(
            f"its offsets are {header.offsets}: coordinates would be beyond {MAX_COORDINATE:.0e}, or no numbers"
        )


def _front_records(header: LasHeader, get: GetBytes) -> tuple[RecordPlace, ...]:
    room = header.offset_to_points - header.header_size
    if header.vlr_count * VLR_HEADER > room or header.vlr_count > MAX_RECORDS:
        raise InputRefused(
            f"its header claims {header.vlr_count} variable length records; {room} bytes before the points hold "
            f"{min(room // VLR_HEADER, MAX_RECORDS)} at most"
        )
    if room > MAX_FRONT:
        raise InputRefused(f"{room} bytes stand before its points; {MAX_FRONT} are allowed")
    data = get(header.header_size, room)
    return tuple(walk_vlrs(data, header.header_size, header.vlr_count, start=header.header_size))


def _end_records(header: LasHeader, size: int, get: GetBytes) -> tuple[RecordPlace, ...]:
    count, offset = header.evlr_count, header.evlr_start
    if count == 0:
        return ()
    room = size - offset
    if offset < header.offset_to_points or count > MAX_RECORDS or count * EVLR_HEADER > room:
        raise InputRefused(
            f"its header claims {count} extended variable length records from byte {offset} on; "
            f"the file has {size} bytes"
        )
    places = []
    for number in range(count):
        data = get(offset, EVLR_HEADER)
        if len(data) < EVLR_HEADER:
            raise InputRefused(f"extended record {number + 1} of {count} begins at byte {offset}, beyond the end")
        place = parse_evlr_header(data, offset)
        offset = place.offset + place.length
        if offset > size:
            raise InputRefused(f"extended record {number + 1} of {count} claims {place.length} bytes, beyond the end")
        places.append(place)
    return tuple(places)
