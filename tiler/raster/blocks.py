"""Decoded blocks, shared by all tiles of a process: read together, decoded once, kept while there is room."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn, TypeVar

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
from tiler.raster.header import FileReplaced, RasterHeader

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

_Failed = dict[BlockAddress, BaseException]
"""Why blocks do not come, by address."""

_Pending = dict[BlockAddress, asyncio.Future[Block | None]]
"""Blocks that are being read and decoded."""


class BlockCache:
    """Least recently used blocks, bounded in bytes; belongs to one event loop, which its threads serve."""

    def __init__(self, store: ObjectReader, pool: RenderPool, capacity_bytes: int) -> None:
        self._store = store
        self._pool = pool
        self._kept: LRUCache[BlockAddress, Block | None] = LRUCache(capacity_bytes, getsizeof=_weight)
        self._pending: _Pending = {}

    async def use(
        self, wanted: Sequence[tuple[RasterHeader, BlockAddress]], work: Callable[[Found], T], stages: Stages
    ) -> T:
        """Run `work` in a thread with the blocks it wants.

        Blocks that nobody is decoding are decoded in the same thread just before, so a
        tile is one visit to the pool however many of its blocks are new. Who waits for a
        block another tile reads learns of that block alone: not of others that are
        damaged, not of what else becomes of that tile.

        Raises:
            BadSource: A block is missing or damaged.
            FileReplaced: An object was replaced since its directory was read.
            Unavailable: The store does not answer, or the pool is full.
        """
        while True:
            try:
                return await self._use(wanted, work, stages)
            except _Abandoned:  # whoever read a block for us went away
                continue

    async def _use(
        self, wanted: Sequence[tuple[RasterHeader, BlockAddress]], work: Callable[[Found], T], stages: Stages
    ) -> T:
        found: Found = {}
        waits: _Pending = {}
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
        own: _Pending = {address: loop.create_future() for _, address in claimed}
        self._pending.update(own)
        try:
            start = time.perf_counter()
            raw, failed = await self._read(claimed)
            stages["read"] = time.perf_counter() - start
            if waits and raw and self._pool.busy:  # leave room to those that are waited for, who came before
                found |= await self._waited(own, waits)
                waits = {}
            if not failed and not waits:
                decoded, failed, result = await self._pool.run(_decode_and_work, raw, found, work)
                self._settle(own, decoded, failed)
                return result()
            # who only waits takes no place: else none would be left to the one that is waited for
            decoded, damages = await self._pool.run(_decode, raw) if raw else ({}, {})
            failed |= damages
            self._settle(own, decoded, failed)
            if failed:
                raise _first(failed)
            for address, future in waits.items():
                found[address] = await asyncio.shield(future)
            return await self._pool.run(work, found | decoded)
        except BaseException as error:
            self._settle(own, {}, dict.fromkeys(own, error))
            raise

    async def _waited(self, own: _Pending, waits: _Pending) -> Found:
        """Return the blocks that others decode; when one does not come, give up those that we were to decode."""
        try:
            return {address: await asyncio.shield(future) for address, future in waits.items()}
        except BaseException:
            self._settle(own, {}, dict.fromkeys(own, _Abandoned("a block was given up")))
            raise

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

    async def _read(self, claimed: list[tuple[RasterHeader, BlockAddress]]) -> tuple[_Raw, _Failed]:
        """Return the bytes of blocks, and the errors of those that cannot be read."""
        if len(claimed) == 1:
            return {claimed[0][1]: (claimed[0][0], *await self.read_block(*claimed[0]))}, {}
        answers = await asyncio.gather(
            *(self.read_block(header, address) for header, address in claimed), return_exceptions=True
        )
        raw: _Raw = {}
        failed: _Failed = {}
        for (header, address), answer in zip(claimed, answers, strict=True):
            if isinstance(answer, BaseException):
                failed[address] = answer
            else:
                raw[address] = (header, *answer)
        return raw, failed

    def _settle(self, own: _Pending, decoded: Found, failed: _Failed) -> None:
        """Keep blocks, and tell those who wait for them what has become of each. Empties `own` of them."""
        for address, block in decoded.items():
            if _weight(block) <= self._kept.maxsize:
                self._kept[address] = block
            future = self._let_go(own, address)
            if not future.done():
                future.set_result(block)
        for address, error in failed.items():
            future = self._let_go(own, address)
            if not future.done():
                future.set_exception(_told(error))
                future.exception()  # nobody may be waiting

    def _let_go(self, own: _Pending, address: BlockAddress) -> asyncio.Future[Block | None]:
        future = own.pop(address)
        if self._pending.get(address) is future:
            del self._pending[address]
        return future


class _Abandoned(Unavailable):
    """Who was reading a block went away before it came."""


def _told(error: BaseException) -> GeoplateformeError:
    """Return what those are told who wait for a block that will not come."""
    if isinstance(error, GeoplateformeError):
        return error
    if isinstance(error, asyncio.CancelledError):
        return _Abandoned("a block was given up")
    return Unavailable("a block could not be made")


def _first(failed: _Failed) -> BaseException:
    """Return what makes a tile begin anew, if anything does, else the first error of its blocks."""
    anew = (error for error in failed.values() if isinstance(error, PreconditionFailed))
    return next(anew, next(iter(failed.values())))


def _raise(error: BaseException) -> NoReturn:
    raise error


def damaged(header: RasterHeader, address: BlockAddress, reason: str) -> BadSource:
    """Return the error for a block whose bytes are not what they should be."""
    place = f"column {address.col}, row {address.row}, level {address.level}"
    return BadSource(f"{header.name}: {reason}, {place}", "store it again")


def _decode(raw: _Raw) -> tuple[Found, _Failed]:
    found: Found = {}
    failed: _Failed = {}
    for address, (header, data, beside) in raw.items():
        tiff = header.tiff
        level, mask_level = tiff.levels[address.level], tiff.masks[address.level]
        try:
            mask = None if mask_level is None else decode_mask(mask_level, beside)
            found[address] = decode_block(level, data, tiff.nodata, mask)
        except BadSource as err:
            failed[address] = damaged(header, address, err.message)
    return found, failed


def _decode_and_work(raw: _Raw, found: Found, work: Callable[[Found], T]) -> tuple[Found, _Failed, Callable[[], T]]:
    """Return decoded blocks, the errors of others, and what gives the result or raises why there is none."""
    decoded, failed = _decode(raw)
    if failed:
        return decoded, failed, partial(_raise, _first(failed))
    try:
        result = work(found | decoded)
    except Exception as err:  # noqa: BLE001 - raised where the result is asked for, once the blocks are kept
        return decoded, failed, partial(_raise, err)
    return decoded, failed, lambda: result


def _weight(block: Block | None) -> int:
    return _ENTRY_BYTES + (0 if block is None else block.nbytes)
