"""TileJSON 3.0 of a layer in one tile matrix set."""

import msgspec

from core.layer import ArchiveSource, Bounds, PublishedLayer, TiledSource, VectorSource
from tiler.matrix import TileMatrixSet
from tiler.samples import preferred_extension


class VectorLayer(msgspec.Struct, frozen=True):
    """TileJSON 3.0, clause 3.3 `vector_layers`."""

    id: str
    fields: dict[str, str]
    description: str
    minzoom: int
    maxzoom: int


class TileJson(msgspec.Struct, frozen=True, omit_defaults=True):
    """TileJSON 3.0.0, the keys we give."""

    tilejson: str
    tiles: tuple[str, ...]
    name: str
    description: str
    bounds: Bounds
    center: tuple[float, float, int]
    minzoom: int
    maxzoom: int
    scheme: str
    version: str
    vector_layers: tuple[VectorLayer, ...] | None = None
    tile_matrix_set: str = ""
    """Ours: identifier of the set when it is not Web Mercator."""
    crs: str = ""
    """Ours: its CRS."""
    style: str = ""
    """Ours: name of the style asked for."""
    attribution: str = ""


def describe(layer: PublishedLayer, tms: TileMatrixSet, base_url: str, style_name: str = "") -> TileJson:
    """Describe a layer's tiles.

    Zooms are those of the source for Web Mercator, all levels for other sets.

    Args:
        layer: A raster or vector layer.
        tms: The set asked for.
        base_url: Scheme and authority of this server, without a slash at the end.
        style_name: Name of a raster's style; empty for the default.

    Raises:
        StyleNotFound: The layer has no such style.
    """
    source = layer.source
    assert isinstance(source, TiledSource)
    mercator = tms.crs == "EPSG:3857"
    low, high = (source.min_zoom, source.max_zoom) if mercator else (0, len(tms.matrices) - 1)
    extension = preferred_extension(layer, style_name)
    query = f"?style={style_name}" if style_name else ""
    return TileJson(
        tilejson="3.0.0",
        tiles=(f"{base_url}/tiles/{layer.name}/{tms.id}/{{z}}/{{x}}/{{y}}.{extension}{query}",),
        name=layer.title,
        description=layer.abstract,
        bounds=layer.bbox,
        center=(*layer.sample, high - 1 if high > low else high),
        minzoom=low,
        maxzoom=high,
        scheme="xyz",
        version="1.0.0",
        vector_layers=_vector_layers(layer, source, low, high),
        tile_matrix_set="" if mercator else tms.id,
        crs="" if mercator else tms.crs,
        style=style_name,
        attribution=source.attribution if isinstance(source, ArchiveSource) else "",
    )


def _vector_layers(layer: PublishedLayer, source: TiledSource, low: int, high: int) -> tuple[VectorLayer, ...] | None:
    if isinstance(source, ArchiveSource) and source.vector_layers:
        return tuple(
            VectorLayer(one.id, one.fields, one.description, one.min_zoom, one.max_zoom) for one in source.vector_layers
        )
    if not isinstance(source, VectorSource):
        return None
    return (VectorLayer(id=layer.name, fields=source.fields, description=layer.title, minzoom=low, maxzoom=high),)
