"""The trial `rss-drift`: a million mixed requests while a file is replaced again and again."""

import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from bench.imagery import BLOCK, MERCATOR, MOSAIC, box_of, files_of, prepare_imagery, tiles
from bench.imagery import SIZE as IMAGE_SIZE
from bench.ortho import draw_ortho, write_cog
from bench.peers import geopf
from bench.scenario import Figure, Target, TileRequest, Trial
from bench.server import Server
from bench.soak import Kind, Soak, Soaked, Step
from bench.terrain import RAMP, RELIEF, prepare_relief, relief_tiles
from bench.usage import read_usage
from core.errors import BadRequest, Unavailable
from core.open_store import FOLDER
from core.settings import PREFIX

REQUESTS = "GEOPF_BENCH_REQUESTS"
"""Environment variable: number of requests."""

_REQUESTS = 1_000_000
_BUSY = 32

_CACHES = {
    f"{PREFIX}TILE_CACHE_BYTES": str(16 << 20),
    f"{PREFIX}BLOCK_CACHE_BYTES": str(96 << 20),
}
"""So small that they are full long before the end of the warm-up, and something is dropped all the time."""

_WARM, _WARM_END, _END = 0.15, 0.25, 0.9
"""Shares of the run between which memory after the warm-up is looked at, and from which that at the end is."""

_REPLACED_EVERY_S = 0.1
_FILE = "11.tif"
"""File of the mosaic that is replaced: row 1, column 1 of four by four."""

_SIDE_PX = IMAGE_SIZE // 4
_CELL_M = 0.2

Say = Callable[[str], None]


def trial() -> Trial:
    """Return the trial."""
    return Trial(
        id="rss-drift",
        what="growth of the engine's resident memory over a million mixed requests while a file is replaced",
        unit="share of the memory after the warm-up",
        target=Target(value=0.05, at_most=True),
        run=run,
    )


def run(home: Path, say: Say) -> Figure:
    """Publish, then send everything while memory is watched and the file is replaced.

    Raises:
        BadRequest: The number of requests asked for is none.
        Unavailable: The platform, or the load generator, does not come up or ends too early.
    """
    asked = os.environ.get(REQUESTS, "")
    if asked and not (asked.isascii() and asked.isdigit() and int(asked) >= 1000):
        raise BadRequest(f"{REQUESTS}={asked!r} is no number of requests", "give 1000 or more")
    shutil.rmtree(home, ignore_errors=True)
    versions = _publish(home, say)
    server = geopf.start_engine(home, _CACHES)
    try:
        with _replacing(next((home / FOLDER).glob(f"stored-data/*/{_FILE}")), versions) as replaced:
            soaked, memory = _soak(server, int(asked or _REQUESTS), say)
        if soaked.wrong:
            shutil.copyfile(server.log, home.parent / f"{home.name}.log")
    finally:
        geopf.stop(server)
        shutil.rmtree(home, ignore_errors=True)
    return _figure(soaked, memory, replaced[0])


def _figure(soaked: Soaked, memory: list[tuple[float, int]], replaced: int) -> Figure:
    warm = statistics.median(rss for share, rss in memory if _WARM <= share <= _WARM_END)
    last = statistics.median(rss for share, rss in memory if share >= _END)
    seen = (
        f"{soaked.requests:,} requests in {soaked.wall_s:.0f} s, file replaced {replaced:,} times, tiles of it "
        f"{soaked.red:,} red and {soaked.blue:,} blue; {warm / 2**20:.0f} MiB after the warm-up, {last / 2**20:.0f} "
        f"at the end; {', '.join(f'{name}: {count:,}' for name, count in soaked.statuses.items())}"
    )
    if soaked.wrong or not (soaked.red and soaked.blue):
        first = soaked.first_wrong or "no tile showed one of the versions"
        return Figure(value=None, note=f"{soaked.wrong} wrong answers (first: {first}); {seen}")
    return Figure(value=last / warm - 1.0, note=seen)


def _publish(home: Path, say: Say) -> tuple[Path, Path]:
    """Publish the layers; return the two versions of the file."""
    folder = home.parent / "sources" / "raster"
    sources = {**prepare_imagery(folder, say), RELIEF: prepare_relief(folder, say)}
    home.mkdir(parents=True)
    versions = home / "red.tif", home / "blue.tif"
    west, _, _, north = _file_box()
    for path, channel in zip(versions, (0, 2), strict=True):
        write_cog(path, _tinted(channel), crs="EPSG:2154", west=west, north=north, cell_size=_CELL_M, block=BLOCK)
    survey = home / "survey"
    shutil.copytree(sources[MOSAIC], survey)
    shutil.copyfile(versions[0], survey / _FILE)
    for name, path in ((MERCATOR, sources[MERCATOR]), (RELIEF, sources[RELIEF]), (MOSAIC, survey)):
        say(f"publishing {name}")
        geopf.publish(home, name, files_of(path))
    return versions


def _tinted(channel: int) -> np.ndarray:
    """Draw the file in shades of one colour, red (0) or blue (2)."""
    grey = draw_ortho(_SIDE_PX)[1]
    picture = np.empty((3, _SIDE_PX, _SIDE_PX), np.uint8)
    picture[:] = 20 + grey // 8
    picture[channel] = 150 + grey // 4
    return picture


