"""The rasters of a folder: many thousand names do not fit a command line."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import InputRefused
from core.job import Notice
from core.program import Emit

_ENDINGS = (".tif", ".tiff")
_TOLD = 5
"""Names of files left out that are told."""


def list_rasters(inputs: Sequence[str], emit: Emit) -> tuple[str, ...]:
    """Return files as they were given, and in the place of a folder the GeoTIFFs in it, sorted by name.

    Folders within it are not entered.

    Args:
        inputs: Paths of files and folders.
        emit: Told of files that are left out.

    Raises:
        InputRefused: A folder holds no GeoTIFF.
    """
    return tuple(path for one in inputs for path in (_rasters_in(Path(one), emit) if Path(one).is_dir() else (one,)))


def _rasters_in(folder: Path, emit: Emit) -> Iterator[str]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    taken = [name for name in names if name.lower().endswith(_ENDINGS)]
    left = [name for name in names if not name.lower().endswith(_ENDINGS)]
    if not taken:
        raise InputRefused(f"{folder} holds no GeoTIFF", "give a folder with files that end in .tif")
    if left:
        more = f" and {len(left) - _TOLD} more" if len(left) > _TOLD else ""
        emit(Notice(f"left out of {folder.name}, as no GeoTIFF: {', '.join(left[:_TOLD])}{more}"))
    return (str(folder / name) for name in taken)
