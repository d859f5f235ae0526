"""The rasters of a folder: many thousand names do not fit a command line."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import InputRefused
from core.job import Notice
from core.program import Emit

GEOTIFFS = (".tif", ".tiff")
"""Endings of what may stay as it is."""

RASTERS = (*GEOTIFFS, ".jp2", ".asc", ".vrt", ".img")
"""Endings of what is taken from a folder to be drawn; any other raster is named itself."""

_TOLD = 5
"""Names of files left out that are told."""


def list_rasters(inputs: Sequence[str], emit: Emit, endings: tuple[str, ...] = GEOTIFFS) -> tuple[str, ...]:
    """Return files as they were given, and in the place of a folder the rasters in it, sorted by name.

    Folders within it are not entered.

    Args:
        inputs: Paths of files and folders.
        emit: Told of files that are left out.
        endings: Which files of a folder are taken.

    Raises:
        InputRefused: A folder holds none.
    """
    return tuple(
        path for one in inputs for path in (_rasters_in(Path(one), emit, endings) if Path(one).is_dir() else (one,))
    )


def _rasters_in(folder: Path, emit: Emit, endings: tuple[str, ...]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    taken = [name for name in names if name.lower().endswith(endings)]
    left = [name for name in names if not name.lower().endswith(endings)]
    if not taken:
        raise InputRefused(f"{folder} holds no GeoTIFF", f"give a folder with files that end in {', '.join(endings)}")
    if left:
        more = f" and {len(left) - _TOLD} more" if len(left) > _TOLD else ""
        what = "GeoTIFF" if endings == GEOTIFFS else "raster"
        emit(Notice(f"left out of {folder.name}, as no {what}: {', '.join(left[:_TOLD])}{more}"))
    return (str(folder / name) for name in taken)
