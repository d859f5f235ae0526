"""Answers that were given before, ready to be sent again: no parsing, no lookup of layers, no header written twice."""

import re
from collections.abc import Callable

import msgspec
from litestar.types import HTTPScope

from core.asgi import Fields
from core.cache import ByteCache
from tiler.renderer import CACHE, EncodedTile, TileKey

MAX_ANSWERS = 16_384
"""Answers remembered; all are forgotten when there are more. Their bytes are in the tile cache, or near, alone."""

_LONGEST = 256
"""Longest `Accept-Encoding` whose answers are remembered, bytes."""

_CONDITION, _ACCEPTED, _TIMING = b"if-none-match", b"accept-encoding", b"server-timing"

_STYLED = re.compile(rb"style=[A-Za-z0-9_.-]+")


class ReadyAnswer(msgspec.Struct, frozen=True, gc=False):
    """An answer to be sent."""

    fields: Fields
    body: bytes
    plan: str
    """How the body was come by."""


class _Head(msgspec.Struct, frozen=True):
    """What is known of an answer."""

    key: TileKey
    """Where the tile cache keeps the body."""
    length: int
    """Bytes of the body."""
    kept: Fields
    """All fields when the body comes from the tile cache."""
    near: Fields
    """All fields when it is read again."""
    plan: str
    again: Callable[[], bytes | None] | None


class ReadyAnswers:
    """Heads of whole answers by the address as it was sent, each good for one publication."""

    def __init__(self, tiles: ByteCache[TileKey]) -> None:
        self._tiles = tiles
        self._revision = -1
        self._known: dict[str | tuple[str, bytes], _Head | None] = {}

    def find(self, scope: HTTPScope, path: str, revision: int) -> ReadyAnswer | None:
        """Return the answer to a GET if it is known and its tile in memory or near.

        Args:
            scope: The request.
            path: Its path as it was sent.
            revision: What is published.
        """
        if revision != self._revision:
            self._known.clear()
            self._revision = revision
        query = scope["query_string"]
        address = _address(path, query) if query else path
        if address not in self._known or scope["method"] != "GET":
            return None
        accepted = b""
        for name, value in scope["headers"]:
            if name == _CONDITION:
                return None
            if name == _ACCEPTED:
                accepted = accepted + b"," + value if accepted else value
        head = self._known[address] or self._known.get((address, accepted))  # None: it depends on what is accepted
        return None if head is None else self._whole(head)

    def _whole(self, head: _Head) -> ReadyAnswer | None:
        body = self._tiles.peek(head.key)
        if body is not None:
            # one of another length was made anew meanwhile, of a file that was replaced
            return ReadyAnswer(head.kept, body, CACHE) if len(body) == head.length else None
        body = head.again() if head.again is not None else None
        return None if body is None else ReadyAnswer(head.near, body, head.plan)

    def remember(
        self,
        scope: HTTPScope,
        path: str,
        key: TileKey,
        fields: Fields,
        tile: EncodedTile,
        revision: int,
        *,
        by_coding: bool,
    ) -> None:
        """Keep the head of an answer.

        Args:
            scope: The request.
            path: Its path as it was sent.
            key: Where the tile cache keeps the body.
            fields: All fields of the answer.
            tile: What was sent.
            revision: The publication it was made from.
            by_coding: The answer depends on the codings that are accepted, else on nothing but the address.
        """
        address = _address(path, scope["query_string"])
        if revision != self._revision or not address:
            return
        accepted = b",".join([value for name, value in scope["headers"] if name == _ACCEPTED]) if by_coding else b""
        if len(accepted) > _LONGEST:
            return
        if len(self._known) >= MAX_ANSWERS:
            self._known.clear()
        kept = _timed(fields, CACHE)
        near = kept if tile.again is None else _timed(fields, tile.plan)
        head = _Head(key, len(tile.data), kept, near, tile.plan, tile.again)
        if by_coding:
            self._known[address] = None
            self._known[address, accepted] = head
        else:
            self._known[address] = head


def _timed(fields: Fields, plan: str) -> Fields:
    """Return fields that tell a plan and no times."""
    timing = b"plan;desc=%b" % plan.encode()
    return [(_TIMING, timing) if field[0] == _TIMING else field for field in fields]


def _address(path: str, query: bytes) -> str:
    """Return the address as it was sent; empty when its query says more than a style."""
    if not query:
        return path
    return f"{path}?{query.decode('latin-1')}" if _STYLED.fullmatch(query) else ""
