"""Opened rasters: the directory of each object, read once and kept while the object stays the same."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import PurePosixPath
from typing import TypeVar

import msgspec
from cachetools import LRUCache

from core.errors import (
    BadRequest,
    BadSource,
    ObjectNotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    Unavailable,
)
from core.storage import ObjectReader
from tiler.raster.codec import why_not
from tiler.raster.directory import load
from tiler.raster.tiff import Tiff

T = TypeVar("T")

START_BYTES = 64 * 1024
"""How much of a file is read first: the whole directory of a COG of some five thousand blocks."""


ATTEMPTS = 8
"""How often something is begun anew because a file was replaced meanwhile."""


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


class FileReplaced(PreconditionFailed):
    """A file was replaced since its directory was read."""

    def __init__(self, header: RasterHeader) -> None:
        super().__init__(f"{header.name} has changed")
        self.header = header
        """The directory that is no longer the file's."""


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

    async def get_all(self, hrefs: Sequence[str]) -> Sequence[RasterHeader]:
        """Return the directories of several objects, in their order.

        Raises:
            BadSource: An object is missing, or no TIFF that can be read.
            Unavailable: The store does not answer.
        """
        kept = [self._kept.get(href) for href in hrefs]
        if all(header is not None for header in kept):
            return [header for header in kept if header is not None]
        return await asyncio.gather(*(self.get(href) for href in hrefs))

    async def use(
        self,
        find: Callable[[], Awaitable[Sequence[RasterHeader]]],
        work: Callable[[Sequence[RasterHeader]], Awaitable[T]],
    ) -> T:
        """Return what `work` makes of the files that `find` gives; begin anew where one of them is replaced meanwhile.

        Raises:
            Unavailable: A file is replaced again and again.
        """
        for _ in range(ATTEMPTS):
            try:
                return await work(await find())
            except FileReplaced as replaced:
                self.forget(replaced.header)
        raise Unavailable("a file of the layer is being replaced again and again", retry_after_s=1)

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


def check_bands(bands: tuple[int, ...], headers: Sequence[RasterHeader]) -> None:
    """Check that files have the bands that are asked for, numbered from 1; one of transparency does not count.

    Raises:
        BadRequest: A file has them not.
    """
    highest = max(bands)
    for header in headers:
        full = header.tiff.levels[0]
        if full.alpha >= 0 and full.alpha + 1 in bands:
            raise BadRequest(
                f"band {full.alpha + 1} is asked for, the transparency of {header.name}", "ask for another style"
            )
        if full.bands < highest:
            raise BadRequest(
                f"band {highest} is asked for, and {header.name} has {full.bands}", "ask for another style"
            )


def why_fallback(tiff: Tiff) -> str:
    """Return why a file cannot be painted from its blocks, empty when it can."""
    if tiff.placement is None:
        return "it is rotated, or placed by control points or a file beside it"
    if tiff.scaled:
        return "its samples have a scale and an offset"
    return next((reason for reason in map(why_not, tiff.levels) if reason), "")
