"""PMTiles and MBTiles become layers: stored as PMTiles, tile bytes untouched."""

import asyncio
import re
from pathlib import Path
from typing import Literal

import msgspec

from core.errors import InputRefused
from core.job import JobSpec, Notice, Progress, Result
from core.layer import ArchiveSource, ArchiveVectorLayer
from core.open_store import given_or_own
from core.program import Emit
from core.storage import ObjectStore
from tiler.archive.header import MAGIC
from tiler.archive.mbtiles import APPLICATION_ID, SQLITE_MAGIC
from tiler.ingest.archive_box import LAST_LEVEL, find_box
from tiler.ingest.archive_look import Seen, look_into
from tiler.ingest.archive_mbtiles import convert_mbtiles

Form = Literal["pmtiles", "mbtiles"]

_CONVERTED, _LOOKED = 0.6, 0.8
"""Share of the work that is done after each step."""

_GEOPACKAGE = frozenset({b"GPKG", b"GP10", b"GP11"})
_MERCATOR_NAMES = re.compile(
    r"(EPSG:{1,2}|urn:ogc:def:crs:EPSG:[\d.]*:)?(3857|900913|3785)|WebMercatorQuad", re.IGNORECASE
)
_Encoding = Literal["", "mapbox", "terrarium"]

_ENCODINGS: dict[str, _Encoding] = {
    "mapbox": "mapbox",
    "terrain-rgb": "mapbox",
    "terrarium": "terrarium",
}
"""Encodings of a raster whose colours are heights (metadata `encoding`, as MapLibre names them)."""


def archive_form(paths: tuple[str, ...]) -> Form | None:
    """Return which archive the inputs begin with, by their bytes first and their names then; None when with none."""
    forms = [form for form in map(_form, paths) if form]
    return forms[0] if forms else None


def ingest_archive(spec: JobSpec, emit: Emit, store: ObjectStore | None = None) -> Result:
    """Make one layer of one archive.

    Args:
        spec: What to do; `spec.kind` says whether pictures or vectors are expected.
        emit: Told of progress and of what the producer should know.
        store: Where the archive goes; None for the platform's own store.

    Raises:
        InputRefused: The archive cannot be taken.
        StoreFull: There is no room.
    """
    emit(Progress(0.0, "looking at the archive"))
    path = _only_archive(spec)
    name, made = path.name, path
    if _form(str(path)) == "mbtiles":
        made = Path(spec.scratch) / f"{spec.name}.pmtiles"
        convert_mbtiles(path, made, emit, lambda share: emit(Progress(share * _CONVERTED, "reading tiles")))
    emit(Progress(_CONVERTED, "looking at the tiles"))
    seen = look_into(made, name, emit)
    _check_kind(spec, seen, name)
    _check_scheme(seen, name)
    if seen.min_zoom > LAST_LEVEL:
        raise InputRefused(f"{name} begins at level {seen.min_zoom}", f"levels up to {LAST_LEVEL} are served")
    if seen.max_zoom > LAST_LEVEL:
        emit(Notice(f"{name} goes down to level {seen.max_zoom}; levels up to {LAST_LEVEL} are served"))
    header = seen.header
    claim = (header.west / 1e7, header.south / 1e7, header.east / 1e7, header.north / 1e7)
    bbox = find_box(claim, seen.extents, name, emit)
    emit(Progress(_LOOKED, "storing"))
    key = f"{spec.prefix}/{spec.name}.pmtiles"
    size = asyncio.run(_store(store, key, made))
    return Result(
        source=_source(spec, seen, key), bbox=bbox, sample=seen.sample, srs="EPSG:3857", size=size, objects=(key,)
    )


