"""`/tiles/{layer}/styles` and `/tiles/{layer}/legend.svg`: how a raster can be asked, and what its colours mean."""

import msgspec
from litestar.types import HTTPScope, Send

from core.asgi import answer, header
from core.errors import StyleNotFound
from core.http import etag_matches
from core.layer import PublishedLayer, RasterSource, kind_of
from core.listing import StyleSummary
from tiler.legend_svg import SVG
from tiler.legends import Legends, legend_etag
from tiler.styles import style_of, style_summaries


class StyleList(msgspec.Struct, frozen=True):
    """The styles of a layer."""

    layer: str
    styles: tuple[StyleSummary, ...]
    """The default first; none for what is no raster."""


async def answer_styles(scope: HTTPScope, send: Send, layer: PublishedLayer) -> tuple[int, int]:
    """Answer the styles of a layer; return status and bytes of content."""
    body = msgspec.json.encode(StyleList(layer.name, style_summaries(layer)))
    headers = {"etag": f'"{layer.version}-styles"', "cache-control": "no-cache"}
    return await _answer(scope, send, headers, "application/json", body)


async def answer_legend(
    scope: HTTPScope, send: Send, layer: PublishedLayer, style_name: str, legends: Legends
) -> tuple[int, int]:
    """Answer the legend of a style; return status and bytes of content.

    Raises:
        BadSource: The stored file is missing or damaged.
        StyleNotFound: The layer has no such style.
        Unavailable: The store does not answer.
    """
    if not isinstance(layer.source, RasterSource):
        raise StyleNotFound(f"{layer.name} is of kind {kind_of(layer)} and has no legend", "ask for that of a raster")
    style = style_of(layer, style_name)
    headers = {"etag": legend_etag(layer, style), "cache-control": f"public, max-age={layer.max_age}"}
    if etag_matches(header(scope, b"if-none-match"), headers["etag"]):
        await answer(send, 304, headers)
        return 304, 0
    headers["content-security-policy"] = "default-src 'none'; img-src data:"
    return await _answer(scope, send, headers, SVG, await legends.get(layer, style))


async def _answer(
    scope: HTTPScope, send: Send, headers: dict[str, str], media_type: str, body: bytes
) -> tuple[int, int]:
    if etag_matches(header(scope, b"if-none-match"), headers["etag"]):
        await answer(send, 304, headers)
        return 304, 0
    await answer(send, 200, headers | {"content-type": media_type}, body, head=scope["method"] == "HEAD")
    return 200, len(body)
