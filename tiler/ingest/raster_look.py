"""A first look at COGs that stay as they are: their own directories, read by ourselves, thousands a second."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import pyproj

from core.errors import BadSource, InputRefused
from core.layer import Bounds
from tiler.raster.directory import steps
from tiler.raster.header import START_BYTES, why_fallback
from tiler.raster.tiff import Tiff

_ALONE_PX = 2048
"""Side of the largest image that needs no overview."""

_READERS = 4
"""Files read at a time: parsing takes the processor, but a disk far away takes its time."""

_AT_A_TIME = 1000
"""Files asked for before their answers are taken."""

_REMEDY = "leave out --as-is, or make it a COG with gdal_translate -of COG"


class Looked(msgspec.Struct, frozen=True, gc=False):
    """What is kept of a COG."""

    path: str
    crs: str
    """As `EPSG:code` or WKT; empty when the file does not say."""
    box: Bounds
    """West, south, east, north, units of the CRS."""
    cell_x: float
    """Width of a pixel, units of the CRS."""
    cell_y: float
    width: int
    """Pixels."""
    height: int
    bands: int
    alpha: bool
    dtype: str
    nodata: float | None
    reductions: int
    """Overviews."""


def look_at_all(paths: Sequence[str], declared_crs: str, told: Callable[[int], None]) -> list[Looked]:
    """Read the directories of COGs.

    Args:
        paths: The files.
        declared_crs: CRS given by the producer, empty for the files' own.
        told: Told how many are read.

    Raises:
        InputRefused: One is no COG that the engine serves by itself, or is of another kind than the first.
    """
    looked: list[Looked] = []
    with ThreadPoolExecutor(_READERS) as readers:
        for start in range(0, len(paths), _AT_A_TIME):
            group = paths[start : start + _AT_A_TIME]
            looked.extend(readers.map(lambda path: _look(path, declared=bool(declared_crs)), group))
            for one in looked[-len(group) :]:
                _check_kind(one, looked[0], declared=bool(declared_crs))
            told(len(looked))
    return looked


def _look(path: str, *, declared: bool) -> Looked:
    name = Path(path).name
    try:
        tiff = _read(Path(path))
    except BadSource as err:
        raise InputRefused(f"{name} cannot be stored as it is: {err.message}", "leave out --as-is") from err
    except OSError as err:
        raise InputRefused(f"{name} cannot be read ({err.strerror})", "check the file and its permissions") from err
    reason = why_fallback(tiff)
    if reason:
        raise InputRefused(f"{name} cannot be stored as it is: {reason}", _REMEDY)
    if not (tiff.crs or declared):
        raise InputRefused(f"{name} cannot be stored as it is: its CRS has no code", "declare it, as --crs EPSG:2154")
    size, end = Path(path).stat().st_size, _end(tiff)
    if end > size:
        raise InputRefused(f"{name} is cut off: its blocks end at byte {end}, and it has {size}", "get the file again")
    full, place = tiff.levels[0], tiff.placement
    if len(tiff.levels) == 1 and max(full.width, full.height) > _ALONE_PX:
        raise InputRefused(f"{name} has no overviews", _REMEDY)
    assert place is not None, "a file without a placement is left to rio-tiler"
    return Looked(
        path=path,
        crs=tiff.crs,
        box=tiff.bounds(),
        cell_x=place.cell_x,
        cell_y=abs(place.cell_y),
        width=full.width,
        height=full.height,
        bands=full.bands,
        alpha=full.alpha >= 0,
        dtype=full.dtype,
        nodata=tiff.nodata,
        reductions=len(tiff.levels) - 1,
    )


def _end(tiff: Tiff) -> int:
    """Return the byte after the last one of any block."""
    parts = [*tiff.levels, *(mask for mask in tiff.masks if mask is not None)]
    ends = [(one.offsets.astype(np.uint64) + one.counts.astype(np.uint64))[one.counts > 0] for one in parts]
    return max((int(one.max()) for one in ends if one.size), default=0)


def _read(path: Path) -> Tiff:
    walk = steps()
    with path.open("rb", buffering=START_BYTES) as file:
        offset, length = next(walk)
        while True:
            file.seek(offset)
            try:
                offset, length = walk.send(file.read(length))
            except StopIteration as end:
                tiff = end.value
                assert isinstance(tiff, Tiff)
                return tiff


def _check_kind(one: Looked, first: Looked, *, declared: bool) -> None:
    same_crs = declared or one.crs == first.crs or _is_same(one.crs, first.crs)
    if not same_crs or (one.bands, one.dtype) != (first.bands, first.dtype):
        raise InputRefused(
            f"{Path(one.path).name} has other bands or another CRS than {Path(first.path).name}",
            "give files of one kind to a layer",
        )


@lru_cache(maxsize=64)
def _is_same(crs: str, other: str) -> bool:
    return bool(pyproj.CRS.from_user_input(crs) == pyproj.CRS.from_user_input(other))
