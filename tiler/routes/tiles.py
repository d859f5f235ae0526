"""Everything under `/tiles`, on bare ASGI: tiles, their TileJSON, and the styles and legends of layers."""

import zlib
from functools import lru_cache
from urllib.parse import parse_qsl, unquote

import msgspec
from litestar.types import ASGIApp, HTTPScope, Send

from core.asgi import (
    OPEN_TO_ALL,
    Fields,
    answer,
    answer_preflight,
    answer_wrong_method,
    base_url,
    header,
    send_whole,
)
from core.counted import counted
from core.counts import counts
from core.errors import BadRequest, LayerNotFound
from core.http import etag_matches
from core.layer import ArchiveSource, PublishedLayer, TiledSource, VectorSource
from core.table import LayerTable
from tiler.address import VECTOR_TYPES, TileAddress, TileLevels, address, place_tile
from tiler.composite import (
    SEPARATOR,
    CompositeAddress,
    composite_address,
    composite_tile,
    describe_composite,
    find_composite,
    find_layers,
)
from tiler.compression import SUFFIX, Coding, choose_coding, takes_gzip
from tiler.legends import Legends
from tiler.matrix import tile_matrix_set
from tiler.renderer import EncodedTile, Renderer
from tiler.routes.negotiate import choose_extension
from tiler.routes.ready import ReadyAnswers
from tiler.routes.styles import answer_legend, answer_styles
from tiler.routes.values import KINDS_OF_VALUES, serve_values
from tiler.tilejson import describe
from tiler.values import ValueReader
from tiler.vector.select import check_selection

PATHS = (
    "use /tiles/{layer}/{tile matrix set}/{z}/{x}/{y}.{png|jpg|webp|tif|bil|npy|mvt} "
    "or /tiles/{layer}/{tms}/tilejson.json"
)

_NOT_CODED: Coding = ""

COMPOSITE_PATHS = (
    "use /tiles/{layer},{layer}/{tile matrix set}/{z}/{x}/{y}.mvt or /tiles/{layer},{layer}/{tms}/tilejson.json"
)


class _Sent(msgspec.Struct, frozen=True, gc=False):
    """An answer to a tile that was sent."""

    fields: Fields
    tile: EncodedTile | None
    """None when the client had it."""
    coding: Coding

    @property
    def length(self) -> int:
        """Bytes of content."""
        return 0 if self.tile is None else len(self.tile.data)

    @property
    def status(self) -> int:
        """HTTP status."""
        return 304 if self.tile is None else 200 if self.tile.data else 204


def tiles_app(
    layers: LayerTable, renderer: Renderer, legends: Legends, ready: ReadyAnswers, values: ValueReader
) -> ASGIApp:
    """Return the application that answers everything under `/tiles`.

    Args:
        layers: What is published.
        renderer: Makes the tiles.
        legends: Draws the legends.
        ready: Remembers answers.
        values: Takes values.
    """
    levels, count_plan = TileLevels(), counts().plan

    async def serve(scope: HTTPScope, send: Send) -> tuple[int, int]:
        path, query, revision = _path(scope), scope["query_string"], layers.revision
        known = ready.find(scope, path, revision)
        if known is not None:
            await send_whole(send, 200, known.fields, known.body)
            count_plan(known.plan)
            return 200, len(known.body)
        method = scope["method"]
        if method not in {"GET", "HEAD"}:
            return await _answer_method(send, method)
        wanted = None if query else levels.find(path, layers)
        vary = b""
        if wanted is None:
            segments = _segments(path)
            if SEPARATOR in segments[0]:
                return await _serve_composite(scope, send, segments, find_layers(segments[0], layers), renderer)
            layer = layers.get(segments[0])
            if len(segments) != 5:
                return await _serve_other(scope, send, segments, layer, legends, values)
            wanted, vary = _address(scope, layer, segments)
            if not query:
                levels.remember(path, segments[3], segments[4], wanted.level)
        wanted = await renderer.find(wanted)
        sent = await _tile(scope, send, wanted, renderer, vary=vary)
        if sent.tile is not None and sent.tile.data and not vary and wanted.level.layer.open and wanted.settled:
            by_coding = wanted.level.extension in VECTOR_TYPES
            key = (wanted.etag, sent.coding)
            ready.remember(scope, path, key, sent.fields, sent.tile, revision, by_coding=by_coding)
        return sent.status, sent.length

    return counted("tiles", serve, what="tile")


