"""The file GDAL is to open: found in a zip, looked at from outside, and how it is to be read."""

import os
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

from core.errors import InputRefused
from tiler.ingest.encodings import dbf_text, shapefile_encoding

FORMATS = [
    ".gpkg",
    ".shp",
    ".fgb",
    ".geojson",
    ".json",
    ".geojsonl",
    ".gml",
    ".kml",
    ".tab",
    ".mif",
    ".csv",
    ".gpx",
    ".sqlite",
    ".dxf",
]
"""Endings looked for inside a zip."""

_ZIP = "/vsizip/{"
"""How GDAL is told of an archive, whatever its ending; a `}` follows its path."""

_INDIRECT = (b"<OGRVRT", b"<OGRWFS", b"gdal_streamed_alg")
"""What files begin with that only point to others, on this machine or on the network."""

_CSV = {
    "X_POSSIBLE_NAMES": "x,lon,lng,long,longitude,easting",
    "Y_POSSIBLE_NAMES": "y,lat,latitude,northing",
    "GEOM_POSSIBLE_NAMES": "wkt,geom,geometry,the_geom,geometrie",
    "KEEP_GEOM_COLUMNS": "NO",
    "AUTODETECT_TYPE": "YES",
}
"""How GDAL finds the geometry of a table."""


def inside_zip(path: str, source_layer: str) -> tuple[str, str]:
    """Return how GDAL names the vector file of a zip, and how a person does.

    Raises:
        InputRefused: The zip cannot be read, or holds no vector file, or several.
    """
    name = Path(path).name
    try:
        with zipfile.ZipFile(path) as content:
            entries = [entry for entry in content.namelist() if Path(entry).suffix.lower() in FORMATS]
    except (zipfile.BadZipFile, OSError) as err:
        raise InputRefused(f"{name} is not a zip that can be read ({one_line(err)})", "make it again") from err
    chosen = [entry for entry in entries if Path(entry).stem == source_layer] or entries
    if not chosen:
        raise InputRefused(f"{name} holds no vector file", f"known endings are {' '.join(FORMATS)}")
    if len(chosen) > 1:
        stems = [Path(entry).stem for entry in chosen]
        raise InputRefused(
            f"{name} holds {len(chosen)} files: {listed(stems)}", f"choose one, for instance --layer {stems[0]}"
        )
    return f"{_ZIP}{path}}}/{chosen[0]}", f"{name}/{chosen[0]}"


def refuse_indirect(opened: str, name: str) -> None:
    """Refuse what would make GDAL read something else than the producer's file.

    Raises:
        InputRefused: The file only points to others.
    """
    with ExitStack() as stack:
        file = _beside(opened, Path(opened).suffix, stack)
        head = b"" if file is None else file.read(16_384)
    if any(mark in head for mark in _INDIRECT):
        raise InputRefused(f"{name} only points to other data", "give the data themselves, for instance as GeoPackage")


def opening_options(opened: str, name: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what GDAL needs to know of a file, and what to tell of it.

    Raises:
        InputRefused: It is a shapefile that is cut.
    """
    if opened.lower().endswith(".csv"):
        return dict(_CSV), ()
    if not opened.lower().endswith(".shp"):
        return {}, ()
    with ExitStack() as stack:
        shp, dbf, cpg = (_beside(opened, suffix, stack) for suffix in (".shp", ".dbf", ".cpg"))
        if shp is not None:
            _refuse_cut(shp, name)
        if dbf is None:
            return {}, ()
        declared = "" if cpg is None else cpg.read(100).decode("ascii", errors="replace")
        encoding, notice = shapefile_encoding(dbf_text(dbf), declared)
    return {"encoding": encoding} if encoding else {}, (f"{name}: {notice}",) if notice else ()


def _refuse_cut(shp: BinaryIO, name: str) -> None:
    """Refuse a shapefile shorter than its header says: GDAL would give what lacks as features without geometry."""
    head = shp.read(28)
    announced = 2 * int.from_bytes(head[24:28], "big")
    size = shp.seek(0, os.SEEK_END)
    if size < announced:
        raise InputRefused(f"{name} announces {announced:,} bytes and has {size:,}", "the file is cut: copy it again")


def _beside(opened: str, suffix: str, stack: ExitStack) -> BinaryIO | None:
    """Open the file of the same name with another ending, on disk or in the same zip; None when there is none."""
    if opened.startswith(_ZIP):
        archive, member = opened.removeprefix(_ZIP).split("}/", 1)
        content = stack.enter_context(zipfile.ZipFile(archive))
        wanted = str(Path(member).with_suffix(suffix)).lower()
        entries = [entry for entry in content.namelist() if entry.lower() == wanted]
        return cast("BinaryIO", stack.enter_context(content.open(entries[0]))) if entries else None
    path = Path(opened)
    for candidate in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if candidate.is_file():
            return stack.enter_context(candidate.open("rb"))
    return None


def listed(names: list[str]) -> str:
    """Return names for a message, twenty at most."""
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def one_line(error: BaseException) -> str:
    """Return what an exception says, for a message."""
    return " ".join(str(error).split())[:200] or type(error).__name__
