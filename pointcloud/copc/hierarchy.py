"""The COPC hierarchy: which nodes exist, and where their chunks of points stand (COPC 1.0)."""

import numpy as np
from numpy.typing import NDArray

from pointcloud.copc.vlr import MAX_VLR_PAYLOAD

ENTRY = np.dtype(
    [
        ("level", "<i4"),
        ("x", "<i4"),
        ("y", "<i4"),
        ("z", "<i4"),
        ("offset", "<u8"),
        ("byte_size", "<i4"),
        ("point_count", "<i4"),
    ]
)
"""One entry: the voxel key, and the chunk of its points (or, with -1 points, a further page)."""

MAX_FRONT_ENTRIES = MAX_VLR_PAYLOAD // ENTRY.itemsize
"""Entries of a hierarchy that fits into an ordinary record before the points: 2,047."""

Entries = NDArray[np.void]


def voxel_keys(levels: NDArray[np.int32], prefixes: NDArray[np.uint64]) -> Entries:
    """Return one entry a node, its key set and its chunk not yet.

    Args:
        levels: Level of each node, shape (nodes,).
        prefixes: Interleaved x, y, z of each node, x in the lowest bit, shape (nodes,).
    """
    entries = np.zeros(levels.size, ENTRY)
    entries["level"] = levels
    for bit in range(int(levels.max(initial=0))):
        for axis, name in enumerate("xyz"):
            entries[name] |= ((prefixes >> np.uint64(3 * bit + axis)) & np.uint64(1)).astype(np.int32) << bit
    return entries


def place_chunks(entries: Entries, first_offset: int, counts: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
    """Set the chunks of the entries, one after the other from `first_offset` of the file on, in place."""
    entries["offset"] = first_offset + np.cumsum(sizes) - sizes
    entries["byte_size"] = sizes
    entries["point_count"] = counts


def parse_page(data: bytes) -> Entries:
    """Parse a page of the hierarchy.

    Raises:
        ValueError: The length is not that of whole entries.
    """
    if len(data) % ENTRY.itemsize:
        raise ValueError(f"a hierarchy page of {len(data)} bytes is not a multiple of {ENTRY.itemsize}")
    return np.frombuffer(data, ENTRY)
