"""Settings of the tile engine."""

import os
from pathlib import Path

import msgspec


class TilerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the tile engine; each is set by `GEOPF_<FIELD>`."""

    data: Path = Path("data")
    """Folder of everything kept on this machine."""

    tile_cache_bytes: int = 256 << 20
    """Encoded tiles kept in memory, bytes."""

    block_cache_bytes: int = 512 << 20
    """Decoded blocks of rasters kept in memory, bytes."""

    header_cache_bytes: int = 64 << 20
    """Directories of rasters, and as much again for indexes of mosaics, kept in memory, bytes."""

    vector_cache_bytes: int = 16 << 30
    """Copies of vector layers kept on disk, where the store is no folder, bytes."""

    render_threads: int = max(2, os.cpu_count() or 2)
    """Threads that make tiles."""

    render_queue: int = 256
    """Tiles that may wait for a thread; one more is refused with 503 and Retry-After."""
