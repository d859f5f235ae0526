"""First look at a producer's files, before anything is begun."""

import os
import shutil
from pathlib import Path

from core.errors import InputRefused, StoreFull

_ROOM_BYTES = 64 << 20
"""Room asked for beside that of the data."""


def check_inputs(inputs: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the files as absolute paths if all can be read.

    Raises:
        InputRefused: There is none, or one does not exist or may not be read.
    """
    if not inputs:
        raise InputRefused("no file was given", "name at least one")
    for path in inputs:
        if not path.exists():
            raise InputRefused(f"{path} does not exist", "check the path")
        if not os.access(path, os.R_OK):
            raise InputRefused(f"{path} may not be read by this user", "change its permissions")
        if path.is_file() and path.stat().st_size == 0:
            raise InputRefused(f"{path} is empty", "was it copied whole?")
    return tuple(path.absolute() for path in inputs)


def check_room(inputs: tuple[Path, ...], folder: Path) -> None:
    """Check that a folder's disk has room for data as large as the files.

    What is made may be smaller or larger; this only refuses what cannot go well.

    Raises:
        StoreFull: It has not.
    """
    wanted = sum(_size(path) for path in inputs) + _ROOM_BYTES
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise StoreFull(
            f"{folder} has {free >> 20} MiB free where about {wanted >> 20} MiB are needed", "free disk space"
        )


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(Path(parent, name).stat().st_size for parent, _, names in os.walk(path) for name in names)
