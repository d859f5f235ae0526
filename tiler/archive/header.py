"""The first 127 bytes of a PMTiles 3 archive: where its sections lie and what the tiles are (section 3)."""

import struct
import zlib

import msgspec

from core.errors import BadSource
from tiler.archive.tile_id import LAST_ZOOM

HEADER_BYTES = 127
START_BYTES = 16384
"""Header and root directory lie within these, so that one read gives both (section 2)."""

MAGIC = b"PMTiles"
VERSION = 3

NONE, GZIP = 1, 2
COMPRESSIONS = {0: "unknown", NONE: "none", GZIP: "gzip", 3: "brotli", 4: "zstd"}
TILE_TYPES = {0: "unknown", 1: "mvt", 2: "png", 3: "jpg", 4: "webp", 5: "avif", 6: "mlt"}

_FORM = struct.Struct("<7sB11Q6B4iB2i")


class Header(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a header tells, in the order it does."""

    root_offset: int
    """Bytes from the beginning of the archive; lengths in bytes too."""
    root_length: int
    metadata_offset: int
    metadata_length: int
    leaf_offset: int
    leaf_length: int
    data_offset: int
    data_length: int
    addressed_tiles: int
    """Addresses that have a tile; 0 when not known."""
    tile_entries: int
    """Entries of directories that are of tiles; 0 when not known."""
    tile_contents: int
    """Contents stored; 0 when not known."""
    clustered: bool
    """Contents lie in the order of the tile ids."""
    internal_compression: int
    """Compression of directories and metadata, one of `COMPRESSIONS`."""
    tile_compression: int
    """Compression of each tile."""
    tile_type: int
    """One of `TILE_TYPES`."""
    min_zoom: int
    max_zoom: int
    west: int
    """Bounds of the tiles, 1e-7 degrees."""
    south: int
    east: int
    north: int
    center_zoom: int
    center_longitude: int
    center_latitude: int


def parse_header(data: bytes) -> Header:
    """Read a header.

    Args:
        data: How an archive begins.

    Raises:
        BadSource: It is no PMTiles 3 archive, or says what cannot be.
    """
    if not data.startswith(b"PM") or len(data) < 8:
        raise BadSource("it does not begin as a PMTiles archive")
    version = data[7] if data.startswith(MAGIC) else data[2]  # where versions 1 and 2 had it
    if not data.startswith(MAGIC) or version != VERSION:
        raise BadSource(f"it is PMTiles version {version}, where {VERSION} is read", "run `pmtiles convert` on it")
    if len(data) < HEADER_BYTES:
        raise BadSource(f"it ends after {len(data)} bytes, within its header")
    header = Header(**dict(zip(Header.__struct_fields__, _FORM.unpack_from(data)[2:], strict=True)))
    if header.internal_compression not in {NONE, GZIP}:
        found = COMPRESSIONS.get(header.internal_compression, str(header.internal_compression))
        raise BadSource(f"its directories are compressed by {found}", "write them with gzip or without compression")
    if header.tile_compression not in COMPRESSIONS or header.tile_type not in TILE_TYPES:
        raise BadSource(f"its tiles are of type {header.tile_type}, compression {header.tile_compression}: not known")
    if not header.min_zoom <= header.max_zoom <= LAST_ZOOM:
        raise BadSource(f"its levels go from {header.min_zoom} to {header.max_zoom}")
    return header


def build_header(header: Header) -> bytes:
    """Return the bytes of a header."""
    return _FORM.pack(MAGIC, VERSION, *msgspec.structs.astuple(header))


def decompress(data: bytes, compression: int, limit: int) -> bytes:
    """Undo a compression of a header.

    Args:
        data: The bytes.
        compression: `NONE` or `GZIP`.
        limit: Most bytes that may come out.

    Raises:
        BadSource: They are not of that compression, or too many.
    """
    if compression == NONE:
        result = data
    else:
        try:
            stream = zlib.decompressobj(31)
            result = stream.decompress(data, limit + 1)
        except zlib.error as err:
            raise BadSource(f"gzip cannot be read ({err})") from err
        if len(result) <= limit and not stream.eof:
            raise BadSource("gzip ends too early")
    if len(result) > limit:
        raise BadSource(f"more than {limit} bytes come out of {len(data)}")
    return result


def compress(data: bytes) -> bytes:
    """Return data as gzip, the same bytes for the same data."""
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    return stream.compress(data) + stream.flush()