def _file_box() -> tuple[float, float, float, float]:
    """Return west, south, east, north of the file, metres of Lambert-93."""
    _, (west, _, _, north) = box_of(MOSAIC)
    side = _SIDE_PX * _CELL_M
    return west + side, north - 2 * side, west + 2 * side, north - side


def _kinds() -> tuple[Kind, ...]:
    """Return what is asked, by the shares of a busy day: most of it is in memory or known to the client."""
    crops, watched = tiles(MERCATOR, "19"), tuple(_within_file())
    wide = (*tiles(MOSAIC, "17"), *tiles(MOSAIC, "18"))
    blocks = tiles(MERCATOR, "18", size=512)
    relief = [one for style in ("hillshade", "terrain-rgb", RAMP) for one in relief_tiles(style)]
    pngs = tiles(MERCATOR, "17", extension="png")
    webps = tiles(MERCATOR, "18", extension="webp")
    nowhere = ("nothing/PM/3/2/1.png", f"{MERCATOR}/PM/19/999999999/1.jpg", f"{MOSAIC}/XX/1/1/1.jpg")
    outside = tuple(f"/tiles/{MERCATOR}/PM/14/{col}/5.jpg" for col in range(64))
    return (
        Kind(name="cached", weight=46, targets=_paths(crops[:48])),
        Kind(name="known", weight=20, targets=_paths(crops[:64]), statuses=(304,), known=True),
        Kind(name="absent", weight=3, targets=tuple(f"/tiles/{one}" for one in nowhere), statuses=(404,)),
        Kind(name="outside", weight=4, targets=outside, statuses=(204,)),
        Kind(name="passthrough", weight=9, targets=_paths(blocks)),
        Kind(name="crop", weight=6, targets=_paths(crops)),
        Kind(name="png", weight=0.5, targets=_paths(pngs)),
        Kind(name="webp", weight=0.5, targets=_paths(webps)),
        Kind(name="styles", weight=4, targets=_paths(relief)),
        Kind(name="mosaic", weight=3, targets=_paths(wide)),
        Kind(name="mosaic@2x", weight=0.5, targets=_paths(tiles(MOSAIC, "17", size=512))),
        Kind(name="replaced", weight=3.5, targets=_paths(watched), watched=True),
    )


def _within_file() -> Iterator[TileRequest]:
    """Yield tiles that lie in the replaced file alone."""
    from pyproj import Transformer

    from tiler.matrix import tile_bounds, tile_matrix_set

    west, south, east, north = _file_box()
    to_file = Transformer.from_crs("EPSG:3857", "EPSG:2154", always_xy=True)
    for level in ("18", "19", "20"):
        matrix = tile_matrix_set("PM").by_id[level]
        for one in tiles(MOSAIC, level):
            left, bottom, right, top = to_file.transform_bounds(*tile_bounds(matrix, one.x, one.y))
            if west + 2 < left and south + 2 < bottom and right < east - 2 and top < north - 2:
                yield one


def _paths(wanted: Sequence[TileRequest]) -> tuple[str, ...]:
    return tuple(geopf.path_of(one) for one in wanted)


@contextmanager
def _replacing(path: Path, versions: tuple[Path, Path]) -> Iterator[list[int]]:
    """Replace a file by its versions in turn, each time whole, until the end of the block; give how often."""
    stop, count = threading.Event(), [0]

    def replace() -> None:
        aside = path.with_name(f".{path.name}.next")
        while not stop.wait(_REPLACED_EVERY_S):
            count[0] += 1
            shutil.copyfile(versions[count[0] % 2], aside)
            aside.replace(path)

    thread = threading.Thread(target=replace, daemon=True)
    thread.start()
    try:
        yield count
    finally:
        stop.set()
        thread.join()


def _soak(server: Server, requests: int, say: Say) -> tuple[Soaked, list[tuple[float, int]]]:
    """Send the load; return what came back, and resident memory by share of the run."""
    memory: list[tuple[float, int]] = []
    with subprocess.Popen(
        [sys.executable, "-m", "bench.soak"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[1],
    ) as generator:
        assert generator.stdin is not None
        assert generator.stdout is not None
        try:
            soak = Soak(port=server.port, kinds=_kinds(), requests=requests, connections=_BUSY)
            generator.stdin.write(msgspec.json.encode(soak))
            generator.stdin.close()
            began = time.monotonic()
            for line in generator.stdout:
                event = msgspec.json.decode(line, type=Step | Soaked)
                if isinstance(event, Soaked):
                    return event, memory
                used = read_usage(server.process.pid)
                memory.append((event.done / requests, used.rss_bytes))
                if len(memory) % 10 == 0:
                    speed = event.done / (time.monotonic() - began)
                    say(f"rss-drift: {event.done:,} requests, {used.rss_bytes >> 20} MiB, {speed:,.0f} a second")
        finally:
            generator.kill()
    raise Unavailable("the load generator ended before its load", f"read {server.log}")
