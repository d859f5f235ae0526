"""What a local PMTiles archive holds, found in its directories and its tiles rather than in what it claims."""

from collections import Counter
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

import msgspec
import numpy as np

from core.errors import BadSource, InputRefused
from core.job import Notice
from core.layer import TileType
from core.program import Emit
from tiler.archive.archives import (
    MAX_DEPTH,
    MAX_DIRECTORY_BYTES,
    MAX_TILE_BYTES,
    check_directory_length,
    read_directory,
)
from tiler.archive.content import is_gzip, looks_like_mvt, picture_size, picture_type
from tiler.archive.directory import Directory
from tiler.archive.header import (
    COMPRESSIONS,
    GZIP,
    NONE,
    START_BYTES,
    TILE_TYPES,
    Header,
    decompress,
    parse_header,
)
from tiler.archive.tile_id import tile_place
from tiler.ingest.archive_box import Extents, center_of
from tiler.ingest.archive_mvt import MvtLook, look_at_mvt, tell_mvt

_LOOKED_AT, _LOOKED_AT_LEAF = 4096, 64
"""Tiles looked at in an archive of one directory, and of each leaf directory of a larger one."""

_CHECKED = 64
"""Vector tiles of a directory that are read as a whole and checked, while there is time for it."""

_START = 4096
"""Bytes of a tile that tell format and size of most pictures."""

_MAX_METADATA_BYTES = 16 << 20
_MIN_SIDE_PX, _MAX_SIDE_PX = 64, 1024
_NAMED = 3
"""Tiles named in a message."""

_UNKNOWN, _MLT = 0, 6


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    header: Header
    metadata: dict[str, object]
    tile_type: TileType
    tile_size: int
    """Pixels; 256 for vectors."""
    tiles: int
    """Addresses that have a tile."""
    extents: Extents
    """Columns and rows that each level reaches."""
    sample: tuple[float, float]
    """Longitude and latitude of the middle of a tile of the last level."""

    @property
    def min_zoom(self) -> int:
        """First level with tiles."""
        return self.extents.levels()[0]

    @property
    def max_zoom(self) -> int:
        """Last level with tiles."""
        return self.extents.levels()[-1]


class _Look(msgspec.Struct):
    """What is gathered on the way through the directories."""

    types: Counter[str]
    sizes: Counter[tuple[int, int]]
    wrong: list[str]
    wrong_count: int = 0
    looked: int = 0
    vectors: MvtLook = msgspec.field(default_factory=MvtLook)


def look_into(path: Path, name: str, emit: Emit) -> Seen:
    """Read the directories of an archive and look at its tiles.

    Args:
        path: The archive, local.
        name: What the producer calls it.
        emit: Told of what the producer should know.

    Raises:
        InputRefused: It is damaged, or holds what is not served.
    """
    try:
        with path.open("rb") as file:
            return _look(file, path.stat().st_size, name, emit)
    except BadSource as err:
        raise InputRefused(f"{name} cannot be taken: {err.message}", err.remedy or "was it copied whole?") from err


