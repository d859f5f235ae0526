"""Opened PMTiles archives: headers and directories kept in memory, tiles read in one ranged read each."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from pathlib import PurePosixPath
from typing import Any, TypeVar

import msgspec
from cachetools import LRUCache

from core.errors import BadSource, ObjectNotFound, RangeNotSatisfiable
from core.storage import ObjectReader
from tiler.archive.directory import Directory, decode_directory
from tiler.archive.header import START_BYTES, Header, decompress, parse_header

T = TypeVar("T")

MAX_DEPTH = 4
"""Directories on the way to a tile, the root counted: no writer makes more, and a ring of them ends here."""

MAX_DIRECTORY_BYTES = 4 << 20
"""Longest directory, compressed or not: a million entries."""

MAX_TILE_BYTES = 16 << 20
"""Longest tile."""


class Archive(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What is known of an archive once its header and its root directory were read."""

    href: str
    """Object key."""
    etag: str
    """The object they belong to; everything else is read on the condition that it is still the same."""
    header: Header
    root: Directory

    @property
    def name(self) -> str:
        """File name, for people."""
        return PurePosixPath(self.href).name


class Span(msgspec.Struct, frozen=True, gc=False):
    """Where the bytes of a tile lie."""

    offset: int
    """Bytes from the beginning of the archive."""
    length: int


NOWHERE = Span(0, 0)
"""Where a tile lies that the archive has not."""


