"""Legends of layers, made once for a version of a layer and kept with its tiles."""

from core.cache import ByteCache
from core.errors import BadSource
from core.layer import PublishedLayer, RasterSource
from core.style import Style
from tiler.legend import legend_of
from tiler.legend_svg import draw_legend
from tiler.pool import RenderPool
from tiler.raster.header import RasterHeaders
from tiler.raster.mosaic import MosaicIndexes
from tiler.renderer import TileKey

_DRAWING = "1"
"""Part of every ETag: changed whenever the same legend is drawn in another way."""


class Legends:
    """Draws the legends of raster layers."""

    def __init__(
        self, pool: RenderPool, cache: ByteCache[TileKey], headers: RasterHeaders, indexes: MosaicIndexes
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._headers = headers
        self._indexes = indexes

    async def get(self, layer: PublishedLayer, style: Style) -> bytes:
        """Return the legend of a style as SVG.

        Raises:
            BadSource: The stored file is missing or damaged.
            Unavailable: The store does not answer, or too much is being drawn.
        """

        async def make() -> bytes:
            assert isinstance(layer.source, RasterSource)
            palette = await self._palette(layer.source)
            return await self._pool.run(lambda: draw_legend(legend_of(style, layer.source, palette)))  # type: ignore[arg-type]

        return await self._cache.get((legend_etag(layer, style), False), make)

    async def _palette(self, source: RasterSource) -> bytes:
        """Return the palette of a layer's files, which is that of its most important one."""
        href = source.href
        if source.files > 1:
            hrefs = (await self._indexes.get(href)).hrefs
            if not hrefs:
                raise BadSource(f"{href} names no file", "store the layer again")
            href = hrefs[0]
        return (await self._headers.get(href)).tiff.levels[0].palette


def legend_etag(layer: PublishedLayer, style: Style) -> str:
    """Return the entity tag of a legend."""
    return f'"{layer.version}-legend-{_DRAWING}-{style.name}"'
