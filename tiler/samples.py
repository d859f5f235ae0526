"""Where a visitor may begin with a tiled layer."""

from core.layer import ArchiveSource, PublishedLayer, RasterSource, TiledSource
from tiler.coverage import sample_tile
from tiler.styles import style_of


def preferred_extension(layer: PublishedLayer, style_name: str = "") -> str:
    """Return the format a map should ask: WebP for imagery, PNG for values, MVT for vectors, their own for archives.

    Raises:
        StyleNotFound: The layer has no such style.
    """
    if isinstance(layer.source, RasterSource):
        style = style_of(layer, style_name)
        if style.relief or style.ramp or style.terrain or style.expression:
            return "png"
        return "webp" if len(layer.source.bands) == 3 else "png"
    return layer.source.tile_type if isinstance(layer.source, ArchiveSource) else "mvt"


def tile_samples(layer: PublishedLayer) -> tuple[str, ...]:
    """Return paths on this server that answer with data: the description, a detailed tile and a wide one."""
    if not isinstance(layer.source, TiledSource):
        return ()
    extension = preferred_extension(layer)
    low, high = layer.source.min_zoom, layer.source.max_zoom
    tiles = dict.fromkeys(sample_tile(layer, zoom) for zoom in (high, (low + high + 1) // 2))
    return (
        f"/tiles/{layer.name}/PM/tilejson.json",
        *(f"/tiles/{layer.name}/PM/{z}/{x}/{y}.{extension}" for z, x, y in tiles),
    )
