"""`/points/{layer}/copc/{file}` and `/points/{layer}/info`, on bare ASGI.

A file is hundreds of megabytes: its bytes pass through piece by piece, which a handler
that returns a response cannot do with conditions and several ranges.
"""

import hashlib
import logging
import time
from urllib.parse import unquote

import msgspec
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from core.asgi import answer, answer_preflight, answer_wrong_method, as_http, header
from core.counts import counts
from core.errors import BadRequest, GeoplateformeError, NotFound, PreconditionFailed
from core.http import etag_matches, status_of
from core.layer import PointCloudFile, PointCloudSource, PublishedLayer, kind_of
from core.ranges import if_range_holds, parse_range, strong_match
from core.storage import ObjectReader
from core.table import LayerTable
from pointcloud.routes.info import describe
from pointcloud.routes.stream import FileReader, Sending, send_file

PATHS = "use /points/{layer}/info or /points/{layer}/copc/{file}"

_log = logging.getLogger(__name__)


def points_app(layers: LayerTable, store: ObjectReader) -> ASGIApp:
    """Return the application that answers everything under `/points`.

    Args:
        layers: What is published.
        store: Where the COPC files are.
    """
    reader = FileReader(store)
    note = counts().room("points").note

    async def serve_points(scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        sending = Sending(send, receive)
        try:
            await _serve(as_http(scope), sending, layers, reader)
        except GeoplateformeError as error:
            if sending.status:  # the answer has begun: cut it, so that the client sees it is not whole
                _log.warning("point file cut short", extra={"path": scope["path"], "reason": str(error)})
                raise
            sending.status = status_of(type(error))
            if sending.status >= 500:
                _log.warning("point file failed", extra={"path": scope["path"], "reason": str(error)})
            raise
        finally:
            note(sending.status or 500, sending.sent, time.perf_counter() - start)

    return serve_points


async def _serve(scope: HTTPScope, sending: Sending, layers: LayerTable, reader: FileReader) -> None:
    method = scope["method"]
    if method == "OPTIONS":
        sending.status = 204
        await answer_preflight(sending.send)
        return
    if method not in {"GET", "HEAD"}:
        sending.status = 405
        await answer_wrong_method(sending.send, method)
        return
    segments = _segments(scope)
    layer = layers.get(segments[0])
    source = layer.source
    if not isinstance(source, PointCloudSource):
        raise NotFound(f"{layer.name} is a {kind_of(layer)} layer and has no points", "GET /layers lists the layers")
    match segments[1:]:
        case ["info"]:
            await _info(scope, sending, layer, source)
        case ["copc", name]:
            await _file(scope, sending, layer, file_named(layer, source, name), reader)
        case _:
            raise BadRequest(f"{scope['path'][:200]!r} is not an address of a point cloud", PATHS)


async def _info(scope: HTTPScope, sending: Sending, layer: PublishedLayer, source: PointCloudSource) -> None:
    headers = {"etag": f'"{layer.version}-info"', "cache-control": "no-cache"}
    if await _not_modified(scope, sending, headers):
        return
    body = msgspec.json.encode(describe(layer, source))
    sending.status, sending.sent = 200, len(body)
    headers["content-type"] = "application/json"
    await answer(sending.send, 200, headers, body, head=scope["method"] == "HEAD")


async def _file(
    scope: HTTPScope, sending: Sending, layer: PublishedLayer, file: PointCloudFile, reader: FileReader
) -> None:
    """Answer a file as RFC 9110, section 13.2.2, orders the conditions."""
    etag = file_etag(layer, file)
    expected = header(scope, b"if-match")
    if expected and not strong_match(expected, etag):
        raise PreconditionFailed(f"{file.name} is {etag} now, not {expected[:100]}", "read it from the beginning")
    headers = {"etag": etag, "cache-control": f"public, max-age={layer.max_age}", "accept-ranges": "bytes"}
    if await _not_modified(scope, sending, headers):
        return
    head = scope["method"] == "HEAD"  # Range has a meaning for GET alone (section 14.2)
    obeyed = not head and if_range_holds(header(scope, b"if-range"), etag)
    ranges = parse_range(header(scope, b"range"), file.size) if obeyed else ()
    await send_file(sending, reader, file, ranges, headers, head=head)


async def _not_modified(scope: HTTPScope, sending: Sending, headers: dict[str, str]) -> bool:
    """Answer 304 when the client has the answer already; no store is asked."""
    known = header(scope, b"if-none-match")
    if not known or not etag_matches(known, headers["etag"]):
        return False
    sending.status = 304
    await answer(sending.send, 304, headers)
    return True


def file_named(layer: PublishedLayer, source: PointCloudSource, name: str) -> PointCloudFile:
    """Return a file of a layer.

    Raises:
        NotFound: The layer has no such file.
    """
    for file in source.files:
        if file.name == name:
            return file
    raise NotFound(f"{layer.name} has no file {name[:200]!r}", f"/points/{layer.name}/info lists its files")


def file_etag(layer: PublishedLayer, file: PointCloudFile) -> str:
    """Return the entity tag of a file, made of what the publication says, so that it costs no read.

    It is strong: an object key of a layer is written once, and another version of the layer has other keys.
    """
    digest = hashlib.sha256(f"{layer.version}\n{file.href}\n{file.size}".encode()).hexdigest()
    return f'"{digest[:24]}"'


def _segments(scope: HTTPScope) -> list[str]:
    """Return the decoded segments after `/points/`."""
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1").split("?", 1)[0]
    return [unquote(segment) for segment in path.strip("/").split("/")[1:]] or [""]
