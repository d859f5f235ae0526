"""Very many small COGs side by side, each with its own place: a survey as a producer has it, without its pixels."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.ortho import draw_ortho, write_cog
from core.layer import Bounds

SIDE_PX = 256
CELL_M = 0.2
SIDE_M = SIDE_PX * CELL_M
"""Width of a file on the ground, metres."""

CRS = "EPSG:2154"
_WEST, _NORTH = 700_000.0, 6_600_000.0
"""Corner of the first file, metres of Lambert-93."""

_MINIMUM_PX = 512
_QUALITY = 60


def write_small_cogs(folder: Path, cols: int, rows: int, say: Callable[[str], None]) -> None:
    """Write a grid of COGs, column by column within each row from the north-west, into a folder that is not there yet.

    All are one file but for the tie point (tag 33922) that places them: two doubles.

    Args:
        folder: Where they go.
        cols: Files side by side.
        rows: Files one below the other.
        say: Told of the progress.
    """
    made = folder.with_name(f"{folder.name}.part")
    made.mkdir(parents=True, exist_ok=True)
    head, tail = _template(made / "template.tif")
    for row in range(rows):
        if row % 50 == 0:
            say(f"writing COGs: {row * cols} of {cols * rows}")
        for col in range(cols):
            west, _, _, north = file_box(col, row)
            (made / file_name(col, row)).write_bytes(head + struct.pack("<2d", west, north) + tail)
    made.rename(folder)


def file_name(col: int, row: int) -> str:
    """Return the name of the file at a column and row, as surveys name them: by their corner in metres."""
    west, _, _, north = file_box(col, row)
    return f"ORTHO_{round(west * 10):08d}_{round(north * 10):08d}.tif"


def file_box(col: int, row: int) -> Bounds:
    """Return west, south, east, north of the file at a column and row, metres of Lambert-93."""
    west, north = _WEST + col * SIDE_M, _NORTH - row * SIDE_M
    return west, north - SIDE_M, west + SIDE_M, north


def _template(path: Path) -> tuple[bytes, bytes]:
    """Return the bytes of a COG before and after the easting and northing of its tie point."""
    picture = np.ascontiguousarray(draw_ortho(_MINIMUM_PX)[:, :SIDE_PX, :SIDE_PX])
    write_cog(path, picture, crs=CRS, west=_WEST, north=_NORTH, cell_size=CELL_M, block=SIDE_PX, quality=_QUALITY)
    data = path.read_bytes()
    path.unlink()
    tie = struct.pack("<6d", 0.0, 0.0, 0.0, _WEST, _NORTH, 0.0)
    assert data.count(tie) == 1, "the tie point is where GDAL writes it"
    at = data.index(tie) + 24
    return data[:at], data[at + 16 :]
