"""The tile engine, ready to be composed into a program."""

from litestar.types import ASGIApp

from core.cache import ByteCache
from core.layer import ArchiveSource, PublishedLayer, TiledSource
from core.listing import LayerGuide
from core.storage import ObjectReader
from core.table import LayerTable
from tiler.archive.archives import Archives
from tiler.archive.engine import ArchiveEngine
from tiler.archive.level import MERCATOR
from tiler.coverage import offered_sets
from tiler.legends import Legends
from tiler.maplibre.annexes import CACHE_BYTES, Annexes
from tiler.matrix import tile_matrix_set
from tiler.pool import RenderPool
from tiler.raster.blocks import BlockCache
from tiler.raster.encode import SERVING, Effort
from tiler.raster.engine import RasterEngine
from tiler.raster.header import RasterHeaders
from tiler.raster.mosaic import MosaicIndexes
from tiler.raster.places import PlaceReader
from tiler.renderer import Renderer, TileKey
from tiler.routes.annexes import annexes_app
from tiler.routes.ready import ReadyAnswers
from tiler.routes.tiles import tiles_app
from tiler.samples import tile_samples
from tiler.settings import TilerSettings
from tiler.styles import StyleBook, style_summaries
from tiler.values import ValueReader
from tiler.vector.source import VectorSources


def create_tiler(layers: LayerTable, store: ObjectReader, settings: TilerSettings) -> tuple[ASGIApp, RenderPool]:
    """Build the application under `/tiles` and the pool that works for it; the caller closes the pool."""
    pool = RenderPool(settings.render_threads, settings.render_queue)
    cache: ByteCache[TileKey] = ByteCache(settings.tile_cache_bytes)
    rasters, places = _rasters(store, pool, settings, SERVING)
    renderer = _renderer(store, pool, cache, settings, rasters, SERVING)
    legends = Legends(pool, cache, rasters.palette)
    return tiles_app(layers, renderer, legends, ReadyAnswers(cache), ValueReader(places, rasters)), pool


def create_annexes(layers: LayerTable, pool: RenderPool) -> ASGIApp:
    """Build the application under `/annexes`: styles of vector layers, and their letters and icons."""
    return annexes_app(layers, Annexes(pool, ByteCache(CACHE_BYTES)))


def create_renderer(
    store: ObjectReader,
    pool: RenderPool,
    cache: ByteCache[TileKey],
    settings: TilerSettings,
    effort: Effort = SERVING,
) -> Renderer:
    """Build what makes tiles.

    Args:
        store: Holds the layers' files.
        pool: Threads that work for it.
        cache: Keeps encoded tiles.
        settings: Bounds of its caches.
        effort: How much time goes into small tiles.
    """
    rasters, _ = _rasters(store, pool, settings, effort)
    return _renderer(store, pool, cache, settings, rasters, effort)


def _rasters(
    store: ObjectReader, pool: RenderPool, settings: TilerSettings, effort: Effort
) -> tuple[RasterEngine, PlaceReader]:
    """Build what makes raster tiles and what takes values at points, over one set of caches."""
    headers = RasterHeaders(store, settings.header_cache_bytes)
    blocks = BlockCache(store, pool, settings.block_cache_bytes)
    indexes = MosaicIndexes(store, settings.header_cache_bytes)
    rasters = RasterEngine(store, pool, headers=headers, blocks=blocks, indexes=indexes, effort=effort)
    return rasters, PlaceReader(store, pool, headers=headers, blocks=blocks, indexes=indexes)


def _renderer(
    store: ObjectReader,
    pool: RenderPool,
    cache: ByteCache[TileKey],
    settings: TilerSettings,
    rasters: RasterEngine,
    effort: Effort,
) -> Renderer:
    vectors = VectorSources(store, settings.data / "engine" / "vectors", settings.vector_cache_bytes)
    archives = ArchiveEngine(Archives(store, settings.header_cache_bytes), pool, effort)
    return Renderer(pool, cache, rasters, vectors, StyleBook(), archives, effort)


def _sets(layer: PublishedLayer) -> tuple[str, ...]:
    if not isinstance(layer.source, TiledSource):
        return ()
    sets = offered_sets(layer.bbox)
    if isinstance(layer.source, ArchiveSource) and layer.source.tile_type == "mvt":
        return tuple(name for name in sets if tile_matrix_set(name).crs == MERCATOR)
    return sets


GUIDE = LayerGuide(
    tile_matrix_sets=_sets,
    samples=tile_samples,
    styles=style_summaries,
)
"""What `/layers` tells of tiled layers."""
