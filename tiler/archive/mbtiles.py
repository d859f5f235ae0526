"""MBTiles 1.3: tiles in an SQLite database, rows counted from the south."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np

from core.errors import InputRefused
from tiler.archive.about import MBTILES_FORMATS, About
from tiler.archive.archives import MAX_TILE_BYTES
from tiler.archive.spool import Contents, Spool
from tiler.archive.tile_id import first_id, tile_places, zoom_of
from tiler.archive.write_pmtiles import Written

SQLITE_MAGIC = b"SQLite format 3\x00"
APPLICATION_ID = 0x4D504258
"""`MPBX`, as MBTiles 1.3 asks for (section `Database`)."""

_PATIENCE_S = 120.0
"""Longest the database may take from one row to the next, seconds: a view can run for ever."""

_STEPS = 1_000_000
_CHUNK = 4096

_SELECT_METADATA = "SELECT name, value FROM metadata LIMIT 10000"
_SELECT_TILES = "SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles"
_COUNT_TILES = "SELECT count(*) FROM tiles"
_SELECT_OBJECTS = "SELECT name FROM sqlite_master WHERE name IN ('tiles', 'metadata')"

_SCHEMA = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "CREATE TABLE metadata (name TEXT, value TEXT)",
    "CREATE UNIQUE INDEX metadata_name ON metadata (name)",
    "CREATE TABLE images (tile_id INTEGER PRIMARY KEY, tile_data BLOB NOT NULL)",
    """CREATE TABLE map (
        zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_id INTEGER,
        PRIMARY KEY (zoom_level, tile_column, tile_row)
    ) WITHOUT ROWID""",
    """CREATE VIEW tiles AS
        SELECT map.zoom_level, map.tile_column, map.tile_row, images.tile_data
        FROM map JOIN images ON images.tile_id = map.tile_id""",
)
_INSERT_METADATA = "INSERT INTO metadata (name, value) VALUES (?, ?)"
_INSERT_IMAGE = "INSERT INTO images (tile_id, tile_data) VALUES (?, ?)"
_INSERT_PLACE = "INSERT INTO map (zoom_level, tile_column, tile_row, tile_id) VALUES (?, ?, ?, ?)"

Row = tuple[Any, Any, Any, Any]
"""Level, column, row from the south, bytes: whatever the database holds."""


class Mbtiles:
    """An MBTiles file opened for reading."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._moved = time.monotonic()
        connection.set_progress_handler(self._look_at_clock, _STEPS)

    def metadata(self) -> dict[str, str]:
        """Return the metadata, values as text."""
        return {str(name): "" if value is None else str(value) for name, value in self._rows(_SELECT_METADATA)}

    def count(self) -> int:
        """Return the number of rows."""
        return int(next(self._rows(_COUNT_TILES))[0])

    def tiles(self) -> Iterator[Row]:
        """Yield the tiles as the database holds them, in its own order."""
        return self._rows(_SELECT_TILES)

    def _rows(self, query: str) -> Iterator[Any]:
        self._moved = time.monotonic()
        for row in self._connection.execute(query):
            self._moved = time.monotonic()
            yield row

    def _look_at_clock(self) -> int:
        return int(time.monotonic() - self._moved > _PATIENCE_S)


@contextmanager
def open_mbtiles(path: Path) -> Iterator[Mbtiles]:
    """Open a file for reading; errors of the database within the block become one refusal.

    Raises:
        InputRefused: It is no MBTiles, or damaged.
    """
    if Path(f"{path}-wal").exists() and Path(f"{path}-wal").stat().st_size:
        raise InputRefused(f"{path.name} is still being written ({path.name}-wal)", "close the program that writes it")
    try:
        with contextlib.closing(_connect(f"file:{quote(str(path))}?mode=ro&immutable=1")) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_TILE_BYTES)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA query_only = ON")
            missing = {"tiles", "metadata"} - {name for (name,) in connection.execute(_SELECT_OBJECTS)}
            if missing:
                raise InputRefused(
                    f"{path.name} has no table {' and no table '.join(sorted(missing))}", "is it MBTiles?"
                )
            yield Mbtiles(connection)
    except sqlite3.Error as err:
        reason = " ".join(str(err).split())[:200]
        raise InputRefused(f"{path.name} cannot be read as MBTiles ({reason})", "was it copied whole?") from err


def write_mbtiles(
    spool: Spool, target: Path, about: About, on_progress: Callable[[float], None] = lambda _: None
) -> Written:
    """Write the tiles of a spool as MBTiles.

    Args:
        spool: The tiles; one or more.
        target: The file, which appears when it is whole.
        about: What it says of itself.
        on_progress: Told the share that is done.

    Raises:
        BadSource: The spool is damaged.
    """
    contents = spool.contents()
    aside = spool.folder / "archive"
    aside.unlink(missing_ok=True)
    with contextlib.closing(_connect(f"file:{quote(str(aside))}?mode=rwc")) as connection:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("BEGIN")
        connection.executemany(_INSERT_METADATA, _metadata(contents, about).items())
        count = len(contents.lengths)
        for start in range(0, count, _CHUNK):
            numbers = range(start, min(start + _CHUNK, count))
            connection.executemany(_INSERT_IMAGE, ((number, spool.read(contents, number)) for number in numbers))
            on_progress(0.8 * start / count)
        for places in _places(contents):
            connection.executemany(_INSERT_PLACE, places)
        connection.execute("COMMIT")
    with aside.open("rb+") as file:
        os.fsync(file.fileno())
    aside.replace(target)
    return Written(len(contents.ids), count, target.stat().st_size, contents.repeated)


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, isolation_level=None)


def _places(contents: Contents) -> Iterator[Iterator[tuple[int, ...]]]:
    """Yield level, column, row and content of the tiles, some thousands at a time."""
    for zoom in range(zoom_of(int(contents.ids[0])), zoom_of(int(contents.ids[-1])) + 1):
        begin, end = np.searchsorted(contents.ids, [first_id(zoom), first_id(zoom + 1)]).tolist()
        for start in range(begin, end, _CHUNK):
            stop = min(start + _CHUNK, end)
            cols, rows = tile_places(zoom, contents.ids[start:stop])
            flipped = (1 << zoom) - 1 - rows
            levels = [zoom] * (stop - start)
            yield zip(levels, cols.tolist(), flipped.tolist(), contents.content[start:stop].tolist(), strict=True)


def _metadata(contents: Contents, about: About) -> dict[str, str]:
    """Return the rows of the metadata table: what has no name there stands in `json`."""
    first, last = zoom_of(int(contents.ids[0])), zoom_of(int(contents.ids[-1]))
    plain = {name: value for name, value in about.metadata.items() if isinstance(value, str)}
    others = {name: value for name, value in about.metadata.items() if not isinstance(value, str)}
    rows = plain | {
        "format": MBTILES_FORMATS[about.tile_type],
        "bounds": ",".join(f"{degrees:.7f}" for degrees in about.bounds),
        "center": f"{about.center[0]:.7f},{about.center[1]:.7f},{(first + last) // 2}",
        "minzoom": str(first),
        "maxzoom": str(last),
    }
    return rows | ({"json": msgspec.json.encode(others).decode()} if others else {})
