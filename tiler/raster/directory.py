"""Reading the directory of a TIFF or BigTIFF (TIFF 6.0; BigTIFF design; OGC 19-008r4 for the geographic keys).

The reading itself does no I/O: `steps` is a generator that asks for spans of the file and
is sent their bytes. `parse` runs it over bytes, `load` over anything that reads ranges.
A file cannot make it read or hold more than the bounds below, whatever it claims.
"""

import struct
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BadSource
from tiler.raster.geokeys import read_crs, read_placement
from tiler.raster.tiff import Level, Photometric, Tiff, empty_table

Span = tuple[int, int]
"""Offset and length, bytes."""

Steps = Generator[Span, bytes, Tiff]

MAX_DIRECTORIES = 64
MAX_ENTRIES = 1024
MAX_VALUE_BYTES = 64 << 20
"""Longest value of one tag: the offsets of eight million blocks."""

MAX_READS = 48
"""Ranges asked of the store for one directory."""

MAX_BLOCK_BYTES = 64 << 20
"""Largest block that will be decoded."""

_READ_AHEAD = 16 * 1024
"""Least length of a range, so that small values near each other come in one."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value of each field type."""

_DTYPES = {
    1: "u1",
    3: "u2",
    4: "u4",
    6: "i1",
    8: "i2",
    9: "i4",
    11: "f4",
    12: "f8",
    13: "u4",
    16: "u8",
    17: "i8",
    18: "u8",
}

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIP_OFFSETS, _BANDS, _ROWS_PER_STRIP, _STRIP_COUNTS, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_PALETTE, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS, _SUB_DIRECTORIES = 320, 322, 323, 324, 325, 330
_EXTRA, _SAMPLE_FORMAT, _JPEG_TABLES, _SCALE, _TIEPOINTS, _MATRIX = 338, 339, 347, 33550, 33922, 34264
_KEYS, _KEY_DOUBLES, _KEY_TEXT, _GDAL_METADATA, _GDAL_NODATA, _LERC = 34735, 34736, 34737, 42112, 42113, 50674

_WANTED = frozenset({
    _SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS, _BANDS, _ROWS_PER_STRIP,
    _STRIP_COUNTS, _PLANAR, _PREDICTOR, _PALETTE, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS,
    _SUB_DIRECTORIES, _EXTRA, _SAMPLE_FORMAT, _JPEG_TABLES, _SCALE, _TIEPOINTS, _MATRIX, _KEYS, _KEY_DOUBLES,
    _KEY_TEXT, _GDAL_METADATA, _GDAL_NODATA, _LERC,
})  # fmt: skip

_TEXTS = frozenset({_JPEG_TABLES, _KEY_TEXT, _GDAL_METADATA, _GDAL_NODATA})
"""Tags whose value is text or bytes; all others are numbers. A value of the wrong form counts as absent."""

_KINDS = {1: "uint", 2: "int", 3: "float", 4: "uint", 5: "complex", 6: "complex"}

_Tags = dict[int, Any]
"""Values by tag: bytes for text and undefined, arrays otherwise."""


def parse(data: bytes) -> Tiff:
    """Read the directory of a file that is wholly in memory.

    Raises:
        BadSource: It is no TIFF, or its directory is damaged or beyond the bounds.
    """
    walk = steps()
    span = next(walk)
    while True:
        try:
            span = walk.send(data[span[0] : span[0] + span[1]])
        except StopIteration as end:
            return _result(end)


async def load(head: bytes, read: Callable[[int, int], Awaitable[bytes]]) -> Tiff:
    """Read the directory of a file of which the first bytes are known.

    Args:
        head: How the file begins; for a Cloud-Optimized GeoTIFF mostly all that is needed.
        read: Returns the bytes of an offset and a length, fewer at the end of the file.

    Raises:
        BadSource: It is no TIFF, or its directory is damaged or beyond the bounds.
    """
    walk = steps()
    kept: list[tuple[int, bytes]] = [(0, head)]
    span = next(walk)
    while True:
        offset, length = span
        data = _among(kept, offset, length)
        if data is None:
            if len(kept) > MAX_READS:
                raise BadSource(f"its directory is scattered over more than {MAX_READS} places", "make it a COG")
            data = await read(offset, max(length, _READ_AHEAD))
            kept.append((offset, data))
            data = data[:length]
        try:
            span = walk.send(data)
        except StopIteration as end:
            return _result(end)


