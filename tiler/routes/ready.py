"""Answers that were given before, ready to be sent again: no parsing, no lookup of layers, no header written twice."""

import re

from litestar.types import HTTPScope

from core.asgi import Fields
from core.cache import ByteCache
from tiler.renderer import TileKey

MAX_ANSWERS = 16_384
"""Answers remembered; all are forgotten when there are more. Their bytes are in the tile cache alone."""

_CONDITION = b"if-none-match"
_TIMING, _AGAIN = b"server-timing", b"plan;desc=cache"

_STYLED = re.compile(rb"style=[A-Za-z0-9_.-]+")


class ReadyAnswers:
    """Heads of whole answers by the address as it was sent, each good for one publication."""

    def __init__(self, tiles: ByteCache[TileKey]) -> None:
        self._tiles = tiles
        self._revision = -1
        self._known: dict[str, tuple[TileKey, Fields, int]] = {}

    def find(self, scope: HTTPScope, path: str, revision: int) -> tuple[Fields, bytes] | None:
        """Return fields and body of the answer to a GET if it is known and its tile still in memory.

        Args:
            scope: The request.
            path: Its path as it was sent.
            revision: What is published.
        """
        if revision != self._revision:
            self._known.clear()
            self._revision = revision
        query = scope["query_string"]
        known = self._known.get(_address(path, query) if query else path)
        if known is None or scope["method"] != "GET":
            return None
        key, fields, length = known
        for name, _ in scope["headers"]:
            if name == _CONDITION:
                return None
        body = self._tiles.peek(key)
        if body is None or len(body) != length:  # made anew meanwhile, of a file that was replaced
            return None
        return fields, body

    def remember(self, path: str, query: bytes, key: TileKey, fields: Fields, length: int, revision: int) -> None:
        """Keep the head of an answer that depends on nothing but the address.

        Args:
            path: Path of the request as it was sent.
            query: Its query.
            key: Where the tile cache keeps the body.
            fields: All fields of the answer.
            length: Bytes of the body.
            revision: The publication it was made from.
        """
        address = _address(path, query)
        if revision != self._revision or not address:
            return
        if len(self._known) >= MAX_ANSWERS:
            self._known.clear()
        again = [(name, _AGAIN if name == _TIMING else value) for name, value in fields]
        self._known[address] = key, again, length


def _address(path: str, query: bytes) -> str:
    """Return the address as it was sent; empty when its query says more than a style."""
    if not query:
        return path
    return f"{path}?{query.decode('latin-1')}" if _STYLED.fullmatch(query) else ""
