"""Legends of layers, made once for a version of a layer and kept with its tiles."""

from collections.abc import Awaitable, Callable

from core.cache import ByteCache
from core.layer import PublishedLayer, RasterSource
from core.style import Style
from tiler.legend import legend_of
from tiler.legend_svg import draw_legend
from tiler.pool import RenderPool
from tiler.renderer import TileKey

_DRAWING = "1"
"""Part of every ETag: changed whenever the same legend is drawn in another way."""


class Legends:
    """Draws the legends of raster layers."""

    def __init__(
        self, pool: RenderPool, cache: ByteCache[TileKey], palette: Callable[[RasterSource], Awaitable[bytes]]
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._palette = palette

    async def get(self, layer: PublishedLayer, style: Style) -> bytes:
        """Return the legend of a style as SVG.

        Raises:
            BadSource: The stored file is missing or damaged.
            Unavailable: The store does not answer, or too much is being drawn.
        """

        async def make() -> bytes:
            source = layer.source
            assert isinstance(source, RasterSource)
            palette = await self._palette(source)
            return await self._pool.run(_draw, style, source, palette)

        return await self._cache.get((legend_etag(layer, style), ""), make)


def _draw(style: Style, source: RasterSource, palette: bytes) -> bytes:
    return draw_legend(legend_of(style, source, palette))


def legend_etag(layer: PublishedLayer, style: Style) -> str:
    """Return the entity tag of a legend."""
    return f'"{layer.version}-legend-{_DRAWING}-{style.name}"'
