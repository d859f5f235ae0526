"""Tiles on their way into an archive: their bytes in one file, a journal of them in another, so that nothing is lost.

A run that was killed goes on after the last tile of the journal. Nothing but counts is kept in
memory until the archive is written; then it takes about a hundred bytes a tile.
"""

import fcntl
import hashlib
import os
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.errors import BadSource, Conflict

_RECORD = struct.Struct("<qqq16s")
_COLUMNS = np.dtype([("id", "<i8"), ("offset", "<i8"), ("length", "<i8"), ("high", "<u8"), ("low", "<u8")])

_FLUSH_S = 1.0
"""Longest work that a kill undoes, seconds."""

_TILES, _JOURNAL = "tiles", "journal"


class Contents(msgspec.Struct, frozen=True, gc=False, eq=False):
    """All tiles of a spool in the order of their ids; those with the same bytes share one content."""

    ids: NDArray[np.int64]
    """Shape (tiles,), growing."""
    content: NDArray[np.int64]
    """Number of each tile's content; contents are numbered in the order in which they first come."""
    offsets: NDArray[np.int64]
    """Where each content lies in the spool, shape (contents,)."""
    lengths: NDArray[np.int64]
    """Bytes of each content."""
    digests: NDArray[np.uint64]
    """Digest of each content, shape (contents, 2)."""
    repeated: int
    """Tiles left out because another of the same id came before."""


class Spool:
    """A folder of two files; one program at a time writes to it."""

    def __init__(self, folder: Path) -> None:
        """Open a spool, or begin one.

        Raises:
            Conflict: Another program writes to it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._journal = (folder / _JOURNAL).open("a+b")
        try:
            fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            self._journal.close()
            raise Conflict(f"another program writes to {folder}", "wait for it, or give another output") from err
        self._tiles = (folder / _TILES).open("a+b")
        self._end = 0
        self.last = -1
        """Id of the tile that came last, -1 when there is none."""
        self.tiles = 0
        """Tiles with bytes."""
        self.blank = 0
        """Tiles without."""
        self._flushed = time.monotonic()
        self._take_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.flush()
        self._tiles.close()
        self._journal.close()

    @property
    def size(self) -> int:
        """Bytes of all tiles."""
        return self._end

    def add(self, identifier: int, data: bytes) -> None:
        """Take a tile; one without bytes is remembered as done."""
        digest = hashlib.blake2b(data, digest_size=16).digest()
        self._tiles.write(data)
        self._journal.write(_RECORD.pack(identifier, self._end, len(data), digest))
        self._end += len(data)
        self.last = identifier
        self.tiles += bool(data)
        self.blank += not data
        if time.monotonic() - self._flushed > _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the operating system, bytes before the journal that names them."""
        self._tiles.flush()
        self._journal.flush()
        self._flushed = time.monotonic()

    def clear(self) -> None:
        """Forget all tiles."""
        self._tiles.truncate(0)
        self._journal.truncate(0)
        self._take_up()

    def contents(self) -> Contents:
        """Return what there is, sorted and each content once."""
        self.flush()
        records = self._records()
        records = records[records["length"] > 0]
        order = np.argsort(records["id"], kind="stable")
        if not bool((order[1:] > order[:-1]).all()):
            records = records[order]
        ids = np.ascontiguousarray(records["id"])
        first = np.ones(len(ids), np.bool_)
        first[1:] = ids[1:] != ids[:-1]
        repeated = int(len(ids) - first.sum())
        if repeated:
            records, ids = records[first], ids[first]
        leader = _leaders(records["high"], records["low"])
        leads = leader == np.arange(len(ids))
        return Contents(
            ids=ids,
            content=(np.cumsum(leads) - 1)[leader],
            offsets=np.ascontiguousarray(records["offset"][leads]),
            lengths=np.ascontiguousarray(records["length"][leads]),
            digests=np.stack([records["high"][leads], records["low"][leads]], axis=1),
            repeated=repeated,
        )

    def read(self, contents: Contents, number: int) -> bytes:
        """Return the bytes of a content.

        Raises:
            BadSource: They are not those that were added.
        """
        length = int(contents.lengths[number])
        data = os.pread(self._tiles.fileno(), length, int(contents.offsets[number]))
        if hashlib.blake2b(data, digest_size=16).digest() != contents.digests[number].tobytes():
            raise BadSource(f"a tile in {self.folder} was not written whole", "remove the folder and begin anew")
        return data

    def _records(self) -> NDArray[np.void]:
        count = os.fstat(self._journal.fileno()).st_size // _RECORD.size
        if count == 0:
            return np.empty(0, _COLUMNS)
        return np.memmap(self._journal, _COLUMNS, "r", shape=(count,))

    def _take_up(self) -> None:
        """Go on with what a run before left: all tiles whose bytes are there."""
        there = os.fstat(self._tiles.fileno()).st_size
        records = self._records()
        ends = records["offset"] + records["length"]
        kept = int(np.searchsorted(ends, there, side="right"))
        self._end = int(ends[kept - 1]) if kept else 0
        self.last = int(records["id"][kept - 1]) if kept else -1
        self.tiles = int((records["length"][:kept] > 0).sum())
        self.blank = kept - self.tiles
        del records, ends
        self._journal.truncate(kept * _RECORD.size)
        self._tiles.truncate(self._end)


def _leaders(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return for each tile the index of the first with the same digest."""
    order = np.lexsort((low, high))  # stable: of equal ones the first comes first
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (high[order[1:]] != high[order[:-1]]) | (low[order[1:]] != low[order[:-1]])
    groups = np.cumsum(begins) - 1
    leader = np.empty(len(order), np.int64)
    leader[order] = order[begins][groups]
    return leader