def steps() -> Steps:
    """Read a directory: yields spans of the file, is sent their bytes, returns what they tell.

    Raises:
        BadSource: It is no TIFF, or its directory is damaged or beyond the bounds.
    """
    magic = yield 0, 16
    order, big, offset = _start(magic)
    directories: list[_Tags] = []
    seen: set[int] = set()
    queue = [offset]
    while queue:
        at = queue.pop(0)
        if at in seen:
            raise BadSource(f"the directory at byte {at} leads back to itself")
        if len(seen) >= MAX_DIRECTORIES:
            raise BadSource(f"it has more than {MAX_DIRECTORIES} directories")
        seen.add(at)
        tags, following = yield from _directory(at, order, big=big)
        subs = tags.get(_SUB_DIRECTORIES)
        if subs is not None and not directories:
            queue.extend(int(sub) for sub in subs[:MAX_DIRECTORIES])
        directories.append(tags)
        if following:
            queue.append(following)
    return _assemble(directories, order)


def _start(magic: bytes) -> tuple[str, bool, int]:
    """Return byte order, whether it is BigTIFF, and where the first directory is."""
    order = {b"II": "<", b"MM": ">"}.get(magic[:2])
    if order is None or len(magic) < 16:
        raise BadSource("it is not a TIFF: it does not begin with II or MM")
    version = struct.unpack_from(order + "H", magic, 2)[0]
    if version == 42:
        return order, False, struct.unpack_from(order + "I", magic, 4)[0]
    if version == 43 and struct.unpack_from(order + "HH", magic, 4) == (8, 0):
        return order, True, struct.unpack_from(order + "Q", magic, 8)[0]
    raise BadSource(f"it is not a TIFF: its version is {version}, not 42 or 43")


def _directory(at: int, order: str, *, big: bool) -> Generator[Span, bytes, tuple[_Tags, int]]:
    """Read one directory; return the values of its tags and where the next one is."""
    count_form, entry_size, word = ("Q", 20, "Q") if big else ("H", 12, "I")
    count_size, word_size = struct.calcsize("=" + count_form), struct.calcsize("=" + word)
    count = struct.unpack(order + count_form, (yield from _exactly(at, count_size)))[0]
    if not 0 < count <= MAX_ENTRIES:
        raise BadSource(f"the directory at byte {at} claims {count} entries")
    table = yield from _exactly(at + count_size, count * entry_size + word_size)
    tags: _Tags = {}
    for index in range(count):
        start = index * entry_size
        tag, kind, amount = struct.unpack_from(order + "HH" + word, table, start)
        dtype = _DTYPES.get(kind)
        if tag not in _WANTED or kind not in _SIZES or (dtype is None) != (tag in _TEXTS):
            continue
        length = amount * _SIZES[kind]
        if length > MAX_VALUE_BYTES:
            raise BadSource(f"tag {tag} claims {length} bytes")
        inline = table[start + entry_size - word_size : start + entry_size]
        if length <= word_size:
            value = inline[:length]
        else:
            value = yield from _exactly(struct.unpack(order + word, inline)[0], length)
        tags[tag] = bytes(value) if dtype is None else np.frombuffer(value, order + dtype).astype(dtype)
    return tags, struct.unpack_from(order + word, table, count * entry_size)[0]


def _exactly(offset: int, length: int) -> Generator[Span, bytes, bytes]:
    data = yield offset, length
    if len(data) < length:
        raise BadSource(f"it ends before byte {offset + length}: the file is cut off")
    return data


def _among(kept: list[tuple[int, bytes]], offset: int, length: int) -> bytes | None:
    for start, data in kept:
        if start <= offset and offset + length <= start + len(data):
            return data[offset - start : offset - start + length]
    return None


def _result(end: StopIteration) -> Tiff:
    tiff = end.value
    assert isinstance(tiff, Tiff)
    return tiff


