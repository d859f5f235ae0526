"""The map styles of a layer: its own, then the one that every vector layer has."""

from urllib.parse import quote

from core.errors import StyleNotFound
from core.layer import PublishedLayer, kind_of
from core.map_style import MapStyle
from core.style import DEFAULT
from tiler.maplibre.default_style import STANDARD, STANDARD_TITLE, default_style

ROOT = "/annexes/ressources/vectorTiles"
"""Path of styles, letters and icons on this server, as on the national platform."""


def map_style_titles(layer: PublishedLayer) -> dict[str, str]:
    """Return the titles of the styles in which a layer can be drawn by their names, the default first.

    There are none for what has no vector tiles.
    """
    if kind_of(layer) != "vector":
        return {}
    return {style.name: style.title or style.name for style in layer.map_styles} | (
        {} if any(style.name == STANDARD for style in layer.map_styles) else {STANDARD: STANDARD_TITLE}
    )


def map_style_name(layer: PublishedLayer, name: str) -> str:
    """Return the name of a style of a vector layer; `default` is its first.

    Raises:
        StyleNotFound: The layer has no such style, or no vector tiles.
    """
    names = tuple(map_style_titles(layer))
    if not names:
        raise StyleNotFound(
            f"{layer.name} is of kind {kind_of(layer)} and has no MapLibre style", "ask for a vector layer"
        )
    wanted = names[0] if name == DEFAULT else name
    if wanted not in names:
        raise StyleNotFound(f"{layer.name} has no style {name[:80]!r}", f"its styles: {', '.join(names)}")
    return wanted


def map_style_of(layer: PublishedLayer, name: str) -> MapStyle:
    """Return a style of a vector layer; `default` is its first.

    Raises:
        StyleNotFound: The layer has no such style, or no vector tiles.
    """
    wanted = map_style_name(layer, name)
    return next((style for style in layer.map_styles if style.name == wanted), None) or default_style(layer)


def style_path(layer: PublishedLayer, name: str) -> str:
    """Return the path of a style on this server."""
    return f"{ROOT}/styles/{quote(layer.name)}/{quote(name)}.json"