def _form(path: str) -> Form | None:
    try:
        with Path(path).open("rb") as file:
            start = file.read(100)
    except OSError:
        return None
    if start.startswith(MAGIC[:2]) and (start.startswith(MAGIC) or path.lower().endswith(".pmtiles")):
        return "pmtiles"
    if start.startswith(SQLITE_MAGIC) and start[68:72] not in _GEOPACKAGE:
        if start[68:72] == APPLICATION_ID.to_bytes(4, "big") or path.lower().endswith(".mbtiles"):
            return "mbtiles"
        return "mbtiles" if b"zoom_level" in _schema(path) and b"tile_data" in _schema(path) else None
    for form in ("pmtiles", "mbtiles"):
        if path.lower().endswith(f".{form}"):
            return form  # which will say that it is none
    return None


def _schema(path: str) -> bytes:
    """Return the first page of a database, where the statements that made its first tables stand."""
    with Path(path).open("rb") as file:
        return file.read(65536)


def _only_archive(spec: JobSpec) -> Path:
    if len(spec.inputs) != 1:
        raise InputRefused(f"{len(spec.inputs)} files were given", "a layer is made of one archive alone")
    if spec.crs and _MERCATOR_NAMES.fullmatch(spec.crs) is None:
        raise InputRefused(f"an archive is in Web Mercator, not in {spec.crs}", "leave --crs out")
    if spec.source_layer:
        raise InputRefused(f"no layer {spec.source_layer} is taken out of an archive", "leave --layer out")
    return Path(spec.inputs[0])


def _check_kind(spec: JobSpec, seen: Seen, name: str) -> None:
    kind = "vector" if seen.tile_type == "mvt" else "raster"
    if spec.kind != kind:
        raise InputRefused(f"{name} holds {seen.tile_type} tiles", f"give it to `geopf ingest {kind}`")


def _check_scheme(seen: Seen, name: str) -> None:
    """Refuse what says that it is not in Web Mercator."""
    for key in ("crs", "srs", "projection", "tile_matrix_set"):
        value = seen.metadata.get(key)
        if isinstance(value, str) and value and _MERCATOR_NAMES.fullmatch(value) is None:
            raise InputRefused(
                f"{name} says that its {key} is {value[:80]}", "only archives in Web Mercator (EPSG:3857) are served"
            )


def _source(spec: JobSpec, seen: Seen, key: str) -> ArchiveSource:
    encoding: _Encoding = (
        ""
        if seen.tile_type not in {"png", "webp"}
        else _ENCODINGS.get(str(seen.metadata.get("encoding", "")).lower(), "")
    )
    return ArchiveSource(
        href=key,
        tile_type=seen.tile_type,
        tile_size=seen.tile_size,
        resampling=spec.resampling or ("nearest" if encoding else "bilinear"),
        encoding=encoding,
        vector_layers=_vector_layers(seen) if seen.tile_type == "mvt" else (),
        attribution=str(seen.metadata.get("attribution") or "")[:2000],
        tiles=seen.tiles,
        min_zoom=seen.min_zoom,
        max_zoom=min(seen.max_zoom, LAST_LEVEL),
    )


class _VectorLayer(msgspec.Struct):
    """A layer as metadata hold it; what is missing is filled in."""

    id: str
    fields: dict[str, object] = {}
    description: str | None = None
    minzoom: int | None = None
    maxzoom: int | None = None


def _vector_layers(seen: Seen) -> tuple[ArchiveVectorLayer, ...]:
    try:
        found = msgspec.convert(seen.metadata.get("vector_layers") or [], list[_VectorLayer])
    except msgspec.ValidationError:
        return ()
    return tuple(
        ArchiveVectorLayer(
            id=one.id,
            fields={name: str(meaning) for name, meaning in one.fields.items()},
            description=one.description or "",
            min_zoom=seen.min_zoom if one.minzoom is None else one.minzoom,
            max_zoom=seen.max_zoom if one.maxzoom is None else one.maxzoom,
        )
        for one in found
    )


async def _store(store: ObjectStore | None, key: str, path: Path) -> int:
    async with given_or_own(store) as target:
        return (await target.put_file(key, path)).size
