"""Tiles of an archive as it stores them: rows of an MBTiles, spans of a PMTiles."""

import sqlite3
from contextlib import closing
from pathlib import Path

from core.directory import DirectoryStore
from core.errors import BadSource
from tiler.archive.archives import Archives
from tiler.archive.tile_id import tile_id

_DIRECTORY_BYTES = 1 << 24


async def stored_tile(path: Path, z: int, x: int, y: int) -> bytes:
    """Return the stored bytes of a tile.

    Raises:
        BadSource: The archive has no such tile, or is damaged.
    """
    found = _of_mbtiles(path, z, x, y) if path.suffix == ".mbtiles" else await _of_pmtiles(path, z, x, y)
    if not found:
        raise BadSource(f"{path.name} has no tile {z}/{x}/{y}")
    return found


def _of_mbtiles(path: Path, z: int, x: int, y: int) -> bytes:
    # rows count from the south (MBTiles 1.3, "Tiles")
    query = "select tile_data from tiles where zoom_level = ? and tile_column = ? and tile_row = ?"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        row = connection.execute(query, (z, x, (1 << z) - 1 - y)).fetchone()
    return bytes(row[0]) if row is not None else b""


async def _of_pmtiles(path: Path, z: int, x: int, y: int) -> bytes:
    archives = Archives(DirectoryStore(path.parent), _DIRECTORY_BYTES)
    archive = await archives.get(path.name)
    span = await archives.find(archive, tile_id(z, x, y))
    return await archives.read(archive, span) if span is not None else b""
