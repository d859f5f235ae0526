"""Tiles of archives: stored bytes as they are, or pixels of stored pictures put together and resampled."""

import asyncio
import time
from collections.abc import Callable

import msgspec
import numpy as np

from core.errors import BadSource, PreconditionFailed, TileMatrixSetNotFound, TileNotFound, TooLarge, Unavailable
from core.layer import ArchiveSource
from tiler.address import TileAddress
from tiler.archive.archives import MAX_TILE_BYTES, NOWHERE, Archive, Archives, damaged
from tiler.archive.content import decode_picture, is_gzip, picture_size, picture_type
from tiler.archive.header import GZIP, NONE, compress, decompress
from tiler.archive.level import plan_tiles, zoom_at
from tiler.archive.tile_id import tile_id
from tiler.planner import CROP, OUTSIDE, WARP
from tiler.pool import RenderPool
from tiler.raster.blocks import BlockAddress, Found, Stages
from tiler.raster.codec import Block
from tiler.raster.encode import Effort, encode_picture
from tiler.raster.paint import paint
from tiler.raster.part import Part
from tiler.raster.picture import Picture, Samples

ARCHIVE = "archive"
"""Name of the plan that sends stored bytes."""

_ATTEMPTS = 3
"""How often a tile is begun anew because the archive was replaced meanwhile."""

_MAX_READ_BYTES = 64 << 20
"""Stored bytes that one tile may take."""

_RGB = (0, 1, 2)


class NearTile(msgspec.Struct, frozen=True, gc=False):
    """A tile that took no waiting."""

    data: bytes
    """Empty when the archive has nothing there."""
    plan: str
    """Name of the plan."""
    again: Callable[[], bytes | None] | None = None
    """Reads the same bytes again, as long as they are near; None when there are none."""


class ArchiveEngine:
    """Serves archives; a tile that is stored as it is asked takes no thread and no decoding."""

    def __init__(self, archives: Archives, pool: RenderPool, effort: Effort) -> None:
        self._archives = archives
        self._pool = pool
        self._effort = effort

    def near_tile(
        self, source: ArchiveSource, wanted: TileAddress, stages: Stages, *, gzipped: bool
    ) -> NearTile | None:
        """Return what `tile` would where that takes no waiting, no thread and no decoding, else None.

        Addresses that the archive has not are None too: `tile` tells.

        Raises:
            BadSource: The archive is damaged.
        """
        start = time.perf_counter()
        zoom, archive = wanted.level.zoom, self._archives.kept(source.href)
        if zoom is None or archive is None or not source.min_zoom <= zoom <= source.max_zoom:
            return None
        if not _may_be_stored(source, wanted):
            return None
        span = self._archives.find_near(archive, tile_id(zoom, wanted.col, wanted.row))
        if span is None:
            return None
        found = time.perf_counter()
        stages["look"] = found - start
        if span is NOWHERE:
            return NearTile(b"", OUTSIDE)
        read = self._archives.near_reader(archive, span)
        data = read()
        if data is None or not _is_as_asked(source, archive, wanted, data, gzipped=gzipped):
            return None
        stages["read"] = time.perf_counter() - found
        return NearTile(data, ARCHIVE, read)

    async def tile(
        self, source: ArchiveSource, wanted: TileAddress, stages: Stages, *, gzipped: bool
    ) -> tuple[bytes, str]:
        """Return a tile, empty when the archive has nothing there, and the name of the plan.

        Args:
            source: The layer.
            wanted: Address of the tile.
            stages: Takes the time of each stage.
            gzipped: Give a vector tile as gzip.

        Raises:
            BadSource: The archive is missing or damaged.
            TileMatrixSetNotFound: Vector tiles are asked in a set that is not Web Mercator.
            TileNotFound: Vector tiles are asked of a level that the archive has not.
            TooLarge: The tile would take more stored tiles than a tile may.
            Unavailable: The store does not answer, or too many tiles are being made.
        """
        for _ in range(_ATTEMPTS):
            archive: Archive | None = None
            try:
                archive = await self._archives.get(source.href)
                if source.tile_type == "mvt":
                    return await self._vector(source, archive, wanted, stages, gzipped=gzipped)
                return await self._picture(source, archive, wanted, stages)
            except PreconditionFailed:
                if archive is not None:
                    self._archives.forget(archive)
        raise Unavailable("the archive of the layer is being replaced again and again", retry_after_s=1)

    async def _vector(
        self, source: ArchiveSource, archive: Archive, wanted: TileAddress, stages: Stages, *, gzipped: bool
    ) -> tuple[bytes, str]:
        if wanted.level.zoom is None:
            raise TileMatrixSetNotFound(f"{archive.name} holds vector tiles, in Web Mercator alone", "ask for PM")
        place = _place(source, wanted)
        if place is None:
            raise TileNotFound(
                f"level {wanted.matrix.id} is not in the archive",
                f"its levels go from {source.min_zoom} to {source.max_zoom}",
            )
        data = await self._stored(archive, place, stages)
        if data is None:
            return b"", OUTSIDE
        if not _is_as_asked(source, archive, wanted, data, gzipped=gzipped):
            data = await (self._pool.run(compress, data) if gzipped else self._pool.run(_unpacked, archive, data))
        return data, ARCHIVE

    async def _picture(
        self, source: ArchiveSource, archive: Archive, wanted: TileAddress, stages: Stages
    ) -> tuple[bytes, str]:
        place = _place(source, wanted)
        if place is not None and _may_be_stored(source, wanted):
            data = await self._stored(archive, place, stages)
            if data is None:
                return b"", OUTSIDE
            if archive.header.tile_compression == GZIP:
                data = await self._pool.run(_unpacked, archive, data)
            found = picture_type(data)
            if found is None:
                raise damaged(archive, f"tile {_name(place)} is no picture")
            if found == _picture_asked(wanted):
                return data, ARCHIVE
        return await self._painted(source, archive, wanted, stages)

    async def _stored(self, archive: Archive, place: tuple[int, int, int], stages: Stages) -> bytes | None:
        start = time.perf_counter()
        span = await self._archives.find(archive, tile_id(*place))
        found = time.perf_counter()
        stages["look"] = found - start
        if span is None:
            return None
        data = await self._archives.read(archive, span)
        stages["read"] = time.perf_counter() - found
        return data

    async def _painted(
        self, source: ArchiveSource, archive: Archive, wanted: TileAddress, stages: Stages
    ) -> tuple[bytes, str]:
        """Put stored tiles together; what is not stored at twice the pixels is taken from the level above."""
        start = time.perf_counter()
        grid = wanted.grid
        parts: list[Part] = []
        raw: dict[BlockAddress, bytes] = {}
        for coarser in range(wanted.scale):
            part = plan_tiles(grid, source, archive, coarser=coarser)
            if part is None or (parts and part.wanted[0][1].level == parts[0].wanted[0][1].level):
                break
            parts.append(part)
            got = await self._read(source, archive, part)
            raw |= got
            if len(got) == len(part.wanted):
                break
        stages["read"] = time.perf_counter() - start
        if not raw:
            return b"", OUTSIDE

        def make() -> bytes:
            found: Found = {address: None for part in parts for _, address in part.wanted}
            for address, data in raw.items():
                found[address] = _decoded(source, archive, address, data)
            samples = paint(parts, found, grid, _RGB, source.resampling)
            if samples is None:
                return b""
            return encode_picture(
                _shown(samples), wanted.extension, lossless=bool(source.encoding), effort=self._effort
            )

        return await self._pool.run(make), CROP if parts[0].aligned else WARP

    async def _read(self, source: ArchiveSource, archive: Archive, part: Part) -> dict[BlockAddress, bytes]:
        """Return the stored bytes of the tiles of a part that are there."""
        addresses = [address for _, address in part.wanted]
        identifiers = [tile_id(zoom_at(source, one), one.col, one.row) for one in addresses]
        spans = await asyncio.gather(*(self._archives.find(archive, one) for one in identifiers))
        there = [(address, span) for address, span in zip(addresses, spans, strict=True) if span is not None]
        size = sum(span.length for _, span in there)
        if size > _MAX_READ_BYTES:
            raise TooLarge(
                f"a tile of this level takes {size >> 20} MiB of stored tiles, {_MAX_READ_BYTES >> 20} MiB at most",
                "ask for a finer level",
            )
        data = await asyncio.gather(*(self._archives.read(archive, span) for _, span in there))
        return {address: one for (address, _), one in zip(there, data, strict=True)}


