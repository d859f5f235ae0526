"""The cache of bytes: one computation at a time, and a bound."""

import asyncio

import pytest

from core.cache import ENTRY_BYTES, ByteCache


class Work:
    """A computation that ends when told, and counts how often it began."""

    def __init__(self, value=b"value"):
        self.value = value
        self.begun = 0
        self.go = asyncio.Event()

    async def __call__(self):
        self.begun += 1
        await self.go.wait()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def value(data):
    async def compute():
        return data

    return compute


async def never():
    raise AssertionError("this is in the cache")


def room_for(*lengths):
    return sum(lengths) + ENTRY_BYTES * len(lengths)


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_fifty_misses_at_once_are_one_computation():
    cache, work = ByteCache(1000), Work()
    waiting = [asyncio.create_task(cache.get("k", work)) for _ in range(50)]
    await turns()
    work.go.set()
    assert await asyncio.gather(*waiting) == [b"value"] * 50
    assert work.begun == 1


async def test_the_first_caller_going_away_does_not_disturb_the_second():
    cache, work = ByteCache(1000), Work()
    first, second = (asyncio.create_task(cache.get("k", work)) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    assert first.cancelled()
    work.go.set()
    assert await second == b"value"
    assert work.begun == 1


async def test_a_value_nobody_waits_for_any_more_is_kept():
    cache, work = ByteCache(1000), Work()
    only = asyncio.create_task(cache.get("k", work))
    await turns()
    only.cancel()
    work.go.set()
    await turns()
    assert await cache.get("k", never) == b"value"


async def test_an_error_reaches_every_caller_and_is_not_kept():
    cache, work = ByteCache(1000), Work(ValueError("broken"))
    waiting = [asyncio.create_task(cache.get("k", work)) for _ in range(3)]
    await turns()
    work.go.set()
    for outcome in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(outcome, ValueError)
    assert await cache.get("k", value(b"mended")) == b"mended"


async def test_an_error_nobody_waits_for_any_more_is_quiet():
    heard = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    cache, work = ByteCache(1000), Work(ValueError("broken"))
    only = asyncio.create_task(cache.get("k", work))
    await turns()
    only.cancel()
    work.go.set()
    await turns()
    assert heard == []


async def test_the_bound_holds_and_the_least_recently_used_goes_first():
    cache = ByteCache(room_for(10, 10, 10))
    for key in "abc":
        await cache.get(key, value(key.encode() * 10))
    await cache.get("a", never)
    await cache.get("d", value(b"d" * 10))
    assert cache.size == room_for(10, 10, 10)
    for key in "acd":
        assert await cache.get(key, never) == key.encode() * 10
    with pytest.raises(AssertionError):
        await cache.get("b", never)


async def test_one_large_value_takes_the_place_of_several():
    cache = ByteCache(room_for(10, 10, 10))
    for key in "abc":
        await cache.get(key, value(b"x" * 10))
    await cache.get("large", value(b"x" * (cache.size - ENTRY_BYTES)))
    assert cache.size == room_for(10, 10, 10)
    assert cache.counts.evictions == 3


async def test_a_value_larger_than_the_cache_is_given_and_not_kept():
    cache = ByteCache(room_for(10))
    assert await cache.get("k", value(b"x" * 10)) == b"x" * 10
    assert await cache.get("large", value(b"x" * 11)) == b"x" * 11
    assert cache.size == room_for(10)
    assert await cache.get("large", value(b"again")) == b"again"


async def test_an_empty_value_is_kept():
    cache = ByteCache(room_for(0))
    assert await cache.get("k", value(b"")) == b""
    assert await cache.get("k", never) == b""


async def test_empty_values_are_bounded_too():
    cache = ByteCache(room_for(0) * 5)
    for key in range(100):
        await cache.get(key, value(b""))
    assert cache.counts.evictions == 95


async def test_a_cache_without_room_computes_every_time():
    cache = ByteCache(0)
    assert await cache.get("k", value(b"one")) == b"one"
    assert await cache.get("k", value(b"two")) == b"two"


async def test_hits_misses_and_evictions_are_counted():
    cache = ByteCache(room_for(4))
    await cache.get("a", value(b"aaaa"))
    await cache.get("a", never)
    await cache.get("a", never)
    await cache.get("b", value(b"bbbb"))
    assert (cache.counts.hits, cache.counts.misses, cache.counts.evictions) == (2, 2, 1)


async def test_a_value_that_was_given_is_kept_within_the_bound_and_takes_the_place_of_the_one_before():
    cache = ByteCache(room_for(10, 10))
    cache.keep("a", b"x" * 10)
    cache.keep("b", b"y" * 10)
    cache.keep("a", b"z" * 5)
    assert cache.size == room_for(5, 10)
    assert (cache.peek("a"), cache.peek("b")) == (b"z" * 5, b"y" * 10)
    cache.keep("c", b"c" * 10)
    assert (cache.peek("a"), cache.peek("c")) == (None, b"c" * 10)
    cache.keep("large", b"x" * 1000)
    assert cache.peek("large") is None
    assert cache.size == room_for(10, 10)
    assert cache.counts.evictions == 1
