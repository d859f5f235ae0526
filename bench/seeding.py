"""The trials `seed-s` and `seed-bytes`: an archive of vector tiles, made by `geopf seed` and by tippecanoe.

Both read what they keep features in, prepared before: ours its layer, tippecanoe lines of GeoJSON.
The archives are compared before anything is timed.
"""

import asyncio
import resource
import shutil
import statistics
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import msgspec

from bench import tippecanoe
from bench.buildings import BUILDINGS, COUNT, LEVEL, full_tiles, prepare_buildings, tiles_with_buildings
from bench.compare_tiles import feature_difference
from bench.peers import geopf
from bench.scenario import Figure, Target, TileRequest, Trial
from bench.stored_tiles import stored_tile
from core.errors import BadSource, Unavailable

ZOOMS = (6, 14)
_PASSES = 3
_COMPARED = 5
"""Tiles of about a thousand buildings whose features are compared."""

_BOUND = 0.01
"""Share of a tile's features that only one archive may have: tippecanoe puts tiny ones together."""

_LOW_LEVELS = range(11)
MOST_BYTES = 500_000
"""Of a tile as it is stored, where levels are low."""

Say = Callable[[str], None]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What one archive took."""

    wall_s: float
    cpu_s: float
    """Of the program and all it started."""
    size: int = 0
    """Bytes of what it made."""


class Seeded(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured."""

    ours: tuple[Made, ...]
    theirs: tuple[Made, ...]
    """Empty when the peer was not measured."""
    peer: str
    """Name and version of the peer, or why it was not measured."""
    disagrees: str
    """How the archives differ; empty when they agree or there is one only."""
    ingest_s: float
    """Time of our ingest before, seconds."""
    convert_s: float
    """Time to write the peer's file, seconds."""


def trials() -> tuple[Trial, ...]:
    """Return the trials, which share one measurement."""
    what = f"of vector tiles of {COUNT:,} buildings, levels {ZOOMS[0]} to {ZOOMS[1]}"
    return (
        Trial(
            id="seed-s",
            what=f"seeding a PMTiles archive {what}, on all cores",
            unit="seconds",
            target=Target(value=15.0, ratio=0.5, at_most=True),
            run=lambda home, say: tell_seconds(measure(home.parent, COUNT, ZOOMS, say)),
        ),
        Trial(
            id="seed-bytes",
            what=f"size of the PMTiles archive {what}",
            unit="bytes",
            target=Target(value=40e6, ratio=1.0, at_most=True),
            run=lambda home, say: tell_bytes(measure(home.parent, COUNT, ZOOMS, say)),
        ),
    )


def tell_seconds(found: Seeded) -> Figure:
    """Return the figure of the time; none when the archives differ."""
    if found.disagrees:
        return Figure(value=None, note=found.disagrees, peer=found.peer)
    note = f"{statistics.median(one.cpu_s for one in found.ours):.1f} s of CPU"
    if found.theirs:
        note += f", the peer's {statistics.median(one.cpu_s for one in found.theirs):.1f} s"
    note += f"; not counted: {found.ingest_s:.1f} s to ingest the layer before"
    ours_s = statistics.median(one.wall_s for one in found.ours)
    if not found.theirs:
        return Figure(value=ours_s, note=note, peer=found.peer)
    theirs_s = statistics.median(one.wall_s for one in found.theirs)
    note += (
        f", {found.convert_s:.1f} s to write the GeoJSON that the peer reads; with them "
        f"{ours_s + found.ingest_s:.1f} s beside {theirs_s + found.convert_s:.1f} s"
    )
    return Figure(value=ours_s, note=note, peer=found.peer, peer_value=theirs_s)


def tell_bytes(found: Seeded) -> Figure:
    """Return the figure of the size; none when the archives differ."""
    if found.disagrees:
        return Figure(value=None, note=found.disagrees, peer=found.peer)
    return Figure(
        value=float(found.ours[-1].size),
        note=f"whole archives; no tile of levels {ZOOMS[0]} to {_LOW_LEVELS[-1]} has more than {MOST_BYTES:,} bytes",
        peer=found.peer,
        peer_value=float(found.theirs[-1].size) if found.theirs else None,
    )


