"""`GET /layers`: what a visitor may see here, and where to begin."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from litestar import MediaType, route
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from core.app import READ
from core.layer import Bounds, Kind, PublishedLayer, TiledSource, kind_of
from core.table import LayerTable


class StyleSummary(msgspec.Struct, frozen=True):
    """A style as clients see it listed."""

    name: Annotated[str, Meta(description="Name in URLs.")]
    title: Annotated[str, Meta(description="What people read.")]
    abstract: Annotated[str, Meta(description="A sentence or two on what it shows.")]
    lossless: Annotated[bool, Meta(description="Colours are values: only PNG and lossless WebP are given.")]
    legend: Annotated[str, Meta(description="Path on this server of its legend (SVG); empty for vectors.")] = ""
    href: Annotated[str, Meta(description="Path on this server of a vector style (MapLibre); empty for rasters.")] = ""


class LayerSummary(msgspec.Struct, frozen=True):
    """An open layer as `/layers` lists it."""

    name: Annotated[str, Meta(description="Name in URLs.")]
    kind: Annotated[Kind, Meta(description="Which routes serve it.")]
    title: Annotated[str, Meta(description="What people read.")]
    abstract: Annotated[str, Meta(description="A sentence or two on the data.")]
    bbox: Annotated[Bounds, Meta(description="West, south, east, north, degrees (EPSG:4326).")]
    tile_matrix_sets: Annotated[tuple[str, ...], Meta(description="Sets in which its tiles can be asked.")]
    samples: Annotated[tuple[str, ...], Meta(description="Paths on this server that answer with data.")]
    version: Annotated[str, Meta(description="Changes whenever an answer may change.")]
    min_zoom: Annotated[int | None, Meta(description="First PM level worth asking.")] = None
    max_zoom: Annotated[int | None, Meta(description="Last PM level worth asking.")] = None
    styles: Annotated[tuple[StyleSummary, ...], Meta(description="How it can be shown, the default first.")] = ()


class LayerList(msgspec.Struct, frozen=True):
    """The open layers of one publication."""

    revision: Annotated[int, Meta(description="Revision of the publication.")]
    layers: Annotated[tuple[LayerSummary, ...], Meta(description="Sorted by name.")]


class LayerGuide(msgspec.Struct, frozen=True):
    """What an engine knows about serving its kinds of layers."""

    tile_matrix_sets: Callable[[PublishedLayer], tuple[str, ...]]
    samples: Callable[[PublishedLayer], tuple[str, ...]]
    styles: Callable[[PublishedLayer], tuple[StyleSummary, ...]]


def summarise(layer: PublishedLayer, guide: LayerGuide) -> LayerSummary:
    """Describe a layer to a visitor."""
    zooms: tuple[int, int] | tuple[None, None] = (None, None)
    if isinstance(layer.source, TiledSource):
        zooms = (layer.source.min_zoom, layer.source.max_zoom)
    return LayerSummary(
        name=layer.name,
        kind=kind_of(layer),
        title=layer.title,
        abstract=layer.abstract,
        bbox=layer.bbox,
        tile_matrix_sets=guide.tile_matrix_sets(layer),
        samples=guide.samples(layer),
        version=layer.version,
        min_zoom=zooms[0],
        max_zoom=zooms[1],
        styles=guide.styles(layer),
    )


def listing_route(layers: LayerTable, guides: dict[Kind, LayerGuide]) -> HTTPRouteHandler:
    """Return the route `/layers`.

    Args:
        layers: What is published.
        guides: What each kind's engine knows, by kind.
    """

    @route(
        "/layers",
        http_method=READ,
        operation_id="ListLayers",
        media_type=MediaType.JSON,
        sync_to_thread=False,
        response_headers={"access-control-allow-origin": "*", "cache-control": "no-cache"},
    )
    def list_layers() -> LayerList:
        """List the open layers."""
        return LayerList(
            revision=layers.revision,
            layers=tuple(summarise(one, guides[kind_of(one)]) for one in layers.all() if one.open),
        )

    return list_layers
