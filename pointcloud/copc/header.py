"""The public header block of LAS 1.0 to 1.4 (ASPRS LAS 1.4 R15, section 2.4): parsed, and written as 1.4."""

import struct

import msgspec

HEADER_SIZE = 375
"""Bytes of a LAS 1.4 header."""

SIGNATURE = b"LASF"
WKT_BIT = 1 << 4
"""Global encoding: the CRS is WKT."""

WAVEFORM_BITS = 0b110
"""Global encoding: waveform packets are inside, or beside, the file."""

LEAST_HEADER = {0: 227, 1: 227, 2: 227, 3: 235, 4: 375}
"""Bytes of the header by minor version."""

RECORD_LENGTHS = {0: 20, 1: 28, 2: 26, 3: 34, 4: 57, 5: 63, 6: 30, 7: 36, 8: 38, 9: 59, 10: 67}
"""Bytes of a point by point data record format, without extra bytes."""

Vector = tuple[float, float, float]

# up to the minimum and maximum coordinates, the same in every version
_COMMON = struct.Struct("<4sHH16sBB32s32sHHHIIBHI5I3d3d6d")
_TAIL_1_4 = struct.Struct("<QQIQ15Q")


class LasHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a LAS header says; fields are named as in the specification."""

    file_source_id: int = 0
    global_encoding: int = 0
    project_id: bytes = b""
    version_minor: int = 4
    system_identifier: bytes = b""
    generating_software: bytes = b""
    creation_day: int = 0
    creation_year: int = 0
    header_size: int = HEADER_SIZE
    offset_to_points: int = 0
    vlr_count: int = 0
    format_byte: int = 0
    """Point data record format; bit 7 (and 6, in old files) says that points are LAZ."""

    record_length: int = 0
    """Bytes of a point, extra bytes included."""

    scales: Vector = (1.0, 1.0, 1.0)
    offsets: Vector = (0.0, 0.0, 0.0)
    minimum: Vector = (0.0, 0.0, 0.0)
    maximum: Vector = (0.0, 0.0, 0.0)
    evlr_start: int = 0
    evlr_count: int = 0
    points: int = 0
    by_return: tuple[int, ...] = ()
    """Points by return, the first return first."""

    @property
    def point_format(self) -> int:
        """Point data record format without the LAZ bits."""
        return self.format_byte & 0x3F

    @property
    def is_compressed(self) -> bool:
        """Whether the points are LAZ."""
        return bool(self.format_byte & 0xC0)

    @property
    def extra_bytes(self) -> int:
        """Bytes of a point beyond its format; negative when the record is too short."""
        return self.record_length - RECORD_LENGTHS[self.point_format]


def parse_header(data: bytes) -> LasHeader:
    """Parse a header; the caller knows that `data` begins with `SIGNATURE`.

    Raises:
        ValueError: `data` is shorter than the header of its version.
    """
    if len(data) < _COMMON.size:
        raise ValueError(f"a LAS header has {_COMMON.size} bytes at least, not {len(data)}")
    f = _COMMON.unpack_from(data)
    minor, points, by_return = f[5], f[15], f[16:21]
    tail = (0, 0, 0, 0)
    if minor >= 4:
        if len(data) < HEADER_SIZE:
            raise ValueError(f"a LAS 1.4 header has {HEADER_SIZE} bytes, not {len(data)}")
        tail = _TAIL_1_4.unpack_from(data, _COMMON.size)
        if tail[3]:
            points, by_return = tail[3], tail[4:]
    return LasHeader(
        file_source_id=f[1],
        global_encoding=f[2],
        project_id=f[3],
        version_minor=minor,
        system_identifier=f[6],
        generating_software=f[7],
        creation_day=f[8],
        creation_year=f[9],
        header_size=f[10],
        offset_to_points=f[11],
        vlr_count=f[12],
        format_byte=f[13],
        record_length=f[14],
        scales=f[21:24],
        offsets=f[24:27],
        maximum=(f[27], f[29], f[31]),
        minimum=(f[28], f[30], f[32]),
        evlr_start=tail[1],
        evlr_count=tail[2],
        points=points,
        by_return=tuple(by_return),
    )


def build_header(header: LasHeader) -> bytes:
    """Return a LAS 1.4 header of `HEADER_SIZE` bytes, its counts of LAS 1.3 and before left at 0."""
    spans = [bound for pair in zip(header.maximum, header.minimum, strict=True) for bound in pair]
    by_return = (*header.by_return, *([0] * 15))[:15]
    return _COMMON.pack(
        SIGNATURE,
        header.file_source_id,
        header.global_encoding,
        header.project_id,
        1,
        4,
        header.system_identifier,
        header.generating_software,
        header.creation_day,
        header.creation_year,
        HEADER_SIZE,
        header.offset_to_points,
        header.vlr_count,
        header.format_byte,
        header.record_length,
        0,
        *([0] * 5),
        *header.scales,
        *header.offsets,
        *spans,
    ) + _TAIL_1_4.pack(0, header.evlr_start, header.evlr_count, header.points, *by_return)