@lru_cache(maxsize=1)
def measure(bench: Path, count: int, zooms: tuple[int, int], say: Say) -> Seeded:
    """Seed with both, compare, then time each in turn; what both rows ask is done once.

    Args:
        bench: Folder of the bench.
        count: Buildings.
        zooms: First and last level.
        say: Told of the progress.

    Raises:
        Unavailable: Ours cannot be measured.
    """
    parquet = prepare_buildings(bench / "sources" / "vector", say, count)
    folder = bench / "seed"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "geopf").mkdir(parents=True)
    try:
        return _measure(parquet, folder, bench / "peers" / tippecanoe.NAME, count, zooms, say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(parquet: Path, folder: Path, peer_home: Path, count: int, zooms: tuple[int, int], say: Say) -> Seeded:
    ours, theirs, features = folder / "ours.pmtiles", folder / "theirs.pmtiles", folder / "features.geojsonl"
    home, asked = folder / "geopf", f"{zooms[0]}-{zooms[1]}"
    say(f"publishing {parquet.name}")
    ingest_s = time_work(lambda: geopf.publish(home, BUILDINGS, [parquet], kind="vector")).wall_s
    sides: list[tuple[Path, Callable[[], None]]] = [(ours, lambda: geopf.seed(home, BUILDINGS, ours, asked))]
    convert_s = 0.0
    try:
        peer = f"{tippecanoe.NAME} {tippecanoe.prepare(peer_home, say)}"
    except Unavailable as err:
        say(f"{tippecanoe.NAME} is not available: {err}")
        peer = f"{tippecanoe.NAME}: not available, {err.message}"
    else:
        say(f"writing {features.name}")
        convert_s = time_work(lambda: tippecanoe.write_features(parquet, features)).wall_s
        sides.append((theirs, lambda: tippecanoe.seed(peer_home, features, BUILDINGS, theirs, zooms)))
    for output, make in sides:  # untimed, so that code is compiled and files are in memory
        say(f"seeding {output.name}")
        make()
    wrong = compare_archives(ours, theirs, count, zooms) if len(sides) > 1 else ""
    made: dict[Path, list[Made]] = {ours: [], theirs: []}
    for turn in range(0 if wrong else _PASSES):
        for output, make in sides:
            took = time_work(make)
            say(f"{output.name} {turn + 1}/{_PASSES}: {took.wall_s:.1f} s")
            made[output].append(msgspec.structs.replace(took, size=output.stat().st_size))
    return Seeded(
        ours=tuple(made[ours]),
        theirs=tuple(made[theirs]),
        peer=peer,
        disagrees=wrong,
        ingest_s=ingest_s,
        convert_s=convert_s,
    )


def compare_archives(ours: Path, theirs: Path, count: int, zooms: tuple[int, int]) -> str:
    """Return how two archives differ; empty when they agree.

    Some tiles of the last level hold the same features, but for a few. Those of low levels, of
    which each program leaves out and joins what it thinks best, are small in both.

    Args:
        ours: The platform's archive.
        theirs: The peer's.
        count: Buildings in both.
        zooms: First and last level.
    """
    full = full_tiles() if (count, zooms[1]) == (COUNT, int(LEVEL)) else _with_buildings(zooms[1], count)
    low = [tile for level in _LOW_LEVELS[zooms[0] :] for tile in _with_buildings(level, count)]
    try:
        for tile in full[:: -(-len(full) // _COMPARED)]:
            differs = feature_difference(_stored(ours, tile), _stored(theirs, tile), "cleabs")
            if differs > _BOUND:
                return f"{differs:.1%} of the features of {_place(tile)} are in one archive only"
        for tile in low:
            for path in (ours, theirs):
                size = len(_stored(path, tile))
                if size > MOST_BYTES:
                    return f"{_place(tile)} of {path.name} has {size:,} bytes, more than {MOST_BYTES:,}"
    except BadSource as err:
        return err.message
    return ""


def time_work(work: Callable[[], object]) -> Made:
    """Do something and return what it took, of this process and of those that it started and that ended."""
    began, used = time.perf_counter(), _cpu_s()
    work()
    return Made(wall_s=time.perf_counter() - began, cpu_s=_cpu_s() - used)


def _cpu_s() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _with_buildings(level: int, count: int) -> tuple[TileRequest, ...]:
    return tiles_with_buildings(BUILDINGS, str(level), count)


def _stored(archive: Path, tile: TileRequest) -> bytes:
    return asyncio.run(stored_tile(archive, tile.z, tile.x, tile.y))


def _place(tile: TileRequest) -> str:
    return f"{tile.z}/{tile.x}/{tile.y}"