def _look(file: BufferedReader, size: int, name: str, emit: Emit) -> Seen:
    header = parse_header(file.read(START_BYTES))
    _check_header(header, size)
    extents, look = Extents(), _Look(Counter(), Counter(), [])
    tiles, middle = 0, -1
    for entries in _walk(file, header):
        lengths, ends = entries.lengths, entries.offsets + entries.lengths
        if int(lengths.max()) > MAX_TILE_BYTES or int(lengths.min()) == 0:
            place = _name(entries, int(np.argmax((lengths > MAX_TILE_BYTES) | (lengths == 0))))
            raise BadSource(f"tile {place} is empty or takes more than {MAX_TILE_BYTES >> 20} MiB")
        if int(ends.max()) > header.data_length:
            raise BadSource(f"tile {_name(entries, int(np.argmax(ends)))} lies outside the archive")
        extents.add(entries.ids, entries.runs)
        large = int(np.argmax(lengths))
        look.vectors.count_large(lengths, entries.runs, _name(entries, large))
        tiles += int(entries.runs.sum())
        middle = int(entries.ids[len(entries.ids) // 2])
        _look_at_tiles(file, header, entries, _LOOKED_AT_LEAF if header.leaf_length else _LOOKED_AT, look)
    if not tiles:
        raise BadSource("it holds no tile", "check what made it")
    _tell_wrong(look, name, emit)
    tile_type = _tile_type(header, look, name, emit)
    if tile_type == "mvt":
        tell_mvt(look.vectors, name, emit)
    low, high = extents.levels()[0], extents.levels()[-1]
    if (low, high) != (header.min_zoom, header.max_zoom):
        emit(Notice(f"{name} claims levels {header.min_zoom} to {header.max_zoom}, and has {low} to {high}"))
    return Seen(
        header=header,
        metadata=_metadata(file, header, name, emit),
        tile_type=tile_type,
        tile_size=256 if tile_type == "mvt" else _tile_size(look, name, emit),
        tiles=tiles,
        extents=extents,
        sample=center_of(*tile_place(middle)),
    )


def _check_header(header: Header, size: int) -> None:
    if header.tile_type == _MLT:
        raise BadSource("its tiles are MLT", "write them as MVT")
    if header.tile_compression not in {_UNKNOWN, NONE, GZIP}:
        raise BadSource(f"its tiles are compressed by {COMPRESSIONS[header.tile_compression]}", "write them with gzip")
    for section, offset, length in (
        ("root directory", header.root_offset, header.root_length),
        ("metadata", header.metadata_offset, header.metadata_length),
        ("section of leaf directories", header.leaf_offset, header.leaf_length),
        ("section of tiles", header.data_offset, header.data_length),
    ):
        if offset + length > size:
            raise BadSource(f"its {section} ends at byte {offset + length}, and the file at {size}")


def _walk(file: BufferedReader, header: Header) -> Iterator[Directory]:
    """Yield the entries of tiles in the order of their ids, a directory or less at a time.

    Ids only ever grow, so whatever the directories say, nothing is visited for ever.
    """
    last = -1

    def visit(offset: int, length: int, depth: int) -> Iterator[Directory]:
        nonlocal last
        if depth > MAX_DEPTH:
            raise BadSource(f"more than {MAX_DEPTH} directories lead to a tile")
        file.seek(offset)
        directory = read_directory(header, file.read(check_directory_length(length)))
        begin = 0
        for leaf in (*np.flatnonzero(directory.runs == 0).tolist(), len(directory.ids)):
            if leaf > begin:
                entries = directory.part(slice(begin, leaf))
                ends = entries.ids + entries.runs
                if int(entries.ids[0]) <= last or bool((ends[:-1] > entries.ids[1:]).any()):
                    raise BadSource("its directories name a tile twice")
                last = int(ends[-1]) - 1
                yield entries
            if leaf < len(directory.ids):
                before, at, extent = last, int(directory.offsets[leaf]), int(directory.lengths[leaf])
                if at + extent > header.leaf_length:
                    raise BadSource("a leaf directory lies outside their section")
                yield from visit(header.leaf_offset + at, extent, depth + 1)
                if last == before:
                    raise BadSource("a leaf directory holds no tile")
            begin = leaf + 1

    yield from visit(header.root_offset, header.root_length, 1)


def _look_at_tiles(file: BufferedReader, header: Header, entries: Directory, most: int, look: _Look) -> None:
    chosen = np.unique(np.linspace(0, len(entries.ids) - 1, min(most, len(entries.ids))).round().astype(np.int64))
    stride = -(-len(chosen) // _CHECKED)
    for number, index in enumerate(chosen.tolist()):
        length, run = int(entries.lengths[index]), int(entries.runs[index])
        file.seek(header.data_offset + int(entries.offsets[index]))
        data = file.read(min(length, _START))
        found: str | None = picture_type(data)
        if found is None and is_gzip(data):
            data = _unpacked(data + file.read(length - len(data)))
            found = picture_type(data)
        if found is None and header.tile_type in {_UNKNOWN, 1} and (looks_like_mvt(data) or not data):
            found = "mvt"
            if number % stride == 0 and look.vectors.has_room(max(length, len(data))):
                data += file.read(max(length - len(data), 0))
                found = "mvt" if look_at_mvt(data, _name(entries, index), look.vectors) else None
        look.looked += run
        if found is None:
            look.wrong_count += run
            if len(look.wrong) < _NAMED:
                look.wrong.append(_name(entries, index))
            continue
        look.types[found] += run
        if found != "mvt":
            size = picture_size(data) or picture_size(data + file.read(max(length - len(data), 0)))
            if size is not None:
                look.sizes[size.width, size.height] += run


def _unpacked(data: bytes) -> bytes:
    try:
        return decompress(data, GZIP, MAX_TILE_BYTES)
    except BadSource:
        return b"?"


def _tell_wrong(look: _Look, name: str, emit: Emit) -> None:
    if not look.wrong_count:
        return
    named = ", ".join(look.wrong) + (" …" if look.wrong_count > len(look.wrong) else "")
    what = f"{look.wrong_count} of {look.looked} tiles looked at are no pictures and no vector tiles: {named}"
    if not look.types:
        raise BadSource(what, "PNG, JPEG, WebP, AVIF and MVT tiles are served")
    emit(Notice(f"{name}: {what}"))


def _tile_type(header: Header, look: _Look, name: str, emit: Emit) -> TileType:
    """Return the format that most tiles have, whatever the header claims."""
    found, _ = look.types.most_common(1)[0]
    claimed = TILE_TYPES[header.tile_type]
    if found != claimed:
        emit(Notice(f"{name} claims that its tiles are {claimed}, and they are {found}"))
    if len(look.types) > 1:
        if "mvt" in look.types:
            raise BadSource("it holds pictures beside vector tiles", "make one archive of each")
        counts = ", ".join(f"{count} {kind}" for kind, count in look.types.most_common())
        emit(Notice(f"{name} holds tiles of several formats ({counts}): the layer is {found}, others are decoded"))
    tile_type: TileType = msgspec.convert(found, TileType)
    return tile_type


def _tile_size(look: _Look, name: str, emit: Emit) -> int:
    if not look.sizes:
        raise BadSource("its pictures do not tell their size", "was it copied whole?")
    (width, height), _ = look.sizes.most_common(1)[0]
    if width != height or not _MIN_SIDE_PX <= width <= _MAX_SIDE_PX:
        raise BadSource(
            f"its tiles have {width} by {height} pixels", f"squares of {_MIN_SIDE_PX} to {_MAX_SIDE_PX} are served"
        )
    if len(look.sizes) > 1:
        emit(
            Notice(f"{name} holds tiles of several sizes; those that are not {width} by {height} only go out as stored")
        )
    return width


def _metadata(file: BufferedReader, header: Header, name: str, emit: Emit) -> dict[str, object]:
    """Return the metadata, empty with a notice when they cannot be read."""
    try:
        if header.metadata_length > MAX_DIRECTORY_BYTES:
            raise BadSource(f"they take {header.metadata_length} bytes")
        file.seek(header.metadata_offset)
        data = file.read(header.metadata_length)
        if not data:
            return {}
        return msgspec.json.decode(
            decompress(data, header.internal_compression, _MAX_METADATA_BYTES), type=dict[str, object]
        )
    except (BadSource, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        emit(Notice(f"the metadata of {name} cannot be read ({' '.join(str(err).split())[:120]})"))
        return {}


def _name(entries: Directory, index: int) -> str:
    return "/".join(str(part) for part in tile_place(int(entries.ids[index])))
