"""The document of a map style as clients read it."""

from functools import lru_cache
from typing import Any

import msgspec

from core.layer import PublishedLayer
from tiler.maplibre.sprites import SPRITE
from tiler.maplibre.styles import ROOT, map_style_of
from tiler.matrix import tile_matrix_set
from tiler.tilejson import describe

_PM = "PM"


def style_document(layer: PublishedLayer, name: str, base_url: str) -> bytes:
    """Return a style as clients read it: its tiles, letters and icons are this server's.

    Args:
        layer: A layer.
        name: Name of the style.
        base_url: Scheme and authority of this server, without a slash at the end.

    Raises:
        StyleNotFound: The layer has no such style, or no vector tiles.
    """
    style = map_style_of(layer, name)
    tiles = describe(layer, tile_matrix_set(_PM), base_url)
    source: dict[str, Any] = {
        "type": "vector",
        "tiles": tiles.tiles,
        "bounds": tiles.bounds,
        "minzoom": tiles.minzoom,
        "maxzoom": tiles.maxzoom,
    }
    if tiles.attribution:
        source["attribution"] = tiles.attribution
    head = {
        "version": 8,
        "name": style.title or style.name,
        "sprite": f"{base_url}{ROOT}/sprites/{SPRITE}",
        "glyphs": f"{base_url}{ROOT}/fonts/{{fontstack}}/{{range}}.pbf",
        "sources": {layer.name: source},
    }
    return msgspec.json.encode(head)[:-1] + b"," + _rest(style.document, layer.name)[1:]


@lru_cache(maxsize=32)
def _rest(document: str, source: str) -> bytes:
    """Return a style's own part, every layer drawn from one source."""
    own = msgspec.json.decode(document)
    own["layers"] = [layer if layer["type"] == "background" else layer | {"source": source} for layer in own["layers"]]
    return msgspec.json.encode(own)
