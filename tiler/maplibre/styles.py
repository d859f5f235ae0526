"""The map styles of a layer: its own, then the one that every vector layer has."""

from urllib.parse import quote

from core.errors import StyleNotFound
from core.layer import PublishedLayer, kind_of
from core.map_style import MapStyle
from core.style import DEFAULT
from tiler.maplibre.default_style import default_style

ROOT = "/annexes/ressources/vectorTiles"
"""Path of styles, letters and icons on this server, as on the national platform."""


def map_styles(layer: PublishedLayer) -> tuple[MapStyle, ...]:
    """Return the styles in which a layer can be drawn, the default first; none for what has no vector tiles."""
    if kind_of(layer) != "vector":
        return ()
    every = default_style(layer)
    return (*layer.map_styles, *(one for one in (every,) if all(own.name != one.name for own in layer.map_styles)))


def map_style_of(layer: PublishedLayer, name: str) -> MapStyle:
    """Return a style of a vector layer; `default` is its first.

    Raises:
        StyleNotFound: The layer has no such style, or no vector tiles.
    """
    styles = map_styles(layer)
    if not styles:
        raise StyleNotFound(
            f"{layer.name} is of kind {kind_of(layer)} and has no MapLibre style", "ask for a vector layer"
        )
    found = styles[0] if name == DEFAULT else next((style for style in styles if style.name == name), None)
    if found is None:
        raise StyleNotFound(
            f"{layer.name} has no style {name[:80]!r}", f"its styles: {', '.join(style.name for style in styles)}"
        )
    return found


def style_path(layer: PublishedLayer, name: str) -> str:
    """Return the path of a style on this server."""
    return f"{ROOT}/styles/{quote(layer.name)}/{quote(name)}.json"