async def _serve_other(
    scope: HTTPScope,
    send: Send,
    segments: list[str],
    layer: PublishedLayer,
    legends: Legends,
    values: ValueReader,
) -> tuple[int, int]:
    """Answer a request for what is no tile; return status and bytes of content."""
    if len(segments) == 2 and segments[1] in KINDS_OF_VALUES:
        return await serve_values(scope, send, layer, segments[1], values)
    style_name = _style(scope)
    if len(segments) == 3 and segments[2] == "tilejson.json":
        return await _tilejson(scope, send, layer, segments[1], style_name)
    if segments[1:] == ["styles"]:
        return await answer_styles(scope, send, layer)
    if segments[1:] == ["legend.svg"]:
        return await answer_legend(scope, send, layer, style_name, legends)
    raise BadRequest(f"{scope['path'][:200]!r} is not the address of a tile", PATHS)


async def _answer_method(send: Send, method: str) -> tuple[int, int]:
    """Answer a request that asks for no content."""
    if method == "OPTIONS":
        await answer_preflight(send)
        return 204, 0
    await answer_wrong_method(send, method)
    return 405, 0


def _address(scope: HTTPScope, layer: PublishedLayer, segments: list[str]) -> tuple[TileAddress, bytes]:
    """Return the tile that a path names, and on which field of the request its format depends."""
    _, tms, z, x, file = segments
    y, dot, extension = file.partition(".")
    style_name = _style(scope)
    negotiated = not dot and isinstance(layer.source, TiledSource)
    if negotiated:
        extension = choose_extension(layer, header(scope, b"accept"), style_name)
    wanted = address(layer, tms, z, x, y, extension, style_name)
    return _selected(scope, wanted), b"Accept" if negotiated else b""


async def _serve_composite(
    scope: HTTPScope, send: Send, segments: list[str], layers: tuple[PublishedLayer, ...], renderer: Renderer
) -> tuple[int, int]:
    """Answer a request for several layers at once."""
    if len(segments) == 3 and segments[2] == "tilejson.json":
        tms = tile_matrix_set(segments[1])
        first = composite_address(layers, tms.id, tms.matrices[0].id, "0", "0", "")
        here = base_url(scope)
        body = msgspec.json.encode(describe_composite(layers, tms, here))
        return await _send_tilejson(scope, send, body, f'{first.etag[:-1]}-{zlib.crc32(here.encode()):08x}"')
    if len(segments) != 5:
        raise BadRequest(f"{scope['path'][:200]!r} is not the address of a tile of several layers", COMPOSITE_PATHS)
    _, tms_id, z, x, file = segments
    y, _, extension = file.partition(".")
    wanted = await find_composite(renderer, composite_address(layers, tms_id, z, x, y, extension))
    sent = await _tile(scope, send, wanted, renderer, vary=b"")
    return sent.status, sent.length


async def _tile(
    scope: HTTPScope, send: Send, wanted: TileAddress | CompositeAddress, renderer: Renderer, *, vary: bytes
) -> _Sent:
    """Answer a tile."""
    accepted, known = _asked(scope)
    etag, coding = wanted.etag, _NOT_CODED
    if wanted.extension in VECTOR_TYPES:
        coding = _coding(wanted, accepted)
        vary = vary + b", Accept-Encoding" if vary else b"Accept-Encoding"
        etag = f'{etag[:-1]}{SUFFIX[coding]}"'
    fields: Fields = [(b"etag", etag.encode("latin-1")), (b"cache-control", b"public, max-age=%d" % wanted.max_age)]
    if vary:
        fields.append((b"vary", vary))
    if known and etag_matches(known, etag):
        fields += OPEN_TO_ALL
        await send_whole(send, 304, fields)
        return _Sent(fields, None, coding)
    if isinstance(wanted, TileAddress):
        tile = await renderer.tile(wanted, coding=coding)
    else:
        tile = await composite_tile(renderer, wanted, coding=coding)
    length = len(tile.data)
    fields.append((b"server-timing", _timing(tile)))
    if length:
        fields.append((b"content-type", wanted.media_type.encode()))
        if coding:
            fields.append((b"content-encoding", coding.encode()))
        fields.append((b"content-length", b"%d" % length))
    fields += OPEN_TO_ALL
    await send_whole(send, 200 if length else 204, fields, tile.data, head=scope["method"] == "HEAD")
    return _Sent(fields, tile, coding)


