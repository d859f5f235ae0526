"""The tile engine, ready to be composed into a program."""

from litestar.types import ASGIApp

from core.cache import ByteCache
from core.layer import PublishedLayer, RasterSource, VectorSource
from core.listing import LayerGuide
from core.storage import ObjectReader
from core.table import LayerTable
from tiler.coverage import offered_sets
from tiler.pool import RenderPool
from tiler.raster.blocks import BlockCache
from tiler.raster.engine import RasterEngine
from tiler.raster.header import RasterHeaders
from tiler.raster.mosaic import MosaicIndexes
from tiler.raster.places import PlaceReader
from tiler.renderer import Renderer, TileKey
from tiler.routes.ready import ReadyAnswers
from tiler.routes.tiles import tiles_app
from tiler.samples import tile_samples
from tiler.settings import TilerSettings
from tiler.styles import StyleBook, style_summaries
from tiler.vector.source import VectorSources


def create_tiler(layers: LayerTable, store: ObjectReader, settings: TilerSettings) -> tuple[ASGIApp, RenderPool]:
    """Build the application under `/tiles` and the pool that works for it; the caller closes the pool."""
    pool = RenderPool(settings.render_threads, settings.render_queue)
    cache: ByteCache[TileKey] = ByteCache(settings.tile_cache_bytes)
    headers = RasterHeaders(store, settings.header_cache_bytes)
    blocks = BlockCache(store, pool, settings.block_cache_bytes)
    indexes = MosaicIndexes(store, settings.header_cache_bytes)
    rasters = RasterEngine(store, pool, headers=headers, blocks=blocks, indexes=indexes)
    places = PlaceReader(store, pool, headers=headers, blocks=blocks, indexes=indexes)
    vectors = VectorSources(store, settings.vector_cache_bytes)
    return tiles_app(layers, Renderer(pool, cache, rasters, vectors, StyleBook()), ReadyAnswers(cache), places), pool


GUIDE = LayerGuide(
    tile_matrix_sets=lambda layer: offered_sets(layer.bbox) if _tiled(layer) else (),
    samples=tile_samples,
    styles=style_summaries,
)
"""What `/layers` tells of tiled layers."""


def _tiled(layer: PublishedLayer) -> bool:
    return isinstance(layer.source, RasterSource | VectorSource)
