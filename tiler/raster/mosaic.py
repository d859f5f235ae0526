"""Which files of a layer have pixels in a box: a packed Hilbert R-tree, stored once as one object beside the files."""

import asyncio
import math
import struct
from collections.abc import Sequence

import msgspec
import numpy as np
from cachetools import LRUCache
from geoindex_rs import rtree  # type: ignore[attr-defined]  # its stubs leave out the compiled submodule
from numpy.typing import NDArray

from core.errors import BadSource, ObjectNotFound
from core.layer import Bounds
from core.storage import ObjectReader
from tiler.raster.grid import FINER

_NODE = 16
"""Boxes of a node of the tree."""


class Tier(msgspec.Struct, frozen=True, eq=False):
    """Files of about one resolution, and where they lie."""

    cell: float
    """Size of their pixels, units of the CRS: the tier is meant for tiles of this size and coarser ones."""
    names: bytes
    """Object keys without the prefix of the index, UTF-8, one after the other, the most important file first."""
    ends: bytes
    """Where each name ends, little-endian uint32."""
    tree: bytes
    """Packed Hilbert R-tree (flatbush form, float64) of the files' boxes, x then y."""

    def name(self, number: int) -> str:
        """Return one name."""
        start, end = struct.unpack_from("<2I", self.ends, 4 * number)
        return self.names[start:end].decode()


class MosaicIndex(msgspec.Struct, frozen=True, eq=False):
    """The files of a layer and where they lie: one tier, or those of a pyramid."""

    crs: str
    """CRS of the boxes and of all files, as authority:code or WKT."""
    prefix: str
    """What the object keys begin with."""
    tiers: tuple[Tier, ...]
    """From fine to coarse."""


def build_tier(cell: float, names: Sequence[str], boxes: Sequence[Bounds]) -> Tier:
    """Return a tier.

    Args:
        cell: Size of the pixels of its files, units of the CRS.
        names: Object keys without the index's prefix, the most important file first.
        boxes: West, south, east, north of each file.
    """
    builder = rtree.RTreeBuilder(num_items=len(names), node_size=_NODE)
    table = np.asarray(boxes, np.float64).reshape(-1, 4)
    builder.add(*(np.ascontiguousarray(table[:, side]) for side in range(4)))
    encoded = [name.encode() for name in names]
    ends = np.concatenate([[0], np.cumsum([len(name) for name in encoded])]).astype("<u4")
    return Tier(cell, b"".join(encoded), ends.tobytes(), bytes(memoryview(builder.finish())))


def build_index(crs: str, hrefs: Sequence[str], boxes: Sequence[Bounds]) -> MosaicIndex:
    """Return the index of files that stand for all resolutions.

    Args:
        crs: CRS of the boxes.
        hrefs: Object keys, the most important file first.
        boxes: West, south, east, north of each file.
    """
    return MosaicIndex(crs, "", (build_tier(0.0, hrefs, boxes),))


def files_in(index: MosaicIndex, box: Bounds, cell: float) -> list[str]:
    """Return the files for pixels of a size whose box meets another, the most important first, in O(log files).

    Args:
        index: The index.
        box: West, south, east, north in its CRS.
        cell: Size of the pixels wanted, units of its CRS.
    """
    fitting = [tier for tier in index.tiers if tier.cell <= cell * FINER]
    tier = fitting[-1] if fitting else index.tiers[0]
    found = np.sort(np.asarray(rtree.search(tier.tree, *box)))
    return [index.prefix + tier.name(number) for number in found.tolist()]


def files_at(index: MosaicIndex, x: NDArray[np.float64], y: NDArray[np.float64]) -> list[str]:
    """Return the finest files whose box holds one of some points, the most important first.

    Args:
        index: The index.
        x: Places in its CRS, shape (n,); NaN for none.
        y: The same.
    """
    finest = index.tiers[0]
    numbers: set[int] = set()
    for at_x, at_y in zip(x.tolist(), y.tolist(), strict=True):
        if not math.isnan(at_x):
            numbers.update(np.asarray(rtree.search(finest.tree, at_x, at_y, at_x, at_y)).tolist())
    return [index.prefix + finest.name(number) for number in sorted(numbers)]


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
    return 1024 + sum(len(tier.tree) + len(tier.names) + len(tier.ends) for tier in index.tiers)
