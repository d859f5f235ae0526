"""The styles of a raster layer: its own, then those that any elevation or other measured surface has."""

import math
from functools import lru_cache

from core.errors import NotAcceptable, StyleNotFound
from core.layer import PublishedLayer, RasterSource
from core.listing import StyleSummary
from core.style import (
    DEFAULT,
    MAPBOX,
    TERRARIUM,
    Aspect,
    Contours,
    Hillshade,
    Ramp,
    Slope,
    Stop,
    Style,
    find_style,
)
from tiler.maplibre.styles import map_style_titles, style_path
from tiler.raster.style import PreparedStyle, prepare

MAX_PREPARED = 4096
"""Styles kept ready to be drawn."""

_PLAIN = Style(name=DEFAULT, title="As stored")
_STORED = Style(name="", title="As stored")
_LINES = 20
"""About how many contours lie between the lowest and the highest height."""

_HEIGHTS = (
    (0.0, (70, 120, 86)), (0.12, (126, 162, 98)), (0.3, (214, 207, 140)), (0.5, (190, 148, 92)),
    (0.7, (146, 102, 74)), (0.88, (166, 156, 152)), (1.0, (250, 250, 252)),
)  # fmt: skip
"""Hypsometric tints by share of the range: lowland green to the white of summits."""

_STEEPNESS = (
    (0.0, (255, 255, 255, 255)), (10.0, (236, 231, 205, 255)), (20.0, (244, 214, 120, 255)),
    (30.0, (243, 163, 66, 255)), (35.0, (224, 96, 52, 255)), (40.0, (190, 48, 60, 255)),
    (45.0, (132, 40, 108, 255)), (60.0, (58, 24, 82, 255)),
)  # fmt: skip
_FACING = (
    (0.0, (54, 98, 168, 255)), (90.0, (122, 178, 92, 255)), (180.0, (238, 190, 70, 255)),
    (270.0, (196, 84, 92, 255)), (360.0, (54, 98, 168, 255)),
)  # fmt: skip


def layer_styles(layer: PublishedLayer) -> tuple[Style, ...]:
    """Return the styles in which a layer can be asked, the default first; none for what is no raster."""
    source = layer.source
    if not isinstance(source, RasterSource):
        return ()
    own = layer.styles or (_PLAIN,)
    if not is_surface(source):
        return own
    taken = {style.name for style in own}
    return (*own, *(style for style in _surface_styles(*(source.rescale or (0.0, 255.0))) if style.name not in taken))


def style_of(layer: PublishedLayer, name: str = "") -> Style:
    """Return a style of a raster layer.

    Args:
        layer: The layer.
        name: Name of the style; empty or `default` for the layer's first.

    Raises:
        StyleNotFound: The layer has no such style.
    """
    if name in {"", DEFAULT}:
        return layer.styles[0] if layer.styles else _PLAIN
    styles = layer_styles(layer)
    found = find_style(styles, name)
    if found is None:
        offered = ", ".join(style.name for style in styles) or "none"
        raise StyleNotFound(f"{layer.name} has no style {name[:80]!r}", f"its styles: {offered}")
    return found


def data_style_of(layer: PublishedLayer, name: str = "") -> Style:
    """Return the style in which values of a raster layer are given, rather than colours.

    Its bands, its expression or its relief are given; the colours of a relief are left
    out. Without a name it is the stored samples, whatever the layer's first style shows.

    Args:
        layer: The layer.
        name: Name of the style; empty or `default` for the stored samples.

    Raises:
        NotAcceptable: The style shows colours.
        StyleNotFound: The layer has no such style.
    """
    if name in {"", DEFAULT}:
        return _STORED
    style = style_of(layer, name)
    relief = style.relief is not None and not isinstance(style.relief, Contours)
    if not relief and (style.relief or style.ramp or style.rescale or style.terrain or style.transparent):
        raise NotAcceptable(
            f"style {style.name} of {layer.name} shows colours, not values",
            "leave style out for the stored samples, or ask for .png or .webp",
        )
    return style


def is_surface(source: RasterSource) -> bool:
    """Return whether a raster holds one measure, as height, rather than a picture or classes."""
    return len(source.bands) == 1 and source.dtype != "uint8"


class StyleBook:
    """Prepared styles by layer, each made once."""

    def __init__(self) -> None:
        self._prepared: dict[tuple[str, str, str], PreparedStyle] = {}

    def get(self, layer: PublishedLayer, style: Style) -> PreparedStyle:
        """Return a style of a raster layer, ready to be drawn.

        Raises:
            BadRequest: Its expression is none.
        """
        key = layer.name, layer.version, style.name
        found = self._prepared.get(key)
        if found is None:
            assert isinstance(layer.source, RasterSource)
            if len(self._prepared) >= MAX_PREPARED:
                self._prepared.clear()
            found = self._prepared[key] = prepare(style, layer.source)
        return found


@lru_cache(maxsize=1024)
def _surface_styles(low: float, high: float) -> tuple[Style, ...]:
    """Return the styles of a surface between two heights; asked for at every tile."""
    span = high - low
    heights = tuple(Stop(low + share * span, *colour) for share, colour in _HEIGHTS)
    steepness = tuple(Stop(degrees, *colour) for degrees, colour in _STEEPNESS)
    facing = (Stop(-1.0, 200, 200, 200), *(Stop(degrees, *colour) for degrees, colour in _FACING))
    return (
        Style(name="hillshade", title="Hillshade", relief=Hillshade()),
        Style(name="elevation", title="Elevation tints", ramp=Ramp(stops=heights)),
        Style(name="slope", title="Slope", relief=Slope(), ramp=Ramp(stops=steepness)),
        Style(name="aspect", title="Aspect", relief=Aspect(min_slope=2.0), ramp=Ramp(stops=facing)),
        Style(name="contours", title="Contours", relief=Contours(interval=nice_step(span / _LINES))),
        Style(name="terrain-rgb", title="Terrain-RGB (Mapbox)", terrain=MAPBOX),
        Style(name="terrarium", title="Terrarium", terrain=TERRARIUM),
    )


def nice_step(step: float) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten that is not above a step, > 0."""
    power = 10.0 ** math.floor(math.log10(step))
    return power * max(factor for factor in (1, 2, 5) if factor * power <= step * (1 + 1e-9))


def style_summaries(layer: PublishedLayer) -> tuple[StyleSummary, ...]:
    """Return what is told of the styles of a layer."""
    maps = (
        StyleSummary(name, title, "", lossless=False, href=style_path(layer, name))
        for name, title in map_style_titles(layer).items()
    )
    return tuple(maps) or tuple(
        StyleSummary(
            name=style.name,
            title=style.title or style.name,
            abstract=style.abstract,
            lossless=style.lossless,
            legend=f"/tiles/{layer.name}/legend.svg?style={style.name}",
        )
        for style in layer_styles(layer)
    )
