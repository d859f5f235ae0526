"""Decoded blocks, shared by all tiles of a process: read together, decoded once, kept while there is room."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from cachetools import LRUCache

from core.errors import (
    BadSource,
    GeoplateformeError,
    ObjectNotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    Unavailable,
)
from core.storage import ObjectReader
from tiler.pool import RenderPool
from tiler.raster.codec import Block, decode_block, decode_mask
from tiler.raster.header import RasterHeader

T = TypeVar("T")

JOINED_GAP = 4096
"""Bytes between a block and its mask that are read along rather than asked for apart."""

_ENTRY_BYTES = 512


class BlockAddress(msgspec.Struct, frozen=True, gc=False):
    """One block of one object."""

    href: str
    etag: str
    level: int
    """Index of the level, 0 for the full image."""
    col: int
    row: int


Found = dict[BlockAddress, Block | None]
"""Blocks by address; None for one that the file leaves out because nothing is there."""

Stages = dict[str, float]
"""Seconds that the stages of a tile took, by name."""

_Raw = dict[BlockAddress, tuple[RasterHeader, bytes, bytes]]
"""Bytes of a block and of its mask (empty without one) by address."""


class FileReplaced(PreconditionFailed):
    """A file was replaced since its directory was read."""

    def __init__(self, header: RasterHeader) -> None:
        super().__init__(f"{header.name} has changed")
        self.header = header
        """The directory that is no longer the file's."""


class BlockCache:
    """Least recently used blocks, bounded in bytes; belongs to one event loop, which its threads serve."""

    def __init__(self, store: ObjectReader, pool: RenderPool, capacity_bytes: int) -> None:
        self._store = store
        self._pool = pool
        self._kept: LRUCache[BlockAddress, Block | None] = LRUCache(capacity_bytes, getsizeof=_weight)
        self._pending: dict[BlockAddress, asyncio.Future[Block | None]] = {}

    async def use(
        self, wanted: Sequence[tuple[RasterHeader, BlockAddress]], work: Callable[[Found], T], stages: Stages
    ) -> T:
        """Run `work` in a thread with the blocks it wants.

        Blocks that nobody is decoding are decoded in the same thread just before, so a
        tile is one visit to the pool however many of its blocks are new.

        Raises:
            BadSource: A block is missing or damaged.
            FileReplaced: An object was replaced since its directory was read.
            Unavailable: The store does not answer, or the pool is full.
        """
        found: Found = {}
        waits: dict[BlockAddress, asyncio.Future[Block | None]] = {}
        claimed: list[tuple[RasterHeader, BlockAddress]] = []
        for header, address in wanted:
            if address in self._kept:
                found[address] = self._kept[address]
            elif address in self._pending:
                waits[address] = self._pending[address]
            elif header.tiff.levels[address.level].span(address.col, address.row)[1] == 0:
                found[address] = None
            else:
                claimed.append((header, address))
        if not claimed and not waits:
            return await self._pool.run(work, found)
        loop = asyncio.get_running_loop()
        for _, address in claimed:
            self._pending[address] = loop.create_future()
        try:
            start = time.perf_counter()
            raw = await self._read(claimed)
            stages["read"] = time.perf_counter() - start
            if waits:
                self._settle(await self._pool.run(_decode, raw), found)
                claimed = []  # settled: whoever decodes them again from now on is not to be given up
                for address, future in waits.items():
                    found[address] = await asyncio.shield(future)
                return await self._pool.run(work, found)
            decoded, result = await self._pool.run(_decode_and_work, raw, found, work)
            self._settle(decoded, {})
        except BaseException as error:
            self._give_up([address for _, address in claimed], error)
            raise
        return result

    async def read_block(self, header: RasterHeader, address: BlockAddress) -> tuple[bytes, bytes]:
        """Return the stored bytes of a block and of its mask, the latter empty without one.

        Raises:
            BadSource: The file ends before the block does.
            FileReplaced: The object was replaced since its directory was read.
            Unavailable: The store does not answer.
        """
        level, mask = header.tiff.levels[address.level], header.tiff.masks[address.level]
        offset, length = level.span(address.col, address.row)
        if mask is None:
            return await self._range(header, offset, length), b""
        beside, extent = mask.span(address.col, address.row)
        start, end = min(offset, beside), max(offset + length, beside + extent)
        if extent and end - start <= length + extent + JOINED_GAP:
            both = await self._range(header, start, end - start)
            return both[offset - start :][:length], both[beside - start :][:extent]
        one = await self._range(header, offset, length)
        return one, await self._range(header, beside, extent) if extent else b""

    async def _range(self, header: RasterHeader, offset: int, length: int) -> bytes:
        try:
            data = await self._store.get_range(header.href, offset, length, if_match=header.etag)
        except (ObjectNotFound, RangeNotSatisfiable) as err:
            raise BadSource(f"{header.name} is not there whole: {err.message}", "store the layer again") from err
        except PreconditionFailed as err:
            raise FileReplaced(header) from err
        if len(data) < length:
            raise BadSource(f"{header.name} is cut off: a block ends at byte {offset + length}", "store it again")
        return data

    async def _read(self, claimed: list[tuple[RasterHeader, BlockAddress]]) -> _Raw:
        if len(claimed) == 1:
            pairs = [await self.read_block(*claimed[0])]
        else:
            pairs = await asyncio.gather(*(self.read_block(header, address) for header, address in claimed))
        return {address: (header, *pair) for (header, address), pair in zip(claimed, pairs, strict=True)}

    def _settle(self, decoded: Found, found: Found) -> None:
        for address, block in decoded.items():
            found[address] = block
            if _weight(block) <= self._kept.maxsize:
                self._kept[address] = block
            future = self._pending.pop(address)
            if not future.done():
                future.set_result(block)

    def _give_up(self, claimed: list[BlockAddress], error: BaseException) -> None:
        """Tell those who wait for blocks that will not come."""
        told = error if isinstance(error, GeoplateformeError) else Unavailable("a block could not be made")
        for address in claimed:
            future = self._pending.pop(address, None)
            if future is not None and not future.done():
                future.set_exception(told)
                future.exception()  # nobody may be waiting


def damaged(header: RasterHeader, address: BlockAddress, reason: str) -> BadSource:
    """Return the error for a block whose bytes are not what they should be."""
    place = f"column {address.col}, row {address.row}, level {address.level}"
    return BadSource(f"{header.name}: {reason}, {place}", "store it again")


def _decode(raw: _Raw) -> Found:
    found: Found = {}
    for address, (header, data, beside) in raw.items():
        tiff = header.tiff
        level, mask_level = tiff.levels[address.level], tiff.masks[address.level]
        try:
            mask = None if mask_level is None else decode_mask(mask_level, beside)
            found[address] = decode_block(level, data, tiff.nodata, mask)
        except BadSource as err:
            raise damaged(header, address, err.message) from err
    return found


def _decode_and_work(raw: _Raw, found: Found, work: Callable[[Found], T]) -> tuple[Found, T]:
    decoded = _decode(raw)
    return decoded, work(found | decoded)


def _weight(block: Block | None) -> int:
    return _ENTRY_BYTES + (0 if block is None else block.nbytes)
