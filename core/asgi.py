"""Answers on the bare ASGI interface, for the routes where every microsecond counts.

Header names are lower case, as ASGI wants them.
"""

from collections.abc import Mapping
from typing import cast

from litestar.types import HTTPScope, Scope, Send

from core.errors import GeoplateformeError
from core.http import problem_of

OPEN_TO_ALL = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"ETag, Content-Length, Content-Range, Accept-Ranges, Server-Timing, Retry-After",
    ),
)
"""Lets pages of any origin read our answers (Fetch standard, CORS protocol)."""

PREFLIGHT = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"Range, If-Match, If-Range, If-None-Match, Authorization, X-Key"),
    (b"access-control-max-age", b"86400"),
    (b"allow", b"GET, HEAD, OPTIONS"),
)
"""Answer of an OPTIONS request."""

Fields = list[tuple[bytes, bytes]]
"""Names and values of a header, in their order."""


def as_http(scope: Scope) -> HTTPScope:
    """Return the scope of a request; the dispatcher passes rooms no other."""
    return cast("HTTPScope", scope)


def header(scope: HTTPScope, name: bytes) -> str:
    """Return a request header, several lines of it joined by commas, empty when absent."""
    values = [value for key, value in scope["headers"] if key == name]
    return b", ".join(values).decode("latin-1") if values else ""


def base_url(scope: HTTPScope) -> str:
    """Return scheme and authority as the client wrote them, also behind a proxy that says so."""
    scheme = header(scope, b"x-forwarded-proto") or scope["scheme"]
    host = header(scope, b"x-forwarded-host") or header(scope, b"host") or "localhost"
    return f"{scheme}://{host}"


def whole_answer(headers: Mapping[str, str], length: int | None) -> Fields:
    """Return the fields of an answer open to all origins; `length` in bytes, None for one that has no content."""
    fields: Fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if length is not None:
        fields.append((b"content-length", str(length).encode()))
    fields.extend(OPEN_TO_ALL)
    return fields


async def send_whole(send: Send, status: int, fields: Fields, body: bytes = b"", *, head: bool = False) -> None:
    """Send a whole answer whose fields are ready.

    Args:
        send: The ASGI channel.
        status: HTTP status.
        fields: All fields.
        body: Content, not sent for HEAD.
        head: Whether the request was a HEAD.
    """
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": b"" if head else body, "more_body": False})


async def answer(send: Send, status: int, headers: Mapping[str, str], body: bytes = b"", *, head: bool = False) -> None:
    """Send a whole answer, open to all origins.

    Args:
        send: The ASGI channel.
        status: HTTP status.
        headers: Fields beside content-length and the cross-origin ones.
        body: Content; for HEAD it gives the length and is not sent.
        head: Whether the request was a HEAD.
    """
    fields = whole_answer(headers, None if status in {204, 304} else len(body))
    await send_whole(send, status, fields, body, head=head)


async def answer_error(send: Send, error: GeoplateformeError, *, head: bool = False) -> None:
    """Answer an error as problem details (RFC 9457)."""
    status, headers, body = problem_of(error)
    await answer(send, status, headers, body, head=head)


async def answer_preflight(send: Send) -> None:
    """Answer an OPTIONS request."""
    await send({"type": "http.response.start", "status": 204, "headers": list(PREFLIGHT)})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def answer_wrong_method(send: Send, method: str) -> None:
    """Answer a method that a read-only route does not have (RFC 9110, section 15.5.6)."""
    body = b'{"title":"The method is not allowed","status":405,"detail":"%s: use GET, HEAD or OPTIONS"}'
    headers = {"content-type": "application/problem+json", "allow": "GET, HEAD, OPTIONS"}
    await answer(send, 405, headers, body % method.encode("ascii", "replace"))
