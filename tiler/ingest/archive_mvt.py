"""What the vector tiles of an archive are told to break, and which of them are large."""

from collections import Counter

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.errors import BadSource
from core.job import Notice
from core.program import Emit
from tiler.vector.mvt_check import check, split_layers

LARGE_BYTES = 500_000
"""Size of a stored tile beyond which its producer is told."""

_CHECKED_BYTES = 4_000_000
"""Bytes of tiles that are looked into feature by feature: a few seconds."""

_TOLD = 5
"""Different faults that are told."""


class MvtLook(msgspec.Struct):
    """What is gathered from tile to tile."""

    checked: int = 0
    checked_bytes: int = 0
    broken: int = 0
    """Checked tiles that have a fault."""
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    """Tiles that have a fault, by what the fault is."""
    first: dict[str, str] = msgspec.field(default_factory=dict)
    """The first tile with a fault, by what the fault is."""
    large: int = 0
    """Addresses of tiles of more than `LARGE_BYTES` as stored."""
    largest: tuple[int, str] = (0, "")
    """Bytes and name of the largest."""

    def has_room(self, size: int) -> bool:
        """Tell whether there is time to check a tile of so many bytes."""
        return self.checked_bytes + size <= _CHECKED_BYTES

    def count_large(self, lengths: NDArray[np.int64], runs: NDArray[np.int64], largest: str) -> None:
        """Count large tiles of a directory.

        Args:
            lengths: Bytes of each tile, shape (n,).
            runs: Addresses of each, shape (n,).
            largest: Name of the largest, the first of equals.
        """
        most = int(lengths.max())
        if most > LARGE_BYTES:
            self.large += int(runs[lengths > LARGE_BYTES].sum())
            if most > self.largest[0]:
                self.largest = most, largest


def look_at_mvt(data: bytes, name: str, look: MvtLook) -> bool:
    """Tell whether a tile, not compressed, can be read at all, and count its faults."""
    look.checked_bytes += len(data)
    try:
        split_layers(data)
    except BadSource:
        return False
    look.checked += 1
    faults = {fault.partition(" (")[0] for fault in check(data)}
    look.broken += bool(faults)
    for fault in faults:
        look.faults[fault] += 1
        look.first.setdefault(fault, name)
    return True


def tell_mvt(look: MvtLook, name: str, emit: Emit) -> None:
    """Tell the producer of an archive what its vector tiles break, with counts, and how large they are."""
    if look.broken:
        told = "; ".join(
            f"{fault} ({count} tiles, first {look.first[fault]})" for fault, count in look.faults.most_common(_TOLD)
        )
        more = f"; and {len(look.faults) - _TOLD} more" if len(look.faults) > _TOLD else ""
        emit(
            Notice(
                f"{name}: {look.broken} of {look.checked} vector tiles checked break the Vector Tile Specification 2.1 "
                f"and are served as they are: {told}{more}"
            )
        )
    if look.large:
        emit(
            Notice(
                f"{name}: {look.large:,} tiles take more than {LARGE_BYTES:,} bytes, the largest {look.largest[0]:,} "
                f"({look.largest[1]}): maps will wait for them"
            )
        )
