"""Variable length records of LAS, before the points (VLR) and after them (EVLR)."""

import struct
from collections.abc import Iterator

import msgspec

VLR_HEADER, EVLR_HEADER = 54, 60
"""Bytes before the payload."""

MAX_VLR_PAYLOAD = 65_535
"""Bytes an ordinary record can hold."""

COPC_INFO = ("copc", 1)
COPC_HIERARCHY = ("copc", 1000)
LASZIP = ("laszip encoded", 22204)
WKT = ("LASF_Projection", 2112)
GEO_KEYS = ("LASF_Projection", 34735)
EXTRA_BYTES = ("LASF_Spec", 4)

_VLR = struct.Struct("<H16sHH32s")
_EVLR = struct.Struct("<H16sHQ32s")


class RecordPlace(msgspec.Struct, frozen=True, gc=False):
    """Where a record stands in its file; the payload is not read."""

    user_id: str
    record_id: int
    description: str
    offset: int
    """Of the payload."""

    length: int
    """Bytes of the payload."""

    extended: bool
    """Whether it stands after the points."""

    @property
    def kind(self) -> tuple[str, int]:
        """User and record id, which together say what the payload is."""
        return self.user_id, self.record_id


class Record(msgspec.Struct, frozen=True):
    """A record with its payload."""

    user_id: str
    record_id: int
    payload: bytes
    description: str = ""


def walk_vlrs(data: bytes, offset: int, count: int, *, start: int = 0) -> Iterator[RecordPlace]:
    """Yield the records of a run of VLRs.

    Args:
        data: Bytes of the file from `start` to the first point.
        offset: Where the first record begins in the file.
        count: Records to read.
        start: Where `data` begins in the file.

    Raises:
        ValueError: A record runs beyond `data`.
    """
    for number in range(count):
        if offset - start + VLR_HEADER > len(data):
            raise ValueError(f"record {number + 1} of {count} has no room before the points")
        _, user, record_id, length, description = _VLR.unpack_from(data, offset - start)
        offset += VLR_HEADER
        if offset - start + length > len(data):
            raise ValueError(f"record {number + 1} of {count} claims {length} bytes and runs into the points")
        yield RecordPlace(_text(user), record_id, _text(description), offset, length, extended=False)
        offset += length


def parse_evlr_header(data: bytes, offset: int) -> RecordPlace:
    """Parse the `EVLR_HEADER` bytes that stand at `offset` of the file."""
    _, user, record_id, length, description = _EVLR.unpack(data)
    return RecordPlace(_text(user), record_id, _text(description), offset + EVLR_HEADER, length, extended=True)


def build_vlr(record: Record) -> bytes:
    """Return a record as it stands before the points."""
    return _VLR.pack(0, *_names(record), len(record.payload), record.description.encode("latin-1")) + record.payload


def build_evlr_header(record_id: int, user_id: str, length: int, description: str = "") -> bytes:
    """Return what precedes the payload of a record that stands after the points."""
    return _EVLR.pack(0, user_id.encode("latin-1"), record_id, length, description.encode("latin-1"))


def _names(record: Record) -> tuple[bytes, int]:
    return record.user_id.encode("latin-1"), record.record_id


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("latin-1")
