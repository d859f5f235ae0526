"""Rooms whose requests are counted, timed and logged alike: an ASGI application around what answers one request."""

import logging
import time
from collections.abc import Awaitable, Callable

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from core.asgi import as_http
from core.counts import counts
from core.errors import GeoplateformeError
from core.http import status_of

Serve = Callable[[HTTPScope, Send], Awaitable[tuple[int, int]]]
"""Answers one request; returns status and bytes of content."""

_log = logging.getLogger(__name__)


def counted(room: str, serve: Serve, *, what: str) -> ASGIApp:
    """Return the application of a room.

    An error is counted by its status, told in the log where it is ours, and passed on.

    Args:
        room: First segment of its paths, and its name in metrics.
        serve: Answers its requests.
        what: What a request asks for, as the log names it.
    """
    note = counts().room(room).note

    async def serve_counted(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's signature
        start = time.perf_counter()
        status, sent = 500, 0
        try:
            status, sent = await serve(as_http(scope), send)
        except GeoplateformeError as error:
            status = status_of(type(error))
            if status >= 500:
                _log.warning("%s failed", what, extra={"path": scope["path"], "status": status, "reason": str(error)})
            raise
        finally:
            note(status, sent, time.perf_counter() - start)

    return serve_counted
