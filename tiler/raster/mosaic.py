"""Which files of a layer have pixels in a box: a packed Hilbert R-tree, stored once as one object beside the files."""

import asyncio
from collections.abc import Sequence

import msgspec
import numpy as np
from cachetools import LRUCache
from geoindex_rs import rtree  # type: ignore[attr-defined]

from core.errors import BadSource, ObjectNotFound
from core.layer import Bounds
from core.storage import ObjectReader

_NODE = 16
"""Boxes of a node of the tree."""


class MosaicIndex(msgspec.Struct, frozen=True, eq=False):
    """The files of a layer and where they lie."""

    crs: str
    """CRS of the boxes and of all files, as authority:code or WKT."""
    hrefs: tuple[str, ...]
    """Object keys, the most important file first."""
    tree: bytes
    """Packed Hilbert R-tree (flatbush form, float64) of the files' boxes, x then y; empty for a single file."""


def build_index(crs: str, hrefs: Sequence[str], boxes: Sequence[Bounds]) -> MosaicIndex:
    """Return the index of files.

    Args:
        crs: CRS of the boxes.
        hrefs: Object keys, the most important file first.
        boxes: West, south, east, north of each file.
    """
    builder = rtree.RTreeBuilder(num_items=len(hrefs), node_size=_NODE)
    table = np.asarray(boxes, np.float64).reshape(-1, 4)
    builder.add(*(np.ascontiguousarray(table[:, side]) for side in range(4)))
    return MosaicIndex(crs, tuple(hrefs), bytes(memoryview(builder.finish())))


def files_in(index: MosaicIndex, box: Bounds) -> list[str]:
    """Return the files whose box meets another, the most important first, in O(log files)."""
    found = np.sort(np.asarray(rtree.search(index.tree, *box)))
    return [index.hrefs[number] for number in found.tolist()]


class MosaicIndexes:
    """Keeps indexes, bounded in bytes, and reads each once at a time; belongs to one event loop."""

    def __init__(self, store: ObjectReader, capacity_bytes: int) -> None:
        self._store = store
        self._kept: LRUCache[str, MosaicIndex] = LRUCache(capacity_bytes, getsizeof=_weight)
        self._pending: dict[str, asyncio.Task[MosaicIndex]] = {}

    async def get(self, key: str) -> MosaicIndex:
        """Return an index.

        Raises:
            BadSource: The object is missing, no index, or larger than what may be kept.
            Unavailable: The store does not answer.
        """
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        task = self._pending.get(key)
        if task is None:
            task = asyncio.ensure_future(self._read(key))
            self._pending[key] = task
            task.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(task)

    async def _read(self, key: str) -> MosaicIndex:
        try:
            stored = await self._store.get_start(key, int(self._kept.maxsize))
        except ObjectNotFound as err:
            raise BadSource(f"{key} is not in the object store", "store the layer again") from err
        if stored.info.size > self._kept.maxsize:
            raise _too_large(key, stored.info.size)
        try:
            index = await asyncio.to_thread(msgspec.msgpack.decode, stored.data, type=MosaicIndex)
        except msgspec.DecodeError as err:
            raise BadSource(f"{key} is not the index of a mosaic ({err})", "store the layer again") from err
        if _weight(index) > self._kept.maxsize:  # it would be read again for every tile
            raise _too_large(key, _weight(index))
        return index

    def _keep(self, key: str, done: asyncio.Task[MosaicIndex]) -> None:
        del self._pending[key]
        if not done.cancelled() and done.exception() is None:
            self._kept[key] = done.result()


def _too_large(key: str, size: int) -> BadSource:
    return BadSource(f"{key} takes {size} bytes of memory, more than indexes may", "raise GEOPF_HEADER_CACHE_BYTES")


def _weight(index: MosaicIndex) -> int:
    return 1024 + len(index.tree) + sum(map(len, index.hrefs)) + 64 * len(index.hrefs)
