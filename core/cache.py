"""A cache of bytes, bounded in bytes, that computes each value once at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import msgspec
from cachetools import LRUCache

K = TypeVar("K", bound=Hashable)

ENTRY_BYTES = 128
"""What a value is taken to cost beside its bytes, so that empty values are bounded too."""


class CacheCounts(msgspec.Struct):
    """What a cache did since it was made."""

    hits: int = 0
    """Calls answered from memory."""
    misses: int = 0
    """Calls that computed a value or waited for one being computed."""
    evictions: int = 0
    """Values dropped to make room."""


class ByteCache(Generic[K]):
    """Least recently used values, `capacity_bytes` at most; belongs to one event loop.

    A value larger than the whole cache is returned and not kept. Failures are not kept.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self.counts = CacheCounts()
        self._kept = _Counting(capacity_bytes, self.counts)
        self._pending: dict[K, asyncio.Task[bytes]] = {}

    @property
    def size(self) -> int:
        """Bytes kept at this moment, `ENTRY_BYTES` a value included."""
        return int(self._kept.currsize)

    def peek(self, key: K) -> bytes | None:
        """Return the value of `key` if it is kept, as used just now."""
        kept = self._kept.get(key)
        if kept is not None:
            self.counts.hits += 1
        return kept

    def keep(self, key: K, value: bytes) -> None:
        """Keep a value in place of the one that `key` had; one that is larger than the whole cache is not kept."""
        self.drop(key)
        if _weight(value) <= self._kept.maxsize:
            self._kept[key] = value

    def drop(self, key: K) -> None:
        """Keep the value of `key` no more."""
        self._kept.pop(key, None)

    async def get(self, key: K, compute: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return the value of `key`, computing it at most once at a time.

        A caller that goes away does not cancel the work the others wait for; the
        error of a computation reaches every caller that waited for it.
        """
        kept = self.peek(key)
        if kept is not None:
            return kept
        self.counts.misses += 1
        task = self._pending.get(key)
        if task is None:
            task = asyncio.ensure_future(self._fill(key, compute))
            self._pending[key] = task
            task.add_done_callback(_look_at_error)
        return await asyncio.shield(task)

    async def _fill(self, key: K, compute: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            value = await compute()
        finally:
            del self._pending[key]
        self.keep(key, value)
        return value


class _Counting(LRUCache[Hashable, bytes]):
    """An LRU cache weighted in bytes that counts what it drops."""

    def __init__(self, capacity: int, counts: CacheCounts) -> None:
        super().__init__(capacity, getsizeof=_weight)
        self._counts = counts

    def popitem(self) -> tuple[Hashable, bytes]:
        """Drop the least recently used value."""
        self._counts.evictions += 1
        return super().popitem()


def _weight(value: bytes) -> int:
    return len(value) + ENTRY_BYTES


def _look_at_error(task: asyncio.Task[bytes]) -> None:
    """Take note of a failure, so that one nobody waits for any more is not reported as forgotten."""
    if not task.cancelled():
        task.exception()