class Archives:
    """Keeps directories, bounded in bytes, and reads each of them once at a time; belongs to one event loop."""

    def __init__(self, store: ObjectReader, capacity_bytes: int) -> None:
        self._store = store
        self._kept: LRUCache[Hashable, Archive | Directory] = LRUCache(capacity_bytes, getsizeof=_weight)
        self._pending: dict[Hashable, asyncio.Task[Any]] = {}

    async def get(self, href: str) -> Archive:
        """Return an archive.

        Raises:
            BadSource: The object is missing or no PMTiles 3 archive.
            PreconditionFailed: The object was replaced while it was read.
            Unavailable: The store does not answer.
        """
        kept = self.kept(href)
        if kept is not None:
            return kept
        return await self._once(href, lambda: self._open(href))

    def kept(self, href: str) -> Archive | None:
        """Return an archive if it is in memory."""
        kept = self._kept.get(href)
        return kept if isinstance(kept, Archive) else None

    def forget(self, archive: Archive) -> None:
        """Drop an archive whose object was replaced; its directories fall out with time."""
        if self._kept.get(archive.href) is archive:
            del self._kept[archive.href]

    async def find(self, archive: Archive, identifier: int) -> Span | None:
        """Return where a tile lies, None when the archive has none there.

        Raises:
            BadSource: A directory is damaged, or the tile too long.
            PreconditionFailed: The object was replaced since it was opened.
            Unavailable: The store does not answer.
        """
        directory = archive.root
        for _ in range(MAX_DEPTH):
            entry = directory.find(identifier)
            if entry is None:
                return None
            run, offset, length = entry
            if run:
                return _span(archive, offset, length)
            leaf = self._kept.get(_leaf_key(archive, offset, length))
            directory = leaf if isinstance(leaf, Directory) else await self._leaf(archive, offset, length)
        raise damaged(archive, f"more than {MAX_DEPTH} directories lead to a tile")

    def find_near(self, archive: Archive, identifier: int) -> Span | None:
        """Return where a tile lies, or `NOWHERE`, if the directories in memory tell; else None.

        Raises:
            BadSource: The tile is too long, or lies outside the archive.
        """
        directory = archive.root
        for _ in range(MAX_DEPTH):
            entry = directory.find(identifier)
            if entry is None:
                return NOWHERE
            run, offset, length = entry
            if run:
                return _span(archive, offset, length) or NOWHERE
            leaf = self._kept.get(_leaf_key(archive, offset, length))
            if not isinstance(leaf, Directory):
                return None
            directory = leaf
        return None

    def near_reader(self, archive: Archive, span: Span) -> Callable[[], bytes | None]:
        """Return what reads the bytes of a tile as they are stored if that takes no waiting, and else gives None.

        It holds nothing of the archive, and may be called as long as one likes.
        """
        return partial(self._store.near_range, archive.href, span.offset, span.length, if_match=archive.etag)

    async def read(self, archive: Archive, span: Span) -> bytes:
        """Return the bytes of a tile as they are stored.

        Raises:
            BadSource: The archive ends before the tile does.
            PreconditionFailed: The object was replaced since it was opened.
            Unavailable: The store does not answer.
        """
        return await self._range(archive.href, archive.etag, span.offset, span.length)

    async def _leaf(self, archive: Archive, offset: int, length: int) -> Directory:
        return await self._once(_leaf_key(archive, offset, length), lambda: self._read_leaf(archive, offset, length))

    async def _once(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        task: asyncio.Task[T] | None = self._pending.get(key)
        if task is None:
            task = asyncio.ensure_future(read())
            self._pending[key] = task
            task.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(task)

    def _keep(self, key: Hashable, done: asyncio.Task[Any]) -> None:
        del self._pending[key]
        if not done.cancelled() and done.exception() is None and _weight(done.result()) <= self._kept.maxsize:
            self._kept[key] = done.result()

    async def _open(self, href: str) -> Archive:
        name = PurePosixPath(href).name
        try:
            start = await self._store.get_start(href, START_BYTES)
        except ObjectNotFound as err:
            raise BadSource(f"{name} is not in the object store", "store the layer again") from err
        try:
            header = parse_header(start.data)
            offset, length = header.root_offset, check_directory_length(header.root_length)
            root = start.data[offset : offset + length]
            if len(root) < length:
                root = await self._range(href, start.info.etag, offset, length)
            return Archive(href, start.info.etag, header, read_directory(header, root))
        except BadSource as err:
            raise BadSource(f"{name} cannot be read: {err.message}", err.remedy or "store the layer again") from err

    async def _read_leaf(self, archive: Archive, offset: int, length: int) -> Directory:
        header = archive.header
        try:
            if offset + check_directory_length(length) > header.leaf_length:
                raise BadSource("a leaf directory lies outside their section")
            data = await self._range(archive.href, archive.etag, header.leaf_offset + offset, length)
            return await asyncio.to_thread(read_directory, header, data)
        except BadSource as err:
            raise damaged(archive, err.message) from err

    async def _range(self, href: str, etag: str, offset: int, length: int) -> bytes:
        name = PurePosixPath(href).name
        try:
            data = await self._store.get_range(href, offset, length, if_match=etag)
        except (ObjectNotFound, RangeNotSatisfiable) as err:
            raise BadSource(f"{name} is not there whole: {err.message}", "store the layer again") from err
        if len(data) < length:
            raise BadSource(f"{name} is cut off before byte {offset + length}", "store the layer again")
        return data


def damaged(archive: Archive, reason: str) -> BadSource:
    """Return the error for an archive that is not what it should be."""
    return BadSource(f"{archive.name} is damaged: {reason}", "store the layer again")


def read_directory(header: Header, data: bytes) -> Directory:
    """Return a directory from its stored bytes.

    Raises:
        BadSource: It is none.
    """
    return decode_directory(decompress(data, header.internal_compression, MAX_DIRECTORY_BYTES))


def check_directory_length(length: int) -> int:
    """Return the length of a directory if one may have it, bytes.

    Raises:
        BadSource: It may not.
    """
    if not 0 < length <= MAX_DIRECTORY_BYTES:
        raise BadSource(f"a directory takes {length} bytes where 1 to {MAX_DIRECTORY_BYTES} are allowed")
    return length


def _leaf_key(archive: Archive, offset: int, length: int) -> Hashable:
    return archive.href, archive.etag, offset, length


def _span(archive: Archive, offset: int, length: int) -> Span | None:
    header = archive.header
    if length == 0:
        return None
    if length > MAX_TILE_BYTES:
        raise damaged(archive, f"a tile takes {length} bytes, {MAX_TILE_BYTES} at most")
    if offset + length > header.data_length:
        raise damaged(archive, "a tile lies outside the section of tiles")
    return Span(header.data_offset + offset, length)


def _weight(kept: Archive | Directory) -> int:
    return 1024 + (kept.root.nbytes if isinstance(kept, Archive) else kept.nbytes)
