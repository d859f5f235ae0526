"""Checks what a LAZ file says of its compression, before the decoder allocates by it.

See the LAZ specification (ASPRS, 2022), laszip record and chunk table.
"""

import struct
from collections.abc import Callable

from core.errors import InputRefused
from pointcloud.copc.header import LasHeader

_FIXED = struct.Struct("<HHBBHIIqqH")
_CHUNK_SIZE = 12
"""Where the chunk size stands in the record."""

_ITEM = struct.Struct("<HHH")

_COMPRESSORS = {2: "point-wise in chunks", 3: "layered in chunks"}
_POINT_WISE_ITEMS = {6: 20, 7: 8, 8: 6, 9: 29}
_LAYERED_ITEMS = {10: 30, 11: 6, 12: 8, 13: 29}
_BYTE_ITEMS = frozenset({0, 14})

VARIABLE = frozenset({0, 0xFFFFFFFF})
"""Chunk sizes that say: every chunk has its own. The norm names the second; lasR writes the first."""

_OTHER_TOOL = "write it again with LASzip, PDAL or laspy"


def check_laszip(payload: bytes, header: LasHeader, size: int, get: Callable[[int, int], bytes]) -> bytes:
    """Check the laszip record and the chunk table against the header and the size of the file.

    Returns:
        The payload for the decoder. It allocates a whole chunk, so a chunk size above the number of
        points, which says as much as that number, is lowered to it.

    Raises:
        InputRefused: A value cannot be, or asks for an encoding that is not read.
    """
    if len(payload) < _FIXED.size:
        raise InputRefused(f"its laszip record has {len(payload)} bytes; {_FIXED.size} are needed")
    compressor, coder, *_, chunk_size, _, _, items = _FIXED.unpack_from(payload)
    if compressor not in _COMPRESSORS:
        raise InputRefused(f"its LAZ compressor is {compressor}; 2 and 3 are read", _OTHER_TOOL)
    if coder != 0:
        raise InputRefused(f"its LAZ entropy coder is {coder}; only 0 exists", _OTHER_TOOL)
    if (compressor == 3) != (header.point_format >= 6):
        raise InputRefused(f"its LAZ compressor {compressor} cannot hold points of format {header.point_format}")
    if len(payload) < _FIXED.size + items * _ITEM.size:
        raise InputRefused(f"its laszip record claims {items} items and has {len(payload)} bytes")
    _check_items([_ITEM.unpack_from(payload, _FIXED.size + i * _ITEM.size) for i in range(items)], compressor, header)
    _check_chunk_table(chunk_size, header, size, get)
    if chunk_size in VARIABLE or chunk_size <= header.points:
        return payload
    return payload[:_CHUNK_SIZE] + struct.pack("<I", header.points) + payload[_CHUNK_SIZE + 4 :]


def _check_items(items: list[tuple[int, int, int]], compressor: int, header: LasHeader) -> None:
    known = _POINT_WISE_ITEMS if compressor == 2 else _LAYERED_ITEMS
    for kind, length, _ in items:
        if kind not in _BYTE_ITEMS and known.get(kind) != length:
            raise InputRefused(f"its LAZ item of type {kind} and {length} bytes is unknown", _OTHER_TOOL)
    total = sum(length for _, length, _ in items)
    if total != header.record_length:
        raise InputRefused(f"its LAZ items have {total} bytes; its header says {header.record_length} a point")


def _check_chunk_table(chunk_size: int, header: LasHeader, size: int, get: Callable[[int, int], bytes]) -> None:
    first = header.offset_to_points + 8
    if first > size:
        raise InputRefused(f"it is truncated: its {header.points} points would begin at byte {first} of {size}")
    (table,) = struct.unpack("<q", get(header.offset_to_points, 8))
    if table == -1:  # the writer could not seek: the offset stands at the very end
        (table,) = struct.unpack("<q", get(size - 8, 8))
    if not first <= table <= size - 8:
        raise InputRefused(f"it is truncated: its chunk table would stand at byte {table} of {size}")
    version, chunks = struct.unpack("<II", get(table, 8))
    if version != 0:
        raise InputRefused(f"its chunk table has version {version}; only 0 exists", _OTHER_TOOL)
    if chunks > table - first:
        raise InputRefused(f"its chunk table claims {chunks} chunks in {table - first} bytes")
    if chunk_size not in VARIABLE and chunks != -(-header.points // chunk_size):
        raise InputRefused(f"its chunk table claims {chunks} chunks of {chunk_size} for {header.points} points")
    if chunks == 0:
        raise InputRefused(f"it claims {header.points} points and has no chunk of them")
