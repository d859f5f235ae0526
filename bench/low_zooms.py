"""The trial `low-zoom-ms`: CPU of the dearest tile of levels 0 to 10, of 400,000 buildings."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.buildings import BUILDINGS, prepare_buildings, tiles_with_buildings
from bench.scenario import Figure, Target, TileRequest, Trial
from bench.source_build import build_apart

LEVELS = range(11)
_PASSES = 5
"""Times each tile is drawn; the median counts."""

Say = Callable[[str], None]


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What a tile took."""

    request: TileRequest
    draw_ms: float
    """CPU time of the thread, milliseconds."""
    gzip_ms: float
    size: int
    """Bytes before compression."""


def trial() -> Trial:
    """Return the trial."""
    return Trial(
        id="low-zoom-ms",
        what="CPU of the dearest tile of levels 0 to 10 of 400,000 buildings, drawn and compressed",
        unit="milliseconds",
        target=Target(value=30.0, at_most=True),
        run=run,
    )


def run(home: Path, say: Say) -> Figure:
    """Build the source and draw every tile that has something in it.

    Raises:
        Unavailable: The source cannot be built.
    """
    parquet = prepare_buildings(home.parent / "sources" / "vector", say)
    with tempfile.TemporaryDirectory(prefix="geopf-bench-") as folder:
        stem = Path(folder) / BUILDINGS
        build_apart(parquet, stem)
        drawn = draw_all(stem)
    worst = max(drawn, key=lambda one: one.draw_ms + one.gzip_ms)
    where = worst.request
    largest = max(one.size for one in drawn)
    return Figure(
        value=worst.draw_ms + worst.gzip_ms,
        note=(
            f"{where.z}/{where.x}/{where.y} of {len(drawn)} tiles: {worst.draw_ms:.1f} ms to draw {worst.size:,} bytes "
            f"and {worst.gzip_ms:.1f} ms to compress them; the largest tile has {largest:,} bytes"
        ),
    )


def draw_all(stem: Path) -> list[Drawn]:
    """Draw all tiles of the levels from the source of a stem, each some times."""
    from isal import igzip

    from tiler.matrix import tile_bounds, tile_matrix_set
    from tiler.vector.grid import MERCATOR
    from tiler.vector.layer import TileSource
    from tiler.vector.stored import open_levels, open_values
    from tiler.vector.tile import encode_tile

    grid, levels = open_levels(stem.with_name(f"{stem.name}.0.shapes.arrow"))
    source = TileSource(grid, levels, open_values(stem.with_name(f"{stem.name}.values.arrow")))
    matrices = tile_matrix_set("PM").by_id
    drawn = []
    for level in LEVELS:
        for request in tiles_with_buildings(BUILDINGS, str(level)):
            bounds = tile_bounds(matrices[str(level)], request.x, request.y)
            draw_s, gzip_s, data = [], [], b""
            for _ in range(_PASSES):
                began = time.thread_time()
                data = encode_tile(source, BUILDINGS, bounds=bounds, crs=MERCATOR)
                middle = time.thread_time()
                igzip.compress(data, 1, mtime=0)
                draw_s.append(middle - began)
                gzip_s.append(time.thread_time() - middle)
            drawn.append(
                Drawn(
                    request=request,
                    draw_ms=1e3 * statistics.median(draw_s),
                    gzip_ms=1e3 * statistics.median(gzip_s),
                    size=len(data),
                )
            )
    return drawn
