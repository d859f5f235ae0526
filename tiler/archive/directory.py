"""Directories of PMTiles 3: which tile lies where, as columns of varints (section 4.2)."""

from bisect import bisect_right

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.errors import BadSource

_GREATEST = (1 << 62) - 1
"""Largest id and offset taken: all sums of them stay within 64 bits."""


Column = NDArray[np.int64]


class Directory(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Entries in the order of their ids. Each is of tiles, or names a leaf directory where its run length is 0."""

    ids: Column
    """First tile of each entry, shape (n,), growing."""
    runs: Column
    """Number of tiles, one after the other, that have the same content; 0 for a leaf directory."""
    lengths: Column
    """Bytes of the content or of the leaf directory."""
    offsets: Column
    """Where it begins, in the section of tile data or in that of leaf directories."""

    def part(self, chosen: slice) -> "Directory":
        """Return some of the entries."""
        return Directory(self.ids[chosen], self.runs[chosen], self.lengths[chosen], self.offsets[chosen])

    @property
    def nbytes(self) -> int:
        """Memory it takes, bytes."""
        return 512 + 32 * len(self.ids)

    def find(self, identifier: int) -> tuple[int, int, int] | None:
        """Return run length, offset and length of the entry that holds a tile, None when none does.

        An entry of a leaf directory holds all tiles up to the next entry.
        """
        index = bisect_right(self.ids.data, identifier) - 1  # a third of what numpy takes for a single number
        if index < 0:
            return None
        run = self.runs.item(index)
        if run and identifier - self.ids.item(index) >= run:
            return None
        return run, self.offsets.item(index), self.lengths.item(index)


def decode_directory(data: bytes) -> Directory:
    """Read a directory.

    Args:
        data: Its bytes, not compressed any more.

    Raises:
        BadSource: It is none.
    """
    values = _decode_varints(np.frombuffer(data, np.uint8))
    count = int(values[0]) if len(values) else -1
    if len(values) != 4 * count + 1:
        raise BadSource(f"a directory of {len(data)} bytes does not hold what it names ({count} entries)")
    if count == 0:
        return Directory(*(np.empty(0, np.int64) for _ in range(4)))
    deltas, runs, lengths, codes = values[1:].reshape(4, count)
    if int(deltas.max()) > _GREATEST or int(codes.max()) > _GREATEST or (count > 1 and int(deltas[1:].min()) == 0):
        raise BadSource("a directory names tiles out of order")
    if int(runs.max()) >> 32 or int(lengths.max()) >> 32:
        raise BadSource("a directory names a run or a length above 32 bits")
    ids = np.cumsum(deltas)
    if int(ids.max()) > _GREATEST or bool((ids[1:] < ids[:-1]).any()):
        raise BadSource("a directory names tiles that no level has")
    if codes[0] == 0:
        raise BadSource("a directory does not say where its first entry lies")
    before = np.cumsum(lengths) - lengths
    given = np.maximum.accumulate(np.where(codes > 0, np.arange(count), 0))
    offsets = codes[given] - np.uint64(1) + before - before[given]
    if int(offsets.max()) > _GREATEST:
        raise BadSource("a directory names bytes that no archive has")
    return Directory(*(column.astype(np.int64) for column in (ids, runs, lengths, offsets)))


def encode_directory(directory: Directory) -> bytes:
    """Return the bytes of a directory, not compressed."""
    deltas = np.diff(directory.ids, prepend=0)
    follows = np.zeros(len(directory.ids), np.bool_)
    follows[1:] = directory.offsets[1:] == directory.offsets[:-1] + directory.lengths[:-1]
    codes = np.where(follows, 0, directory.offsets + 1)
    columns = (np.array([len(directory.ids)]), deltas, directory.runs, directory.lengths, codes)
    return _encode_varints(np.concatenate(columns).astype(np.uint64))


def _decode_varints(data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Read all varints (protocol buffers, base 128): shape (n,)."""
    last = np.flatnonzero(data < 0x80)
    if len(data) == 0 or len(last) == 0 or last[-1] != len(data) - 1:
        raise BadSource("a directory ends within a number")
    starts = np.concatenate([[0], last[:-1] + 1])
    sizes = last - starts + 1
    if int(sizes.max()) > 10 or bool((data[last[sizes == 10]] > 1).any()):
        raise BadSource("a directory holds a number above 64 bits")
    shifts = (np.arange(len(data)) - np.repeat(starts, sizes)).astype(np.uint64) * np.uint64(7)
    parts = (data & np.uint8(0x7F)).astype(np.uint64) << shifts
    return np.bitwise_or.reduceat(parts, starts)


def _encode_varints(values: NDArray[np.uint64]) -> bytes:
    sizes = np.ones(len(values), np.int64)
    for step in range(1, 10):
        sizes += values >> np.uint64(7 * step) > 0
    starts = np.cumsum(sizes) - sizes
    data = np.empty(int(sizes.sum()), np.uint8)
    for step in range(int(sizes.max())):
        here = sizes > step
        parts = (values[here] >> np.uint64(7 * step)).astype(np.uint8) & np.uint8(0x7F)
        parts[sizes[here] > step + 1] |= np.uint8(0x80)
        data[starts[here] + step] = parts
    return data.tobytes()
