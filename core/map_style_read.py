"""Map style files of producers: `style.json` of MapLibre, version 8, as Maputnik and QGIS plugins write it."""

from pathlib import PurePath
from typing import Any

import msgspec

from core.errors import BadRequest
from core.map_style import MAX_MAP_STYLE_BYTES, MapStyle
from core.map_style_check import ROOT, check_document, shown
from core.style_check import MAX_TITLE, is_style_name

_LEFT_OUT = frozenset({
    "version", "name", "sources", "sprite", "glyphs", "id", "owner", "created", "modified", "draft", "visibility",
    "protected",
})  # fmt: skip
"""What the engine tells, and what editors note for themselves."""

_BOM = b"\xef\xbb\xbf"


def looks_like_map_style(data: bytes) -> bool:
    """Return whether a file is meant as a map style, well made or not: JSON with `layers`, `sources` or a version."""
    try:
        document = msgspec.json.decode(data.removeprefix(_BOM))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return isinstance(document, dict) and bool({"layers", "sources", "version"} & document.keys())


def read_map_style(data: bytes, file_name: str) -> MapStyle:
    """Read a map style file.

    The style's name is its own where that can stand in a URL, else that of the file, and its own the title. Where
    tiles, letters and icons come from is left out: the engine tells it.

    Args:
        data: What is in it.
        file_name: For messages, and the name.

    Raises:
        BadRequest: It is no style of version 8, draws from more than one source or from one that is not vector
            tiles, or cannot be drawn.
    """
    short = PurePath(file_name).name
    try:
        return _read(data, PurePath(file_name).stem)
    except BadRequest as err:
        raise BadRequest(f"{short}: {err.message}", err.remedy) from err


def _read(data: bytes, stem: str) -> MapStyle:
    if len(data) > MAX_MAP_STYLE_BYTES:
        raise BadRequest(f"has {len(data)} bytes or more", f"a style has {MAX_MAP_STYLE_BYTES} at most")
    try:
        document = msgspec.json.decode(data.removeprefix(_BOM))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as err:
        raise BadRequest(f"no JSON ({err})", "give a MapLibre style; SLD and ROK4 styles are for rasters") from err
    if not isinstance(document, dict) or document.get("version") != 8:
        raise BadRequest("no MapLibre style of version 8", 'give one with "version": 8; SLD and ROK4 are for rasters')
    said = document.get("name", "")
    if not isinstance(said, str) or len(said) > MAX_TITLE or not said.isprintable():
        raise BadRequest(f"its name {shown(said)} cannot be read", f"use up to {MAX_TITLE} characters")
    name = next((one for one in (said, stem) if is_style_name(one)), "")
    if not name:
        raise BadRequest(
            f"neither {said[:40]!r} nor the file's name can stand in a URL", "use letters, digits, _, -, ."
        )
    kept: dict[str, Any] = {key: value for key, value in document.items() if key not in _LEFT_OUT}
    if "terrain" in kept or "font-faces" in kept or "imports" in kept:
        raise BadRequest(
            "it has terrain, font-faces or imports, which clients would fetch elsewhere",
            f"leave them out; beside sources, sprite and glyphs a style has {', '.join(sorted(ROOT))}",
        )
    check_document(name, kept)
    _check_sources(name, document.get("sources"), kept["layers"])
    kept["layers"] = [{key: value for key, value in layer.items() if key != "source"} for layer in kept["layers"]]
    return MapStyle(name=name, title=said or name, document=msgspec.json.encode(kept).decode())


def _check_sources(name: str, sources: object, layers: list[dict[str, Any]]) -> None:
    """Check that a style draws from one source of vector tiles, which the layer's own take the place of."""
    if not isinstance(sources, dict):
        raise BadRequest(f"style {name} has no sources", "give one of type vector")
    drawn: set[str] = set()
    for layer in layers:
        if layer["type"] == "background":
            continue
        source = layer.get("source")
        where = f"layer {layer['id'][:80]!r} of style {name}"
        if not isinstance(source, str) or source not in sources:
            raise BadRequest(f"{where} draws from {shown(source)}, which is no source", "name one of its sources")
        kind = sources[source].get("type") if isinstance(sources[source], dict) else None
        if kind != "vector":
            raise BadRequest(
                f"{where} draws from {source[:80]!r}, a source of type {shown(kind)}",
                "take the layer out: a style shows the vector tiles of its own layer",
            )
        drawn.add(source)
    if len(drawn) > 1:
        raise BadRequest(
            f"style {name} draws from {len(drawn)} sources: {', '.join(sorted(drawn))[:200]}",
            "draw from one: a style shows the tiles of its own layer",
        )