def _asked(scope: HTTPScope) -> tuple[str, str]:
    """Return what a request says of codings and of what the client has, each empty when it says nothing."""
    accepted = known = b""
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            accepted = accepted + b", " + value if accepted else value
        elif name == b"if-none-match":
            known = known + b", " + value if known else value
    return accepted.decode("latin-1"), known.decode("latin-1")


def _coding(wanted: TileAddress | CompositeAddress, accept: str) -> Coding:
    """Return how a vector tile is compressed: stored ones as they are, or not at all."""
    if isinstance(wanted, TileAddress) and isinstance(wanted.layer.source, ArchiveSource):
        return "gzip" if takes_gzip(accept) else ""
    return choose_coding(accept)


def _selected(scope: HTTPScope, wanted: TileAddress) -> TileAddress:
    """Return the address with what the query asks of a vector layer."""
    query = scope["query_string"]
    if not query:
        return wanted
    asked = {name.lower(): value for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True)}
    if not asked.keys() & {"properties", "filter"}:
        return wanted
    source = wanted.layer.source
    if not isinstance(source, VectorSource):
        raise BadRequest(f"tiles of {wanted.layer.name} cannot be filtered", "leave out `filter` and `properties`")
    language = asked.get("filter-lang", "cql2-text")
    selection = check_selection(asked.get("properties"), asked.get("filter", ""), language, source.fields)
    return place_tile(wanted.level, wanted.col, wanted.row, scale=wanted.scale, selection=selection)


def _timing(tile: EncodedTile) -> bytes:
    """Return the plan and the milliseconds of its stages as a Server-Timing field (W3C Server Timing, section 2.1)."""
    form = _timing_form(tile.plan, *tile.stages)
    return form % (tile.seconds * 1e3, *[seconds * 1e3 for seconds in tile.stages.values()])


@lru_cache(maxsize=64)
def _timing_form(plan: str, *stages: str) -> bytes:
    """Return the field for a plan and its stages, with a place for the time of each."""
    return b"plan;desc=%b" % plan.encode() + b"".join(b", %b;dur=%%.2f" % one.encode() for one in ("tile", *stages))


async def _tilejson(
    scope: HTTPScope, send: Send, layer: PublishedLayer, tms_id: str, style_name: str
) -> tuple[int, int]:
    if not isinstance(layer.source, TiledSource):
        raise LayerNotFound(f"{layer.name} is a point cloud and has no tiles", f"see /points/{layer.name}/info")
    tms = tile_matrix_set(tms_id)
    here = base_url(scope)
    body = msgspec.json.encode(describe(layer, tms, here, style_name))
    etag = f'"{layer.version}-{tms.id}-{style_name}-{zlib.crc32(here.encode()):08x}"'
    return await _send_tilejson(scope, send, body, etag)


async def _send_tilejson(scope: HTTPScope, send: Send, body: bytes, etag: str) -> tuple[int, int]:
    headers = {"etag": etag, "cache-control": "no-cache", "vary": "Host"}
    asked = header(scope, b"if-none-match")
    if asked and etag_matches(asked, etag):
        await answer(send, 304, headers)
        return 304, 0
    headers["content-type"] = "application/json"
    await answer(send, 200, headers, body, head=scope["method"] == "HEAD")
    return 200, len(body)


def _path(scope: HTTPScope) -> str:
    """Return the path as it was sent."""
    raw = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1").partition("?")[0]


def _segments(path: str) -> list[str]:
    """Return the decoded segments after `/tiles/`."""
    segments = path.strip("/").split("/")[1:] or [""]
    return [unquote(segment) for segment in segments] if "%" in path else segments


def _style(scope: HTTPScope) -> str:
    """Return the name of the style that the query asks for, empty without one."""
    query = scope["query_string"]
    if b"style" not in query.lower() and b"%" not in query:
        return ""
    return next((value for name, value in parse_qsl(query.decode("latin-1")) if name.lower() == "style"), "")