def _assemble(directories: list[_Tags], order: str) -> Tiff:
    full = _level(directories[0], order)
    levels, masks = [full], []
    for tags in directories[1:]:
        subfile = _number(tags, _SUBFILE, 0)
        if subfile & 4:
            masks.append(_level(tags, order))
        elif subfile & 1:
            one = _level(tags, order)
            if (one.bands, one.dtype) == (full.bands, full.dtype) and one.width <= full.width:
                levels.append(one)
    levels.sort(key=lambda one: -one.width)
    beside = {(mask.width, mask.height): mask for mask in masks}
    first = directories[0]
    numbers = first.get(_KEYS, np.empty(0, "u2"))
    doubles, words = first.get(_KEY_DOUBLES, np.empty(0)), first.get(_KEY_TEXT, b"")
    crs, point = read_crs(numbers, doubles, words)
    return Tiff(
        levels=tuple(levels),
        masks=tuple(beside.get((one.width, one.height)) for one in levels),
        placement=read_placement(first.get(_SCALE), first.get(_TIEPOINTS), first.get(_MATRIX), is_point=point),
        crs=crs,
        nodata=_nodata(first.get(_GDAL_NODATA, b"")),
        scaled=_is_scaled(first.get(_GDAL_METADATA, b"")),
    )


def _level(tags: _Tags, order: str) -> Level:
    width, height = _number(tags, _WIDTH, 0), _number(tags, _HEIGHT, 0)
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise BadSource(f"it claims to be {width} by {height} pixels")
    tiled = _TILE_WIDTH in tags
    block_width = _number(tags, _TILE_WIDTH, width)
    block_height = _number(tags, _TILE_HEIGHT if tiled else _ROWS_PER_STRIP, height)
    block_height = block_height if tiled else min(block_height, height)
    bands, planar = _number(tags, _BANDS, 1), _number(tags, _PLANAR, 1) == 2
    bits, kind = tags.get(_BITS, np.ones(1, "u2")), tags.get(_SAMPLE_FORMAT, np.ones(1, "u2"))
    if block_width <= 0 or block_height <= 0 or not 0 < bands <= 65535 or not bits.size or not kind.size:
        raise BadSource(f"its blocks claim {block_width} by {block_height} pixels of {bands} bands")
    same = bool((bits == bits[0]).all() and (kind == kind[0]).all())
    offsets = tags.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, empty_table())
    counts = tags.get(_TILE_COUNTS if tiled else _STRIP_COUNTS, empty_table())
    blocks = -(-width // block_width) * -(-height // block_height) * (bands if planar else 1)
    if offsets.size != blocks or counts.size != blocks:
        raise BadSource(f"it needs {blocks} blocks and lists {offsets.size} offsets and {counts.size} lengths")
    extra = tags.get(_EXTRA, empty_table())
    alphas = [index for index, meaning in enumerate(extra) if meaning in {1, 2}]
    return Level(
        width=width,
        height=height,
        block_width=block_width,
        block_height=block_height,
        tiled=tiled,
        bands=bands,
        dtype=f"{_KINDS.get(int(kind[0]), 'unknown')}{int(bits[0])}" if same else "mixed",
        compression=_number(tags, _COMPRESSION, 1),
        predictor=_number(tags, _PREDICTOR, 1),
        photometric=_number(tags, _PHOTOMETRIC, Photometric.MIN_IS_BLACK),
        planar=planar,
        alpha=bands - extra.size + alphas[0] if alphas else -1,
        jpeg_tables=bytes(tags.get(_JPEG_TABLES, b"")),
        lerc=tuple(int(value) for value in tags.get(_LERC, ())),
        palette=_palette(tags.get(_PALETTE)),
        offsets=offsets,
        counts=counts,
        big_endian=order == ">",
    )


def _number(tags: _Tags, tag: int, default: int) -> int:
    value = tags.get(tag)
    return int(value[0]) if isinstance(value, np.ndarray) and value.size else default


def _palette(colours: NDArray[Any] | None) -> bytes:
    """Return 16-bit red, then green, then blue values as bytes of one colour after the other."""
    if colours is None or colours.size == 0 or colours.size % 3:
        return b""
    return np.ascontiguousarray((colours.reshape(3, -1).T >> 8).astype(np.uint8)).tobytes()


def _nodata(text: bytes) -> float | None:
    try:
        return float(text.rstrip(b"\0 ").decode("ascii"))
    except ValueError:
        return None


def _is_scaled(metadata: bytes) -> bool:
    return b'role="scale"' in metadata or b'role="offset"' in metadata
