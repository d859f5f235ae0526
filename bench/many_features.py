"""The trial `open-10m-ms`: opening a source of ten million features, and the memory that tiles of it take.

`python -m bench.many_features write FOLDER` writes one, `... open FOLDER` opens it and prints an `Opened` as JSON.
"""

import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.apart import run_apart
from bench.memory import read_memory
from bench.scenario import Figure, Target, Trial

_COLS, _ROWS = 4_096, 2_448
"""Squares in each direction, a little over ten million."""

_EVERY, _SIDE = 8_000, 1_200
"""Cells of the grid of Web Mercator (9.3 mm) from square to square, and along the side of one: 75 m and 11 m."""

_WEST, _TOP = 50_000_000, -600_000_000
"""Cell of the corner: near Lyon's meridian and parallel."""

_LEVEL = "14"
_TILES = 1_000
_NATURES = 8
_TIMEOUT_S = 900.0
_SHAPES, _VALUES = "many.shapes.arrow", "many.values.arrow"

Say = Callable[[str], None]


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What opening a source and drawing tiles of it took."""

    features: int
    open_ms: float
    """Wall-clock time, milliseconds."""
    opened_bytes: int
    """Resident memory that opening added."""
    drawn_bytes: int
    """Resident memory that the tiles added, mapped pages of the files included."""
    own_bytes: int
    """Of these what belongs to no file."""
    tiles: int
    tile_features: float
    """Features of a tile, the mean."""
    tile_ms: float
    """CPU of a tile, the mean, milliseconds."""


def trial() -> Trial:
    """Return the trial."""
    return Trial(
        id="open-10m-ms",
        what="opening the tile source of ten million features, mapped and not read",
        unit="milliseconds",
        target=Target(value=50.0, at_most=True),
        run=run,
    )


def run(home: Path, say: Say) -> Figure:
    """Write the source, open it in a process of its own, draw tiles of it, and remove it.

    Raises:
        Unavailable: A process fails.
    """
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        say(f"writing {_COLS * _ROWS:,} squares")
        _apart("write", home)
        size = sum(path.stat().st_size for path in home.iterdir())
        found = msgspec.json.decode(_apart("open", home), type=Opened)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return Figure(
        value=found.open_ms,
        note=(
            f"{found.features:,} squares, {size / 1e6:.0f} MB, {found.opened_bytes / 1e6:.1f} MB of memory to open "
            f"them; {found.tiles:,} random tiles of {found.tile_features:.0f} features at {found.tile_ms:.2f} ms of "
            f"CPU add {found.drawn_bytes / 1e6:.1f} MB, {found.own_bytes / 1e6:.1f} MB of it not pages of the files"
        ),
    )


def write_many(folder: Path, cols: int = _COLS, rows: int = _ROWS) -> None:
    """Write a source of squares that stand in rows, along a Hilbert curve, with two attributes.

    Args:
        folder: Where to.
        cols: Squares from west to east.
        rows: Squares from north to south.
    """
    from kernels.hilbert import hilbert_keys
    from kernels.shapes import POLYGON
    from tiler.vector.grid import MERCATOR, grid_of
    from tiler.vector.levels import level_of
    from tiler.vector.shapes import Shapes
    from tiler.vector.stored import write_levels, write_values
    from tiler.vector.values import ValueWriter

    count = cols * rows
    place = np.arange(count)
    x, y = (part.astype(np.float64) for part in (place % cols, place // cols))
    keys = np.empty(count, np.int64)
    hilbert_keys(x, y, 0.0, 0.0, 1.0, max(cols, rows).bit_length(), keys)
    order = np.argsort(keys)
    del place, keys
    low = np.column_stack([_WEST + x[order] * _EVERY, _TOP + y[order] * _EVERY]).astype(np.int32)
    del x, y, order
    corners = np.array([[0, 0], [_SIDE, 0], [_SIDE, _SIDE], [0, _SIDE]], np.int32)
    shapes = Shapes(
        np.full(count, POLYGON, np.uint8),
        np.arange(count, dtype=np.uint32),
        np.arange(count + 1, dtype=np.uint32),
        np.arange(0, 4 * count + 1, 4, dtype=np.uint32),
        (low[:, None, :] + corners[None]).reshape(-1, 2),
    )
    write_levels(folder / _SHAPES, grid_of(MERCATOR), [level_of(-1, shapes)])
    writer = ValueWriter(np.zeros((count, 2), np.uint32))
    row = np.arange(count, dtype=np.int64)
    names = pa.array([f"nature {number}" for number in range(_NATURES)])
    writer.add(0, [names.take(pa.array(row % _NATURES))])
    writer.add(1, [pa.array(row % 100)])
    write_values(folder / _VALUES, writer.finish(("nature", "etages"), row.astype(np.uint64)))


def open_many(folder: Path, tiles: int = _TILES) -> Opened:
    """Open the source of a folder and draw random tiles within it.

    The code runs once before, on a source of its own, so that memory and time are those of the data.
    """
    from tiler.matrix import tile_bounds, tile_matrix_set
    from tiler.vector.grid import EXTENT, MERCATOR
    from tiler.vector.layer import TileSource
    from tiler.vector.stored import open_levels, open_values
    from tiler.vector.tile import encode_tile

    first = folder / "first"
    first.mkdir()
    write_many(first, 64, 64)
    for place in (first, folder):
        before = read_memory()
        began = time.perf_counter()
        grid, levels = open_levels(place / _SHAPES)
        source = TileSource(grid, levels, open_values(place / _VALUES))
        open_ms = 1e3 * (time.perf_counter() - began)
        opened = read_memory()
        matrix = tile_matrix_set("PM").by_id[_LEVEL]
        box = levels[0].tree[-1]
        side = EXTENT << (grid.levels - 1 - int(_LEVEL))
        wanted = _inside(box, side, tiles)
        used = time.process_time()
        drawn = 0
        for col, row in wanted:
            shift = matrix.width // 2
            bounds = tile_bounds(matrix, col + shift, row + shift)
            drawn += encode_tile(source, "many", bounds=bounds, crs=MERCATOR).count(b"\x18\x03")
        spent = time.process_time() - used
        after = read_memory()
    return Opened(
        features=levels[0].shapes.count,
        open_ms=open_ms,
        opened_bytes=opened.rss_bytes - before.rss_bytes,
        drawn_bytes=after.rss_bytes - opened.rss_bytes,
        own_bytes=after.own_bytes - opened.own_bytes,
        tiles=len(wanted),
        tile_features=drawn / max(1, len(wanted)),
        tile_ms=1e3 * spent / max(1, len(wanted)),
    )


def _inside(box: NDArray[np.int32], side: int, count: int) -> list[tuple[int, int]]:
    """Return tiles all over a box of cells, counted from its origin, in random order, none twice."""
    west, top, east, bottom = (int(value) for value in box)
    columns = range(west // side, east // side + 1)
    rows = range(top // side, bottom // side + 1)
    every = [(col, row) for col in columns for row in rows]
    return random.Random(13).sample(every, min(count, len(every)))


def _apart(what: str, folder: Path) -> bytes:
    failure = f"the source of many features could not be made to {what}"
    return run_apart("bench.many_features", what, str(folder), timeout_s=_TIMEOUT_S, failure=failure)


def main(what: str, folder: Path) -> int:
    """Write or open a source."""
    if what == "write":
        write_many(folder)
        return 0
    sys.stdout.buffer.write(msgspec.json.encode(open_many(folder)) + b"\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], Path(sys.argv[2])))
