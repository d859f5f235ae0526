"""Which map styles can be drawn from the tiles of a layer; the rules are those of the MapLibre Style Specification.

Beyond them a style of a layer draws from that layer alone: clients are sent to no other server.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from core.errors import BadRequest
from core.layer import ArchiveSource, PublishedLayer, VectorSource
from core.map_style import MAX_ALL_BYTES, MAX_MAP_STYLE_BYTES, MapStyle
from core.style import DEFAULT, MAX_STYLES
from core.style_check import check_style_name

MAX_LAYERS = 2000
"""Layers of a style."""

MAX_DEPTH = 100
"""How deep lists and objects may lie in each other."""

ROOT = frozenset({
    "metadata", "center", "centerAltitude", "zoom", "bearing", "pitch", "roll", "state", "light", "sky", "projection",
    "transition", "layers",
})  # fmt: skip
"""What a style may say beside what the engine tells."""

LAYER_KEYS = frozenset({
    "id", "type", "metadata", "source", "source-layer", "minzoom", "maxzoom", "filter", "layout", "paint"
})  # fmt: skip


def _properties(text: str) -> frozenset[str]:
    return frozenset(text.split())


LAYOUT: dict[str, frozenset[str]] = {
    "background": _properties("visibility"),
    "fill": _properties("fill-sort-key visibility"),
    "line": _properties("line-cap line-join line-miter-limit line-round-limit line-sort-key visibility"),
    "circle": _properties("circle-sort-key visibility"),
    "heatmap": _properties("visibility"),
    "fill-extrusion": _properties("fill-extrusion-rounded-corner-distance visibility"),
    "symbol": _properties("""
        symbol-placement symbol-spacing symbol-avoid-edges symbol-sort-key symbol-z-order symbol-height-offset
        symbol-height-anchor icon-allow-overlap icon-overlap icon-ignore-placement icon-optional icon-size icon-image
        icon-rotation-alignment icon-text-fit icon-text-fit-padding icon-rotate icon-padding icon-keep-upright
        icon-offset icon-anchor icon-pitch-alignment text-pitch-alignment text-rotation-alignment text-field text-font
        text-size text-max-width text-line-height text-letter-spacing text-justify text-radial-offset
        text-variable-anchor text-variable-anchor-offset text-anchor text-max-angle text-writing-mode text-rotate
        text-padding text-keep-upright text-transform text-offset text-allow-overlap text-overlap
        text-ignore-placement text-optional visibility
    """),
}
"""Layout properties by type of layer: these are the types that can be drawn from vector tiles."""

PAINT: dict[str, frozenset[str]] = {
    "background": _properties("background-color background-pattern background-opacity"),
    "fill": _properties("""
        fill-antialias fill-opacity fill-layer-opacity fill-layer-blend fill-color fill-outline-color fill-translate
        fill-translate-anchor fill-pattern
    """),
    "line": _properties("""
        line-opacity line-layer-opacity line-layer-blend line-color line-translate line-translate-anchor line-width
        line-gap-width line-offset line-blur line-dasharray line-pattern line-gradient
    """),
    "circle": _properties("""
        circle-radius circle-color circle-blur circle-opacity circle-translate circle-translate-anchor
        circle-pitch-scale circle-pitch-alignment circle-stroke-width circle-stroke-color circle-stroke-opacity
    """),
    "heatmap": _properties("heatmap-radius heatmap-weight heatmap-intensity heatmap-color heatmap-opacity"),
    "fill-extrusion": _properties("""
        fill-extrusion-opacity fill-extrusion-color fill-extrusion-translate fill-extrusion-translate-anchor
        fill-extrusion-pattern fill-extrusion-height fill-extrusion-base fill-extrusion-vertical-gradient
    """),
    "symbol": _properties("""
        icon-opacity icon-color icon-halo-color icon-halo-width icon-halo-blur icon-translate icon-translate-anchor
        text-opacity text-color text-halo-color text-halo-width text-halo-blur text-translate text-translate-anchor
    """),
}
"""Paint properties by type of layer."""


def check_map_styles(styles: Sequence[MapStyle]) -> None:
    """Check the map styles of one layer, the default first.

    Raises:
        BadRequest: One cannot be drawn, two have one name, or there is too much of them.
    """
    if len(styles) > MAX_STYLES:
        raise BadRequest(f"{len(styles)} styles are too many for a layer", f"give {MAX_STYLES} at most")
    size = sum(len(style.document.encode()) for style in styles)
    if size > MAX_ALL_BYTES:
        raise BadRequest(f"the styles have {size} bytes together", f"give {MAX_ALL_BYTES} at most")
    names: set[str] = set()
    for at, style in enumerate(styles):
        check_style_name(style.name)
        if style.name in names:
            raise BadRequest(f"two styles are named {style.name}", "give each a name of its own")
        if style.name == DEFAULT and at > 0:
            raise BadRequest(f"the style named {DEFAULT} is not the first", "give it first, or another name")
        names.add(style.name)
        if len(style.document.encode()) > MAX_MAP_STYLE_BYTES:
            raise BadRequest(f"style {style.name} is too long", f"a style has {MAX_MAP_STYLE_BYTES} bytes at most")
        check_document(style.name, _decoded(style))


def check_document(name: str, document: object) -> None:
    """Check what a style says, `sources` and the like left out.

    Args:
        name: Name of the style.
        document: The style as JSON has it.

    Raises:
        BadRequest: It cannot be drawn from vector tiles.
    """
    if not isinstance(document, dict):
        raise BadRequest(f"style {name} is no JSON object", "give a MapLibre style of version 8")
    if _deeper(document, MAX_DEPTH):
        raise BadRequest(f"style {name} has lists in each other, over {MAX_DEPTH} deep", "write them flatter")
    for key in document:
        if key not in ROOT:
            raise BadRequest(
                f"style {name} has {key[:80]!r}, which is not known here", f"use {', '.join(sorted(ROOT))}"
            )
    layers = document.get("layers")
    if not isinstance(layers, list) or not 0 < len(layers) <= MAX_LAYERS:
        raise BadRequest(f"style {name} has no list of layers, or too many", f"give 1 to {MAX_LAYERS} layers")
    seen: set[str] = set()
    for at, layer in enumerate(layers):
        where = _check_layer(name, at, layer)
        if where in seen:
            raise BadRequest(f"two layers of style {name} have the id {where[:80]!r}", "give each an id of its own")
        seen.add(where)


def check_map_fit(styles: Iterable[MapStyle], layer: PublishedLayer) -> None:
    """Check that styles draw what is in the tiles of a layer.

    Raises:
        BadRequest: A style draws from a source-layer that the tiles do not have.
    """
    known = tile_layers(layer)
    if not known:
        return
    for style in styles:
        for one in _decoded(style)["layers"]:
            drawn = one.get("source-layer")
            if drawn is not None and drawn not in known:
                raise BadRequest(
                    f"layer {one['id'][:80]!r} of style {style.name} draws the source-layer {drawn[:80]!r}, "
                    f"which the tiles of {layer.name} do not have",
                    f"use {', '.join(known[:20])}{' ...' if len(known) > 20 else ''}",
                )


def tile_layers(layer: PublishedLayer) -> tuple[str, ...]:
    """Return the names of the layers in a layer's vector tiles; none where they are not known."""
    if isinstance(layer.source, VectorSource):
        return (layer.name,)
    if isinstance(layer.source, ArchiveSource):
        return tuple(one.id for one in layer.source.vector_layers)
    return ()


