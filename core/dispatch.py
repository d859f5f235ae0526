"""The first look at a request: hot routes go straight to their ASGI function, the rest to Litestar.

Asked before Litestar's router, a tile costs 37 µs instead of 43 behind a mount and 62 behind a
handler (granian, 20 KB body).
"""

import logging
from collections.abc import Awaitable, Mapping

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from core.asgi import answer, answer_error, as_http
from core.errors import GeoplateformeError
from core.http import PROBLEM_JSON

_INTERNAL = (
    b'{"title":"Internal error","status":500,"detail":"something went wrong here; the log of the server tells more"}'
)

_HTTP: str = ScopeType.HTTP.value
"""Compared with every request: looking into an enumeration takes longer than comparing."""

_log = logging.getLogger(__name__)


class Dispatcher:
    """An ASGI application made of others."""

    def __init__(self, rooms: Mapping[str, ASGIApp], pages: Mapping[str, object], page: ASGIApp, rest: ASGIApp) -> None:
        """Compose.

        Args:
            rooms: Applications by the first segment of the path they answer: `tiles`.
            pages: Paths that `page` answers.
            page: Serves static pages.
            rest: Everything else, and the start and end of the program.
        """
        self._rooms = dict(rooms)
        self._pages = frozenset(pages)
        self._page = page
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application that answers it.

        An error that escapes a room becomes problem details, and a line in the log where it is not ours.
        """
        app = self._find(as_http(scope)["path"]) if scope["type"] == _HTTP else None
        if app is None:
            await self._rest(scope, receive, send)
            return
        started = False

        def watched(message: Message) -> Awaitable[None]:
            nonlocal started
            started = True
            return send(message)

        try:
            await app(scope, receive, watched)
        except GeoplateformeError as error:
            if started:
                raise
            await answer_error(send, error, head=as_http(scope)["method"] == "HEAD")
        except Exception:
            _log.exception("unexpected error", extra={"path": as_http(scope)["path"]})
            if started:
                raise
            head = as_http(scope)["method"] == "HEAD"
            await answer(send, 500, {"content-type": PROBLEM_JSON}, _INTERNAL, head=head)

    def _find(self, path: str) -> ASGIApp | None:
        """Return the room of a path, or what serves its page; None when it is of the rest."""
        app = self._rooms.get(path[1:].partition("/")[0])
        return self._page if app is None and path in self._pages else app
