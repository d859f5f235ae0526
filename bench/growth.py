"""The trial `layer-growth`: what a tile costs of a layer of very many COGs, beside one of a layer of ten."""

import os
import random
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from bench.load import Load
from bench.measure import send_load, time_load
from bench.peers import geopf
from bench.scenario import Figure, Target, TileRequest, Trial
from bench.server import Server
from bench.small_cogs import CRS, SIDE_M, file_box, file_name, write_small_cogs
from core.errors import BadRequest
from tiler.matrix import tile_limits, tile_matrix_set

FILES = "GEOPF_BENCH_FILES"
"""Environment variable: files of the large layer."""

_FILES = 100_000
_LARGE, _SMALL = "bench-100000", "bench-10"
_FEW_COLS, _FEW_ROWS = 5, 2
_LEVEL = "21"
"""Its tiles are a quarter as wide on the ground as a file: they touch one file, two, or four.

Ten files hold some hundred of them, more than the places of pixels that an engine remembers, as in a large layer.
"""

_REQUESTS = 2_000
_PASSES = 3
_BUSY = 16

Say = Callable[[str], None]


def trial() -> Trial:
    """Return the trial."""
    return Trial(
        id="layer-growth",
        what="CPU of a tile of a layer of 100,000 COGs over that of a layer of 10 of the same kind, directories known",
        unit="times the cost of a tile of ten files",
        target=Target(value=1.2, at_most=True),
        run=run,
    )


def run(home: Path, say: Say) -> Figure:
    """Write the files, publish both layers, time both in turn, and remove all again.

    Raises:
        BadRequest: The number of files asked for is none.
        BadSource: A request failed.
        Unavailable: The platform does not come up or refuses the files.
    """
    cols, rows = _grid(os.environ.get(FILES, ""))
    shutil.rmtree(home, ignore_errors=True)
    try:
        took = _publish(home, cols, rows, say)
        few = _tiles(_SMALL, _FEW_COLS, _FEW_ROWS)
        many = _like(_tiles(_LARGE, cols, rows), Counter(count for _, count in few), 2 * _REQUESTS)
        ten = list(islice(cycle(tile for tile, _ in few), _REQUESTS))
        costs = _costs(home, ten, many[: len(many) // 2], many[len(many) // 2 :], say)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    few_s, warm_s, cold_s = (statistics.median(costs[name]) for name in ("ten", "warm", "cold"))
    return Figure(
        value=warm_s / few_s,
        note=(
            f"{1e3 * warm_s:.3f} ms a tile all over {cols * rows:,} files and {1e3 * few_s:.3f} ms over ten, 1 to 4 "
            f"files a tile in the same shares, directories in memory, no block or tile kept; {1e3 * cold_s:.3f} ms "
            f"where directories had to be read first ({cold_s / few_s:.2f} times); taken in {took:.0f} s"
        ),
    )


def _grid(asked: str) -> tuple[int, int]:
    """Return columns and rows of the large layer."""
    if asked and not (asked.isascii() and asked.isdigit() and int(asked) >= 1000):
        raise BadRequest(f"{FILES}={asked!r} is no number of files", "give 1000 or more")
    rows = 250 if int(asked or _FILES) >= 25_000 else 10
    return int(asked or _FILES) // rows, rows


def _publish(home: Path, cols: int, rows: int, say: Say) -> float:
    """Publish both layers; return the seconds that the large one took."""
    sources = home / "sources"
    write_small_cogs(sources, cols, rows, say)
    ten = [sources / file_name(col, row) for row in range(_FEW_ROWS) for col in range(_FEW_COLS)]
    platform = home / "platform"
    platform.mkdir()
    geopf.publish(platform, _SMALL, ten)
    say(f"publishing {cols * rows} files")
    began = time.monotonic()
    geopf.publish(platform, _LARGE, [sources])
    took = time.monotonic() - began
    shutil.rmtree(sources)
    return took


def _tiles(source: str, cols: int, rows: int) -> list[tuple[TileRequest, int]]:
    """Return tiles wholly within a grid of files, each with the number of files it touches, in random order."""
    from pyproj import Transformer

    sets = tile_matrix_set("PM")
    matrix = sets.by_id[_LEVEL]
    to_mercator = Transformer.from_crs(CRS, sets.crs, always_xy=True)
    to_files = Transformer.from_crs(sets.crs, CRS, always_xy=True)
    west, _, _, north = file_box(0, 0)
    east, south = west + cols * SIDE_M, north - rows * SIDE_M
    limits = tile_limits(matrix, to_mercator.transform_bounds(west, south, east, north))
    assert limits is not None, "the files lie within the set"
    wide, high = limits.max_col - limits.min_col + 1, limits.max_row - limits.min_row + 1
    chosen = np.array(random.Random(3).sample(range(wide * high), min(wide * high, 20 * _REQUESTS)))
    x, y = limits.min_col + chosen % wide, limits.min_row + chosen // wide
    side = matrix.tile_size * matrix.cell_size
    left, top = matrix.origin_x + x * side, matrix.origin_y - y * side
    corners = to_files.transform(np.stack([left, left + side] * 2), np.stack([top, top, top - side, top - side]))
    first_col, first_row = (corners[0].min(axis=0) - west) / SIDE_M, (north - corners[1].max(axis=0)) / SIDE_M
    end_col, end_row = (corners[0].max(axis=0) - west) / SIDE_M, (north - corners[1].min(axis=0)) / SIDE_M
    inside = (first_col > 0) & (first_row > 0) & (end_col < cols) & (end_row < rows)
    files = (np.floor(end_col) - np.floor(first_col) + 1) * (np.floor(end_row) - np.floor(first_row) + 1)
    return [
        (
            TileRequest(source=source, tms="PM", z=int(_LEVEL), x=int(x[at]), y=int(y[at]), extension="jpg"),
            int(files[at]),
        )
        for at in np.flatnonzero(inside)
    ]


def _like(tiles: Sequence[tuple[TileRequest, int]], kinds: Counter[int], count: int) -> list[TileRequest]:
    """Return `count` tiles of which as many touch one file, two or four as `kinds` says, in random order."""
    chosen: list[TileRequest] = []
    for files, share in kinds.items():
        found = [tile for tile, touched in tiles if touched == files]
        wanted = round(count * share / kinds.total())
        chosen += found[:wanted]
    random.Random(5).shuffle(chosen)
    return chosen


def _costs(
    home: Path, ten: list[TileRequest], warm: list[TileRequest], cold: list[TileRequest], say: Say
) -> dict[str, list[float]]:
    """Return the CPU seconds of a tile in each pass, by case."""
    costs: dict[str, list[float]] = {"ten": [], "warm": [], "cold": []}
    for turn in range(_PASSES):
        for name, requests in (("ten", ten), ("warm", warm), ("cold", cold)):
            server = geopf.start_engine(home / "platform", geopf.EMPTY["nothing"])
            try:
                warmup = requests if name != "cold" else ten[:100] + warm[:1]  # the last makes it read the index
                send_load(Load(urls=_urls(server, warmup), connections=_BUSY))
                run = time_load(
                    server, Load(urls=_urls(server, requests), connections=_BUSY), race="layer-growth", side=name
                )
            finally:
                geopf.stop(server)
            costs[name].append(run.cpu_s / run.requests)
            say(f"layer-growth {turn + 1}/{_PASSES} {name}: {1e3 * costs[name][-1]:.3f} ms of CPU a tile")
    return costs


def _urls(server: Server, requests: Sequence[TileRequest]) -> tuple[str, ...]:
    return tuple(geopf.url(server, {}, request) for request in requests)
