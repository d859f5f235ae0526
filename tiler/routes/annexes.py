"""Everything under `/annexes`, on bare ASGI: MapLibre styles of vector layers, and the letters and icons they take."""

import re
from urllib.parse import unquote

import msgspec
from litestar.types import ASGIApp, HTTPScope, Send

from core.asgi import answer, answer_preflight, answer_wrong_method, base_url, header
from core.counted import counted
from core.errors import BadRequest, StyleNotFound
from core.http import etag_matches
from core.layer import PublishedLayer, kind_of
from core.listing import StyleSummary
from core.table import LayerTable
from tiler.compression import takes_gzip
from tiler.maplibre.annexes import Annex, Annexes
from tiler.maplibre.fonts import fonts
from tiler.maplibre.styles import ROOT
from tiler.styles import style_summaries

PATHS = (
    f"use {ROOT}/styles/{{layer}}/{{style}}.json, {ROOT}/fonts/{{fontstack}}/{{first}}-{{last}}.pbf "
    f"or {ROOT}/sprites/{{name}}{{@2x}}.{{json|png}}"
)

LETTERS_MAX_AGE_S = 86_400
"""How long a client may keep letters and icons without asking again, seconds: they change with the program alone."""

PBF = "application/x-protobuf"

_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})\.pbf", re.ASCII)
_SPRITE = re.compile(r"(?P<name>[^/@]{1,64})(?P<dense>@2x)?\.(?P<extension>json|png)")


class MapStyleList(msgspec.Struct, frozen=True):
    """The MapLibre styles of a layer."""

    layer: str
    styles: tuple[StyleSummary, ...]
    """The default first."""


class FontList(msgspec.Struct, frozen=True):
    """The fonts that letters are given in."""

    fonts: tuple[str, ...]


def annexes_app(layers: LayerTable, annexes: Annexes) -> ASGIApp:
    """Return the application that answers everything under `/annexes`.

    Args:
        layers: What is published.
        annexes: Makes styles, letters and icons.
    """

    async def serve(scope: HTTPScope, send: Send) -> tuple[int, int]:
        return await _serve(scope, send, layers, annexes)

    return counted("annexes", serve, what="annex")


async def _serve(scope: HTTPScope, send: Send, layers: LayerTable, annexes: Annexes) -> tuple[int, int]:
    """Answer one request; return status and bytes of content."""
    method = scope["method"]
    if method == "OPTIONS":
        await answer_preflight(send)
        return 204, 0
    if method not in {"GET", "HEAD"}:
        await answer_wrong_method(send, method)
        return 405, 0
    gzipped = takes_gzip(header(scope, b"accept-encoding"))
    match _segments(scope):
        case ["styles", layer]:
            return await _style_list(scope, send, layers.get(layer))
        case ["styles", layer, file] if file.endswith(".json"):
            style = await annexes.style(layers.get(layer), file.removesuffix(".json"), base_url(scope), gzipped=gzipped)
            fields = {"content-type": "application/json", "cache-control": "no-cache", "vary": "Host, Accept-Encoding"}
            return await _answer(scope, send, style, fields, gzipped=gzipped)
        case ["fonts"]:
            body = msgspec.json.encode(FontList(tuple(fonts())))
            return await _answer(scope, send, Annex.of(body), {"content-type": "application/json"} | _kept())
        case ["fonts", stack, file] if (asked := _RANGE.fullmatch(file)) and int(asked[2]) - int(asked[1]) == 255:
            letters = await annexes.glyphs(stack, int(asked[1]), gzipped=gzipped)
            fields = {"content-type": PBF, "vary": "Accept-Encoding"} | _kept()
            return await _answer(scope, send, letters, fields, gzipped=gzipped)
        case ["sprites", file] if asked := _SPRITE.fullmatch(file):
            picture = asked["extension"] == "png"
            sprite = await annexes.sprite(asked["name"], 2 if asked["dense"] else 1, picture=picture)
            fields = {"content-type": "image/png" if picture else "application/json"} | _kept()
            return await _answer(scope, send, sprite, fields)
        case _:
            raise BadRequest(f"{scope['path'][:200]!r} is no address of a style, of letters or of icons", PATHS)


async def _style_list(scope: HTTPScope, send: Send, layer: PublishedLayer) -> tuple[int, int]:
    if kind_of(layer) != "vector":
        raise StyleNotFound(
            f"{layer.name} is of kind {kind_of(layer)} and has no MapLibre style", f"see /tiles/{layer.name}/styles"
        )
    body = msgspec.json.encode(MapStyleList(layer.name, style_summaries(layer)))
    fields = {"content-type": "application/json", "cache-control": "no-cache"}
    return await _answer(scope, send, Annex.of(body), fields)


def _kept() -> dict[str, str]:
    return {"cache-control": f"public, max-age={LETTERS_MAX_AGE_S}"}


async def _answer(
    scope: HTTPScope, send: Send, annex: Annex, fields: dict[str, str], *, gzipped: bool = False
) -> tuple[int, int]:
    fields["etag"] = annex.etag
    asked = header(scope, b"if-none-match")
    if asked and etag_matches(asked, annex.etag):
        fields.pop("content-type")
        await answer(send, 304, fields)
        return 304, 0
    if gzipped:
        fields["content-encoding"] = "gzip"
    await answer(send, 200, fields, annex.data, head=scope["method"] == "HEAD")
    return 200, len(annex.data)


def _segments(scope: HTTPScope) -> list[str]:
    """Return the decoded segments after the root; none when the path is not below it."""
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1").partition("?")[0]
    if not path.startswith(f"{ROOT}/"):
        return []
    return [unquote(segment) for segment in path.removeprefix(f"{ROOT}/").removesuffix("/").split("/")]
