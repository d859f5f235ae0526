"""MBTiles become PMTiles, since SQLite cannot be read by ranges: rows are flipped, the bytes of tiles stay."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from core.errors import InputRefused
from core.job import Notice
from core.layer import Bounds, TileType
from core.program import Emit
from tiler.archive.about import MBTILES_FORMATS, About
from tiler.archive.content import is_gzip, looks_like_mvt, picture_type
from tiler.archive.mbtiles import open_mbtiles
from tiler.archive.spool import Spool
from tiler.archive.tile_id import LAST_ZOOM, tile_id
from tiler.archive.write_pmtiles import write_pmtiles

_NAMED = 3
"""Tiles named in a message."""

_REPORTED = 512
"""Tiles between two reports of the progress."""

_OWN = frozenset({"json", "bounds", "center", "minzoom", "maxzoom", "format", "scheme"})
"""Rows of the metadata that stand elsewhere in PMTiles."""


def convert_mbtiles(path: Path, target: Path, emit: Emit, on_progress: Callable[[float], None]) -> None:
    """Write the tiles of an MBTiles file as PMTiles.

    Args:
        path: The file.
        target: The archive to write; what is needed meanwhile lies beside it.
        emit: Told of tiles that are left out.
        on_progress: Told the share that is done.

    Raises:
        InputRefused: It is no MBTiles, damaged, or has no tile.
    """
    with Spool(target.with_suffix(".spool")) as spool, open_mbtiles(path) as database:
        metadata = database.metadata()
        count = max(database.count(), 1)
        wrong: list[str] = []
        wrong_count = 0
        formats: dict[TileType, int] = {}
        for done, (zoom, col, row, data) in enumerate(database.tiles(), start=1):
            found = _format(data)
            if found is None or not _is_place(zoom, col, row):
                if data is not None and data != b"":
                    wrong_count += 1
                    wrong.extend([f"{zoom!s:.20}/{col!s:.20}/{row!s:.20}"] if len(wrong) < _NAMED else [])
            else:
                spool.add(tile_id(zoom, col, (1 << zoom) - 1 - row), data)
                formats[found] = formats.get(found, 0) + 1
            if done % _REPORTED == 0:
                on_progress(0.6 * min(done / count, 1.0))
        if wrong:
            named = ", ".join(wrong) + (" …" if wrong_count > len(wrong) else "")
            what = f"{wrong_count} rows of {path.name} are no tiles: {named} (level/column/row from the south)"
            if not formats:
                raise InputRefused(what, "PNG, JPEG, WebP, AVIF and MVT tiles are served")
            emit(Notice(f"{what}; they are left out"))
        if not formats:
            raise InputRefused(f"{path.name} holds no tile", "check what made it")
        about = _about(metadata, max(formats, key=lambda one: formats[one]), path.name, emit)
        written = write_pmtiles(spool, target, about, lambda share: on_progress(0.6 + 0.4 * share))
        if written.repeated:
            emit(Notice(f"{path.name} has {written.repeated} tiles twice; the first of each is taken"))


def _format(data: object) -> TileType | None:
    if not isinstance(data, bytes) or not data:
        return None
    return picture_type(data) or ("mvt" if is_gzip(data) or looks_like_mvt(data) else None)


def _is_place(zoom: object, col: object, row: object) -> bool:
    if not (isinstance(zoom, int) and isinstance(col, int) and isinstance(row, int)):
        return False
    return 0 <= zoom <= LAST_ZOOM and 0 <= col < 1 << zoom and 0 <= row < 1 << zoom


def _about(metadata: dict[str, str], tile_type: TileType, name: str, emit: Emit) -> About:
    claimed = metadata.get("format", "").lower().replace("jpeg", "jpg")
    if claimed and claimed not in {tile_type, MBTILES_FORMATS[tile_type]}:
        emit(Notice(f"{name} claims that its tiles are {claimed[:20]}, and they are {tile_type}"))
    more: dict[str, object] = {}
    with contextlib.suppress(msgspec.DecodeError):
        more = msgspec.json.decode(metadata.get("json") or "{}", type=dict[str, object])
    plain: dict[str, object] = {key: value for key, value in metadata.items() if key not in _OWN}
    bounds = _bounds(metadata.get("bounds", ""))
    center = ((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)
    return About(tile_type=tile_type, gzipped=tile_type == "mvt", bounds=bounds, center=center, metadata=more | plain)


def _bounds(text: str) -> Bounds:
    """Return bounds as they are written, four zeros when they are none."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        return 0.0, 0.0, 0.0, 0.0
    inside = -180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90
    return (west, south, east, north) if inside else (0.0, 0.0, 0.0, 0.0)
