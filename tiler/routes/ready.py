"""Answers that were given before, ready to be sent again: no parsing, no lookup of layers, no header written twice."""

import re

from litestar.types import HTTPScope, Send

from core.asgi import whole_answer
from core.cache import ByteCache
from core.counts import counts
from tiler.renderer import TileKey

MAX_ANSWERS = 16_384
"""Answers remembered; all are forgotten when there are more. Their bytes are in the tile cache alone."""

_CONDITION = b"if-none-match"

_STYLED = re.compile(rb"style=[A-Za-z0-9_.-]+")

_Headers = list[tuple[bytes, bytes]]


class ReadyAnswers:
    """Heads of whole answers by the address as it was sent, each good for one publication."""

    def __init__(self, tiles: ByteCache[TileKey]) -> None:
        self._tiles = tiles
        self._revision = -1
        self._known: dict[bytes, tuple[TileKey, _Headers, int]] = {}

    async def send(self, scope: HTTPScope, send: Send, revision: int) -> int | None:
        """Send the answer of a GET if it is known and its tile still in memory; return its length, else None."""
        if revision != self._revision:
            self._known.clear()
            self._revision = revision
        known = self._known.get(_address(scope))
        if known is None or scope["method"] != "GET":
            return None
        body = self._tiles.peek(known[0])
        if body is None or len(body) != known[2]:  # made anew meanwhile, of a file that was replaced
            return None
        for name, _ in scope["headers"]:
            if name == _CONDITION:
                return None
        await send({"type": "http.response.start", "status": 200, "headers": known[1]})
        await send({"type": "http.response.body", "body": body, "more_body": False})
        counts().plan("cache")
        return len(body)

    def remember(self, scope: HTTPScope, key: TileKey, headers: dict[str, str], length: int, revision: int) -> None:
        """Keep the head of an answer that depends on nothing but the address.

        Args:
            scope: The request.
            key: Where the tile cache keeps the body.
            headers: Fields of the answer.
            length: Bytes of the body.
            revision: The publication it was made from.
        """
        address = _address(scope)
        if revision != self._revision or not address:
            return
        if len(self._known) >= MAX_ANSWERS:
            self._known.clear()
        again = headers | {"server-timing": "plan;desc=cache"}
        self._known[address] = key, whole_answer(again, length), length


def _address(scope: HTTPScope) -> bytes:
    """Return the address as it was sent; empty when its query says more than a style."""
    path, query = scope.get("raw_path") or b"", scope["query_string"]
    if not query:
        return path
    return path + b"?" + query if _STYLED.fullmatch(query) else b""
