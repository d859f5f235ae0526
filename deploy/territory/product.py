"""What a territory consists of, and the stamp in its folder that says that it is whole."""

from pathlib import Path
from typing import Literal

import msgspec

_FORM = 1
"""Changed when the territory is made in another way, so that an older one is made anew."""

_STAMP = "territory.json"


class TerritoryLayer(msgspec.Struct, frozen=True, kw_only=True):
    """One product: files that become one layer."""

    name: str
    kind: Literal["raster", "vector", "points"]
    title: str
    abstract: str
    files: tuple[Path, ...]
    source_layer: str = ""
    """Layer of the file to take; empty for the only one."""


class Territory(msgspec.Struct, frozen=True, kw_only=True):
    """What was made."""

    title: str
    abstract: str
    bounds: tuple[float, float, float, float]
    """West, south, east, north, metres (EPSG:2154)."""

    layers: tuple[TerritoryLayer, ...]


class _Stamp(msgspec.Struct, frozen=True):
    """What tells that the territory in a folder is whole."""

    form: int
    territory: Territory


def write_stamp(folder: Path, territory: Territory) -> None:
    """Say that all files of the territory are in the folder."""
    (folder / _STAMP).write_bytes(msgspec.json.encode(_Stamp(_FORM, territory), enc_hook=str))


def read_stamp(folder: Path) -> Territory | None:
    """Return the territory of the folder, or None when it is not there whole, or was made in an older way."""
    try:
        known = msgspec.json.decode((folder / _STAMP).read_bytes(), type=_Stamp, dec_hook=_path)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    files = (path for layer in known.territory.layers for path in layer.files)
    return known.territory if known.form == _FORM and all(path.is_file() for path in files) else None


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind)  # so msgspec is told that a type is not for this hook
