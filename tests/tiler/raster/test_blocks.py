"""tiler.raster.blocks: who waits for a block learns what becomes of that block, and of nothing else."""

import asyncio
import threading

import pytest

from core.errors import BadSource, PreconditionFailed, Unavailable
from tests.doubles import MemoryStore
from tests.tiler.raster.tiffs import photo, write_cog
from tiler.pool import RenderPool
from tiler.raster import blocks
from tiler.raster.blocks import BlockAddress, BlockCache
from tiler.raster.directory import parse
from tiler.raster.header import RasterHeader


class SlowStore(MemoryStore):
    """A store whose reads wait until they are let go."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()
        self.asked = 0

    async def get_range(self, key, offset, length, *, if_match=""):
        self.asked += 1
        await self.gate.wait()
        return await super().get_range(key, offset, length, if_match=if_match)


@pytest.fixture
async def scene(tmp_path):
    """A slow store with a COG of 2 by 2 blocks, its header, and a cache over it."""
    data = write_cog(tmp_path / "c.tif", photo(256, 256), BLOCKSIZE=128, COMPRESS="DEFLATE").read_bytes()
    store = SlowStore()
    store.objects["c.tif"] = data
    header = RasterHeader("c.tif", (await store.head("c.tif")).etag, parse(data), "")
    pool = RenderPool(2, 16)
    yield store, header, BlockCache(store, pool, 1 << 20)
    pool.close()


def block(header, col, row):
    return header, BlockAddress(header.href, header.etag, 0, col, row)


def sums(found):
    return {(address.col, address.row): int(one.values.sum()) for address, one in found.items()}


async def begun(task):
    """Let a task run until it waits."""
    await asyncio.sleep(0.02)
    return task


def damage(store, header, col, row):
    data = bytearray(store.objects["c.tif"])
    offset, length = header.tiff.levels[0].span(col, row)
    data[offset : offset + length] = bytes(length)
    store.objects["c.tif"] = bytes(data)
    etag = MemoryStore._info("c.tif", bytes(data)).etag
    return RasterHeader(header.href, etag, header.tiff, "")


async def test_a_damaged_block_of_another_tile_is_none_of_ours(scene):
    store, header, cache = scene
    header = damage(store, header, 1, 1)
    both = await begun(asyncio.create_task(cache.use([block(header, 0, 0), block(header, 1, 1)], sums, {})))
    ours = await begun(asyncio.create_task(cache.use([block(header, 0, 0)], sums, {})))
    store.gate.set()
    with pytest.raises(BadSource, match="column 1, row 1"):
        await both
    assert set(await ours) == {(0, 0)}
    assert store.asked == 2
    with pytest.raises(BadSource):  # it is not kept, and not taken for one that is not there
        await cache.use([block(header, 1, 1)], sums, {})
    assert not cache._pending


async def test_what_a_tile_makes_of_its_blocks_is_none_of_ours(scene):
    store, header, cache = scene

    def fail(found):
        raise ValueError("no picture")

    theirs = await begun(asyncio.create_task(cache.use([block(header, 0, 0)], fail, {})))
    ours = await begun(asyncio.create_task(cache.use([block(header, 0, 0), block(header, 1, 0)], sums, {})))
    store.gate.set()
    with pytest.raises(ValueError, match="no picture"):
        await theirs
    assert set(await ours) == {(0, 0), (1, 0)}
    assert store.asked == 2


async def test_a_client_that_goes_away_takes_no_block_from_the_others(scene):
    store, header, cache = scene
    theirs = await begun(asyncio.create_task(cache.use([block(header, 0, 0)], sums, {})))
    ours = [
        await begun(asyncio.create_task(cache.use([block(header, 0, 0), block(header, col, 1)], sums, {})))
        for col in (0, 1)
    ]
    theirs.cancel()
    await asyncio.sleep(0)
    store.gate.set()
    for col, one in enumerate(ours):
        assert set(await one) == {(0, 0), (col, 1)}
    with pytest.raises(asyncio.CancelledError):
        await theirs
    assert not cache._pending


async def test_of_a_replaced_file_all_who_wait_are_told(scene):
    store, header, cache = scene
    tasks = [await begun(asyncio.create_task(cache.use([block(header, 0, 0)], sums, {}))) for _ in range(3)]
    store.objects["c.tif"] += b"another"
    store.gate.set()
    for task in tasks:
        with pytest.raises(PreconditionFailed):
            await task
    assert not cache._pending


async def test_who_waits_takes_no_place_from_the_one_that_is_waited_for(scene):
    store, header, _ = scene
    pool = RenderPool(1, 0)
    cache = BlockCache(store, pool, 1 << 20)
    first = await begun(asyncio.create_task(cache.use([block(header, 0, 0)], sums, {})))
    others = [await begun(asyncio.create_task(cache.use([block(header, 0, 0)], sums, {}))) for _ in range(5)]
    store.gate.set()
    assert set(await first) == {(0, 0)}
    answers = await asyncio.gather(*others, return_exceptions=True)
    pool.close()
    assert not [one for one in answers if not isinstance(one, Unavailable | dict)]
    assert pool.taken == 0
    assert not cache._pending


async def test_who_waits_for_some_leaves_a_place_to_the_one_that_is_waited_for(scene, monkeypatch):
    """All places of a small pool would else go to tiles that decode blocks of their own and cannot go on."""
    store, header, _ = scene
    decode, hold = blocks._decode, threading.Event()
    monkeypatch.setattr(blocks, "_decode", lambda raw: hold.wait(10) and decode(raw))
    pool = RenderPool(1, 1)
    cache = BlockCache(store, pool, 1 << 20)
    reads = {}

    async def get_range(key, offset, length, *, if_match=""):
        await reads.setdefault(offset, asyncio.Event()).wait()
        return await MemoryStore.get_range(store, key, offset, length, if_match=if_match)

    monkeypatch.setattr(store, "get_range", get_range)
    first, *others = [
        await begun(asyncio.create_task(cache.use([block(header, *place) for place in places], sums, {})))
        for places in ([(0, 0)], [(0, 0), (1, 0)], [(0, 0), (0, 1)], [(0, 0), (1, 1)])
    ]
    awaited = header.tiff.levels[0].span(0, 0)[0]
    for offset in sorted(reads, key=lambda offset: offset == awaited):  # the block of the first comes last
        reads[offset].set()
        await asyncio.sleep(0.02)
    hold.set()
    assert set(await first) == {(0, 0)}
    answers = await asyncio.gather(*others, return_exceptions=True)
    pool.close()
    assert not [one for one in answers if not isinstance(one, Unavailable | dict)]
    assert not cache._pending


async def test_blocks_of_who_waits_in_vain_are_taken_over_by_others(scene, monkeypatch):
    store, header, cache = scene
    monkeypatch.setattr(RenderPool, "busy", property(lambda pool: True))
    bad = damage(store, header, 0, 0)
    one = await begun(asyncio.create_task(cache.use([block(bad, 0, 0)], sums, {})))
    other = await begun(asyncio.create_task(cache.use([block(bad, 0, 0), block(bad, 1, 1)], sums, {})))
    third = await begun(asyncio.create_task(cache.use([block(bad, 1, 1)], sums, {})))
    store.gate.set()
    for task in (one, other):
        with pytest.raises(BadSource, match="column 0, row 0"):
            await task
    assert set(await third) == {(1, 1)}
    assert not cache._pending
