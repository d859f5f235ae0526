"""The COPC info record: the cube of the octree and where its hierarchy stands (COPC 1.0)."""

import struct

import msgspec

INFO_SIZE = 160
"""Bytes of the payload; its record is the first, at byte 375 of the file."""

_INFO = struct.Struct("<5d2Q2d88x")


class CopcInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of the info record."""

    center: tuple[float, float, float]
    """Centre of the cube, in the CRS of the file."""

    halfsize: float
    """Half the side of the cube."""

    spacing: float
    """Distance between the points of the root node; halved at every level."""

    root_offset: int
    """Where the root page of the hierarchy stands in the file."""

    root_size: int
    """Bytes of the root page."""

    gps_time_min: float
    gps_time_max: float


def parse_info(payload: bytes) -> CopcInfo:
    """Parse the payload.

    Raises:
        ValueError: It has not `INFO_SIZE` bytes.
    """
    if len(payload) != INFO_SIZE:
        raise ValueError(f"a COPC info record has {INFO_SIZE} bytes, not {len(payload)}")
    x, y, z, halfsize, spacing, offset, size, first, last = _INFO.unpack(payload)
    return CopcInfo(
        center=(x, y, z),
        halfsize=halfsize,
        spacing=spacing,
        root_offset=offset,
        root_size=size,
        gps_time_min=first,
        gps_time_max=last,
    )


def build_info(info: CopcInfo) -> bytes:
    """Return the payload."""
    return _INFO.pack(
        *info.center,
        info.halfsize,
        info.spacing,
        info.root_offset,
        info.root_size,
        info.gps_time_min,
        info.gps_time_max,
    )
