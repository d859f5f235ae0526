"""The trial `build-400k-s`: what the source of tiles of 400,000 polygons takes to build, in a process of its own.

`python -m bench.source_build PARQUET STEM` builds one and prints a `Built` as JSON.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.apart import run_apart
from bench.buildings import BUILDINGS, COUNT, CRS, prepare_buildings
from bench.memory import OwnPeak, forget_peak, read_memory
from bench.scenario import Figure, Target, Trial

_PASSES = 3
_TIMEOUT_S = 600.0
_MOST_MEMORY = 3.0
"""Memory over that before, as a multiple of the file."""

Say = Callable[[str], None]


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What a build took."""

    wall_s: float
    cpu_s: float
    before_bytes: int
    """Memory of its own before, code loaded."""
    own_bytes: int
    """The most of it meanwhile."""
    mapped_bytes: int
    """How much more was resident at most than before, pages of files included, which the system may take back."""


def trial() -> Trial:
    """Return the trial."""
    return Trial(
        id="build-400k-s",
        what="building the tile source of 400,000 polygons from GeoParquet in Lambert-93, in a process of its own",
        unit="seconds",
        target=Target(value=10.0, at_most=True),
        run=run,
    )


def run(home: Path, say: Say) -> Figure:
    """Build the source as often as asked.

    Raises:
        Unavailable: A build fails.
    """
    parquet = prepare_buildings(home.parent / "sources" / "vector", say)
    took = []
    for turn in range(_PASSES):
        with tempfile.TemporaryDirectory(prefix="geopf-bench-") as folder:
            took.append(build_apart(parquet, Path(folder) / BUILDINGS))
        say(f"build-400k-s {turn + 1}/{_PASSES}: {took[-1].wall_s:.1f} s")
    size = parquet.stat().st_size
    more = max(one.own_bytes - one.before_bytes for one in took)
    return Figure(
        value=statistics.median(one.wall_s for one in took),
        note=(
            f"{COUNT:,} polygons, {statistics.median(one.cpu_s for one in took):.1f} s of CPU; at most "
            f"{more / 1e6:.0f} MB of memory of its own over the {took[-1].before_bytes / 1e6:.0f} MB before, "
            f"{more / size:.2f} times the file of {size / 1e6:.1f} MB "
            f"({'within' if more <= _MOST_MEMORY * size else 'beyond'} {_MOST_MEMORY:g}); "
            f"{max(one.mapped_bytes for one in took) / 1e6:.0f} MB with the pages of mapped files"
        ),
    )


def build_apart(parquet: Path, stem: Path) -> Built:
    """Build the source of a file in a process of its own.

    Raises:
        Unavailable: It fails.
    """
    printed = run_apart(
        "bench.source_build",
        str(parquet),
        str(stem),
        timeout_s=_TIMEOUT_S,
        failure=f"{parquet.name} could not be built",
    )
    return msgspec.json.decode(printed, type=Built)


def main(parquet: Path, stem: Path) -> int:
    """Build a source and print what it took; code is loaded before."""
    from tiler.vector.build import build_tiles
    from tiler.vector.grid import MERCATOR, grid_of

    grid_of(MERCATOR)
    forget_peak()
    before = read_memory()
    began, used = time.perf_counter(), time.process_time()
    with OwnPeak() as own:
        build_tiles(parquet, "geometry", CRS, stem, targets=(MERCATOR,))
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - used
    after = read_memory()
    built = Built(
        wall_s=wall_s,
        cpu_s=cpu_s,
        before_bytes=before.own_bytes,
        own_bytes=own.bytes,
        mapped_bytes=after.peak_bytes - before.rss_bytes,
    )
    sys.stdout.buffer.write(msgspec.json.encode(built) + b"\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2])))