def images_of(style: MapStyle) -> tuple[str, ...]:
    """Return the names of icons and patterns that a style takes from its sprite, as far as they are plainly written."""
    names: dict[str, None] = {}
    for layer in _decoded(style)["layers"]:
        said = {**layer.get("layout", {}), **layer.get("paint", {})}
        for key, value in said.items():
            if key == "icon-image" or key.endswith("-pattern"):
                names |= dict.fromkeys(_plain_names(value))
    return tuple(names)


def _plain_names(value: object) -> Iterator[str]:
    stops = value.get("stops") if isinstance(value, dict) else None
    pairs = stops if isinstance(stops, list) else [[0, value]]
    for one in (pair[1] for pair in pairs if isinstance(pair, list) and len(pair) == 2):
        name = one[1] if isinstance(one, list) and len(one) == 2 and one[0] == "image" else one
        if isinstance(name, str) and name and "{" not in name:
            yield name


def _check_layer(name: str, at: int, layer: object) -> str:
    """Check a layer of a style and return its id."""
    if not isinstance(layer, dict) or not isinstance(layer.get("id"), str) or not layer["id"]:
        raise BadRequest(f"layer {at} of style {name} has no id", "give every layer an id, as text")
    where = f"layer {layer['id'][:80]!r} of style {name}"
    kind = layer.get("type")
    if not isinstance(kind, str) or kind not in PAINT:
        raise BadRequest(f"{where} is of type {shown(kind)}", f"vector tiles are drawn as {', '.join(PAINT)}")
    for key in layer:
        if key not in LAYER_KEYS:
            raise BadRequest(f"{where} has {key[:80]!r}, which is not known", f"use {', '.join(sorted(LAYER_KEYS))}")
    if kind != "background" and (not isinstance(layer.get("source-layer"), str) or not layer["source-layer"]):
        raise BadRequest(f"{where} names no source-layer", "name the layer of the tiles that it draws")
    if kind == "background" and "source-layer" in layer:
        raise BadRequest(f"{where} is a background and draws a source-layer", "leave source-layer out")
    for key in ("minzoom", "maxzoom"):
        zoom = layer.get(key, 0)
        if isinstance(zoom, bool) or not isinstance(zoom, int | float) or not 0 <= zoom <= 24:
            raise BadRequest(f"{where} has {key} {shown(zoom)}", "use 0 to 24")
    if not isinstance(layer.get("filter", []), list | bool):
        raise BadRequest(f"{where} has a filter that is no expression", 'write ["==", ["get", "nature"], "Mairie"]')
    for part, known in (("layout", LAYOUT[kind]), ("paint", PAINT[kind])):
        said: Any = layer.get(part, {})
        if not isinstance(said, dict):
            raise BadRequest(f"{where} has a {part} that is no object", "give its properties by name")
        for key in said:
            if key not in known:
                raise BadRequest(f"{where} has {key[:80]!r} in {part}", f"a {kind} has {', '.join(sorted(known))}")
    return str(layer["id"])


def shown(value: object) -> str:
    """Return a value of a document for a message: short, and of lists and objects no more than what they are."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return repr(value[:60]) if isinstance(value, str) else str(value)[:60]


def _deeper(document: object, most: int) -> bool:
    level = [document]
    for _ in range(most):
        inside = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [one for members in inside for one in members]
    return any(isinstance(one, dict | list) for one in level)


def _decoded(style: MapStyle) -> Any:
    try:
        return msgspec.json.decode(style.document)
    except (msgspec.DecodeError, RecursionError) as err:
        raise BadRequest(f"style {style.name} is no JSON ({err})", "give a MapLibre style of version 8") from err
