"""How much memory taking a file needs, told before it is taken."""

from core.errors import InputRefused
from pointcloud.copc.promote import promoted_length
from pointcloud.ingest.guard import LasFile

FIXED = 640 << 20
"""Interpreter, compiled kernels, read and write buffers, stacks of threads; bytes."""

_SORTING = 40
"""Bytes a point beside its record while the octree is built: two keys, two indices, level, node, time."""


def needed_bytes(las: LasFile) -> int:
    """Return the memory that converting a file needs, bytes."""
    length = promoted_length(las.header.point_format, las.header.record_length)
    return FIXED + las.header.points * (length + _SORTING)


def check_memory(las: LasFile, limit: int) -> None:
    """Refuse a file that does not fit.

    Raises:
        InputRefused: The file needs more than `limit` bytes.
    """
    needed = needed_bytes(las)
    if needed > limit:
        raise InputRefused(
            f"{las.name}: its {las.header.points} points need {needed / 1e9:.1f} GB of memory; "
            f"a job may use {limit / 1e9:.1f} GB",
            "cut it into tiles, or raise GEOPF_JOB_MEMORY_BYTES",
        )
