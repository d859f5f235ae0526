"""Opened rasters: the directory of each object, read once and kept while the object stays the same."""

import asyncio
from pathlib import PurePosixPath

import msgspec
from cachetools import LRUCache

from core.errors import BadSource, ObjectNotFound, RangeNotSatisfiable
from core.storage import ObjectReader
from tiler.raster.codec import why_not
from tiler.raster.directory import load
from tiler.raster.tiff import Tiff

START_BYTES = 64 * 1024
"""How much of a file is read first: the whole directory of a COG of some five thousand blocks."""


class RasterHeader(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What is known of a raster once its directory was read."""

    href: str
    """Object key."""
    etag: str
    """The object the directory belongs to; every block is read on the condition that it is still the same."""
    tiff: Tiff
    trouble: str
    """Why the engine leaves this file to rio-tiler; empty when it does not."""

    @property
    def name(self) -> str:
        """File name, for people."""
        return PurePosixPath(self.href).name


class RasterHeaders:
    """Keeps directories, bounded in bytes, and reads each of them once at a time; belongs to one event loop."""

    def __init__(self, store: ObjectReader, capacity_bytes: int) -> None:
        self._store = store
        self._kept: LRUCache[str, RasterHeader] = LRUCache(capacity_bytes, getsizeof=lambda one: one.tiff.bytes_held)
        self._pending: dict[str, asyncio.Task[RasterHeader]] = {}

    def kept(self, href: str) -> RasterHeader | None:
        """Return a directory that is in memory, else None."""
        return self._kept.get(href)

    async def get(self, href: str) -> RasterHeader:
        """Return the directory of an object.

        Raises:
            BadSource: The object is missing, or no TIFF that can be read.
            Unavailable: The store does not answer.
        """
        kept = self._kept.get(href)
        if kept is not None:
            return kept
        task = self._pending.get(href)
        if task is None:
            task = asyncio.ensure_future(self._read(href))
            self._pending[href] = task
            task.add_done_callback(lambda done: self._keep(href, done))
        return await asyncio.shield(task)

    def forget(self, header: RasterHeader) -> None:
        """Drop a directory whose object was replaced."""
        if self._kept.get(header.href) is header:
            del self._kept[header.href]

    async def _read(self, href: str) -> RasterHeader:
        try:
            start = await self._store.get_start(href, START_BYTES)
        except ObjectNotFound as err:
            raise BadSource(f"{PurePosixPath(href).name} is not in the object store", "store the layer again") from err
        etag = start.info.etag

        async def read(offset: int, length: int) -> bytes:
            try:
                return await self._store.get_range(href, offset, length, if_match=etag)
            except RangeNotSatisfiable:
                return b""

        try:
            tiff = await load(start.data, read)
        except BadSource as err:
            raise BadSource(f"{PurePosixPath(href).name} cannot be read: {err.message}", err.remedy) from err
        return RasterHeader(href, etag, tiff, why_fallback(tiff))

    def _keep(self, href: str, done: asyncio.Task[RasterHeader]) -> None:
        del self._pending[href]
        if not done.cancelled() and done.exception() is None and done.result().tiff.bytes_held <= self._kept.maxsize:
            self._kept[href] = done.result()


def why_fallback(tiff: Tiff) -> str:
    """Return why a file cannot be painted from its blocks, empty when it can."""
    if tiff.placement is None:
        return "it is rotated, or placed by control points or a file beside it"
    if tiff.scaled:
        return "its samples have a scale and an offset"
    return next((reason for reason in map(why_not, tiff.levels) if reason), "")
