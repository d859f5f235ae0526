"""A spool becomes a PMTiles 3 archive: clustered, each content once, whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from tiler.archive.about import About
from tiler.archive.directory import Directory, encode_directory
from tiler.archive.header import (
    GZIP,
    HEADER_BYTES,
    NONE,
    START_BYTES,
    TILE_TYPES,
    Header,
    build_header,
    compress,
)
from tiler.archive.spool import Contents, Spool
from tiler.archive.tile_id import zoom_of

LEAF_ENTRIES = 4096
"""Entries of a leaf directory, more when there would be too many leaves for the root."""

_LEAVES = 3000
"""Leaves whose entries fit the root directory, about."""

_REPORTED = 1024
"""Contents between two reports of the progress."""


class Written(msgspec.Struct, frozen=True):
    """What was written."""

    tiles: int
    """Addresses that have a tile."""
    contents: int
    """Contents stored."""
    size: int
    """Bytes of the archive."""
    repeated: int
    """Tiles left out because another of the same address came before."""


def write_pmtiles(
    spool: Spool, target: Path, about: About, on_progress: Callable[[float], None] = lambda _: None
) -> Written:
    """Write the tiles of a spool as an archive.

    Args:
        spool: The tiles; one or more.
        target: The archive, which appears when it is whole.
        about: What it says of itself.
        on_progress: Told the share that is done.

    Raises:
        BadSource: The spool is damaged.
    """
    contents = spool.contents()
    entries = _entries(contents)
    root, leaves = build_directories(entries)
    metadata = compress(msgspec.json.encode(about.metadata))
    data_length = int(contents.lengths.sum())
    header = _header(contents, entries, about, len(root), len(metadata), len(leaves), data_length)
    aside = spool.folder / "archive"
    with aside.open("wb") as file:
        for section in (build_header(header), root, metadata, leaves):
            file.write(section)
        for number in range(len(contents.lengths)):
            file.write(spool.read(contents, number))
            if number % _REPORTED == 0:
                on_progress(number / len(contents.lengths))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(target)
    return Written(len(contents.ids), len(contents.lengths), header.data_offset + data_length, contents.repeated)


def build_directories(entries: Directory) -> tuple[bytes, bytes]:
    """Return the root directory and the section of leaf directories, which is empty when the root holds all."""
    room = START_BYTES - HEADER_BYTES
    root = compress(encode_directory(entries)) if len(entries.ids) <= room else b""
    if root and len(root) <= room:
        return root, b""
    size = max(LEAF_ENTRIES, len(entries.ids) // _LEAVES)
    while True:
        starts = np.arange(0, len(entries.ids), size)
        leaves = [compress(encode_directory(entries.part(slice(start, start + size)))) for start in starts.tolist()]
        lengths = np.array([len(leaf) for leaf in leaves])
        offsets = np.cumsum(lengths) - lengths
        root = compress(encode_directory(Directory(entries.ids[starts], np.zeros_like(lengths), lengths, offsets)))
        if len(root) <= room:
            return root, b"".join(leaves)
        size *= 2


def _entries(contents: Contents) -> Directory:
    """Return one entry for each run of tiles with the same content."""
    begins = np.ones(len(contents.ids), np.bool_)
    begins[1:] = (np.diff(contents.ids) != 1) | (np.diff(contents.content) != 0)
    starts = np.flatnonzero(begins)
    runs = np.diff(starts, append=len(contents.ids))
    content = contents.content[starts]
    offsets = np.cumsum(contents.lengths) - contents.lengths
    return Directory(contents.ids[starts], runs, contents.lengths[content], offsets[content])


def _header(
    contents: Contents, entries: Directory, about: About, root: int, metadata: int, leaves: int, data: int
) -> Header:
    west, south, east, north = (round(degrees * 1e7) for degrees in about.bounds)
    first, last = zoom_of(int(contents.ids[0])), zoom_of(int(contents.ids[-1]))
    return Header(
        root_offset=HEADER_BYTES,
        root_length=root,
        metadata_offset=HEADER_BYTES + root,
        metadata_length=metadata,
        leaf_offset=HEADER_BYTES + root + metadata,
        leaf_length=leaves,
        data_offset=HEADER_BYTES + root + metadata + leaves,
        data_length=data,
        addressed_tiles=len(contents.ids),
        tile_entries=len(entries.ids),
        tile_contents=len(contents.lengths),
        clustered=True,
        internal_compression=GZIP,
        tile_compression=GZIP if about.gzipped else NONE,
        tile_type={name: code for code, name in TILE_TYPES.items()}[about.tile_type],
        min_zoom=first,
        max_zoom=last,
        west=west,
        south=south,
        east=east,
        north=north,
        center_zoom=(first + last) // 2,
        center_longitude=round(about.center[0] * 1e7),
        center_latitude=round(about.center[1] * 1e7),
    )
