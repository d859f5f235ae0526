"""`/api` on the engine's port: passed on to the control plane, which is a process of its own.

So a browser sees one origin in the embedded platform; behind an ingress that
routes `/api` itself this is not used.
"""

import logging
from collections.abc import AsyncIterator

import aiohttp
from litestar.types import HTTPScope, Receive, Scope, Send
from yarl import URL

from core.asgi import as_http
from core.errors import Unavailable

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"host",
    }
)
"""Fields that end at each hop (RFC 9110, section 7.6.1)."""

_PIECE = 64 * 1024

_log = logging.getLogger(__name__)


class Gateway:
    """Passes requests on to one upstream."""

    def __init__(self, host: str, port: int) -> None:
        self._base = f"http://{host}:{port}"
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on.

        Raises:
            Unavailable: The upstream does not answer.
        """
        try:
            await self._pass_on(as_http(scope), receive, send)
        except (aiohttp.ClientError, TimeoutError) as err:
            _log.warning("the control plane does not answer", extra={"reason": str(err), "path": scope["path"]})
            raise Unavailable("the control plane does not answer", "try again shortly") from err

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _pass_on(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=2, sock_read=60), auto_decompress=False
            )
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.decode("latin-1").split("?", 1)[0]
        query = scope["query_string"].decode("latin-1")
        fields = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
            if name not in _HOP_BY_HOP
        ]
        has_body = any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])
        url = URL(f"{self._base}{path}{'?' + query if query else ''}", encoded=True)
        async with self._session.request(
            scope["method"], url, headers=fields, data=_body(receive) if has_body else None, allow_redirects=False
        ) as upstream:
            await send(
                {
                    "type": "http.response.start",
                    "status": upstream.status,
                    "headers": [
                        (name.lower(), value) for name, value in upstream.raw_headers if name.lower() not in _HOP_BY_HOP
                    ],
                }
            )
            async for piece in upstream.content.iter_chunked(_PIECE):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    """Yield a request's content as it arrives."""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        if message["body"]:
            yield message["body"]
        if not message["more_body"]:
            return
