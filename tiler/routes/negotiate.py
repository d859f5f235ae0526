"""The format of a tile asked for without an extension: what the client likes best (RFC 9110, section 12.5.1)."""

from contextlib import suppress

from core.errors import NotAcceptable
from core.layer import PublishedLayer, RasterSource, TiledSource
from tiler.address import tile_types
from tiler.raster.data import DATA_TYPES
from tiler.raster.encode import LOSSLESS, PICTURE_TYPES
from tiler.samples import preferred_extension
from tiler.styles import data_style_of, style_of

MAX_RANGES = 32
"""Media ranges of an Accept header that are looked at."""


def choose_extension(layer: PublishedLayer, accept: str, style_name: str = "") -> str:
    """Return the extension of the format to answer.

    Formats that the client likes equally are taken in the layer's order: what suits it
    best, then the others.

    Args:
        layer: A layer with tiles.
        accept: The Accept header, empty when there was none.
        style_name: Name of the style; empty for the default.

    Raises:
        NotAcceptable: The layer has none of the formats.
        StyleNotFound: The layer has no such style.
    """
    types = _types(layer, style_name)
    offers = dict.fromkeys((preferred_extension(layer, style_name), *types))
    ranges = _parse(accept) or {"*/*": 1.0}
    liked = {extension: _quality(types[extension], ranges) for extension in offers}
    best = max(liked, key=lambda extension: liked[extension])  # the first of equals
    if liked[best] <= 0:
        raise NotAcceptable(
            f"{layer.name} has no tiles of type {accept[:100]!r}",
            f"accept {' or '.join(dict.fromkeys(types.values()))}",
        )
    return best


def _types(layer: PublishedLayer, style_name: str) -> dict[str, str]:
    """Return the formats in which a style can be given, by extension, without parameters of the media types."""
    assert isinstance(layer.source, TiledSource)
    types = tile_types(layer.source)
    if isinstance(layer.source, RasterSource):
        lossless = style_of(layer, style_name).lossless
        types = {name: media for name, media in PICTURE_TYPES.items() if not lossless or name in LOSSLESS}
        with suppress(NotAcceptable):
            data_style_of(layer, style_name)
            types |= DATA_TYPES
    return {name: media.partition(";")[0] for name, media in types.items()}


def _parse(accept: str) -> dict[str, float]:
    """Return the quality of each media range; what is not a number counts as 0."""
    ranges: dict[str, float] = {}
    for item in accept.split(",")[:MAX_RANGES]:
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        if "/" not in name:
            continue
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            ranges[name] = min(max(float(quality), 0.0), 1.0)
        except ValueError:
            ranges[name] = 0.0
    return ranges


def _quality(media_type: str, ranges: dict[str, float]) -> float:
    """Return the quality of a type by the most specific range that holds it."""
    family = media_type.partition("/")[0]
    for name in (media_type, f"{family}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