def _place(source: ArchiveSource, wanted: TileAddress) -> tuple[int, int, int] | None:
    """Return level, column and row of a tile in the archive's own scheme, None for a level that it has not."""
    zoom = wanted.level.zoom
    if zoom is None or not source.min_zoom <= zoom <= source.max_zoom:
        return None
    return zoom, wanted.col, wanted.row


def _may_be_stored(source: ArchiveSource, wanted: TileAddress) -> bool:
    """Tell whether a stored tile may be what is asked: a picture of as many pixels, or in its format."""
    if source.tile_type == "mvt" or wanted.matrix.tile_size * wanted.scale == source.tile_size:
        return True
    return wanted.scale == 1 and _picture_asked(wanted) == source.tile_type


def _picture_asked(wanted: TileAddress) -> str:
    return "jpg" if wanted.extension == "jpeg" else wanted.extension


def _is_as_asked(source: ArchiveSource, archive: Archive, wanted: TileAddress, data: bytes, *, gzipped: bool) -> bool:
    """Tell whether stored bytes are in the form that is asked."""
    packed = archive.header.tile_compression == GZIP
    if source.tile_type == "mvt":
        return (packed or is_gzip(data)) == gzipped
    return not packed and picture_type(data) == _picture_asked(wanted)


def _decoded(source: ArchiveSource, archive: Archive, address: BlockAddress, data: bytes) -> Block:
    place = zoom_at(source, address), address.col, address.row
    if archive.header.tile_compression == GZIP:
        data = _unpacked(archive, data)
    size = picture_size(data)
    if size is not None and (size.width, size.height) != (source.tile_size, source.tile_size):
        raise damaged(archive, f"tile {_name(place)} has {size.width} by {size.height} pixels, not {source.tile_size}")
    try:
        return decode_picture(data)
    except BadSource as err:
        raise damaged(archive, f"tile {_name(place)}: {err.message}") from err


def _shown(samples: Samples) -> Picture:
    values, valid = samples.values, samples.valid
    return Picture(values if valid is None else np.concatenate([values, valid[..., None]], axis=2))


def _unpacked(archive: Archive, data: bytes) -> bytes:
    """Return a tile without gzip; one that does not begin as gzip is stored without, whatever the header says."""
    try:
        return decompress(data, GZIP if is_gzip(data) else NONE, MAX_TILE_BYTES)
    except BadSource as err:
        raise damaged(archive, f"a tile cannot be unpacked: {err.message}") from err


def _name(place: tuple[int, int, int]) -> str:
    return "/".join(str(part) for part in place)
