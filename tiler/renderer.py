"""From a layer and a tile address to encoded bytes, by the cheapest way the engine has."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from core.cache import ByteCache
from core.counts import counts
from core.errors import TileNotFound
from core.layer import ArchiveSource, RasterSource, VectorSource
from tiler.address import TileAddress, bind
from tiler.archive.engine import ArchiveEngine
from tiler.compression import Coding, compress
from tiler.matrix import tile_bounds
from tiler.planner import OUTSIDE
from tiler.pool import RenderPool
from tiler.raster.blocks import Stages
from tiler.raster.encode import Effort
from tiler.raster.engine import RasterEngine
from tiler.styles import StyleBook, style_of
from tiler.vector import tile as vector_tile
from tiler.vector.edition import edition_of
from tiler.vector.layer import TileSource
from tiler.vector.select import rows_that_hold
from tiler.vector.source import VectorSources

CACHE = "cache"
"""Name of the plan that sends what is in memory."""

COMPOSITE = "composite"
"""Name of the plan that joins the tiles of several layers."""

TileKey = tuple[str, Coding]
"""Entity tag of a tile, and how it is compressed: by this it is kept."""


class EncodedTile(msgspec.Struct, frozen=True, gc=False):
    """What goes out."""

    data: bytes
    """Empty when the tile has no data."""
    plan: str
    """How it was made: `cache`, `outside` or the name of a plan."""
    seconds: float
    """Time it took, waiting included."""
    stages: Stages
    """Time of its stages, seconds."""
    again: Callable[[], bytes | None] | None = None
    """Reads the same bytes again without waiting, or gives None; None for what is not stored so."""


class Renderer:
    """Makes tiles, keeps the encoded ones in memory, and makes each of them once at a time."""

    def __init__(
        self,
        pool: RenderPool,
        cache: ByteCache[TileKey],
        rasters: RasterEngine,
        vectors: VectorSources,
        styles: StyleBook,
        archives: ArchiveEngine,
        effort: Effort,
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._rasters = rasters
        self._vectors = vectors
        self._styles = styles
        self._archives = archives
        self._gzip_level = effort.gzip_level
        self._count_plan = counts().plan

    async def find(self, wanted: TileAddress) -> TileAddress:
        """Return an address bound to its layer as it is now, which its entity tag depends on where that changes.

        Raises:
            BadSource: The stored file is missing or damaged.
            Unavailable: The store does not answer.
        """
        source = wanted.layer.source
        if not isinstance(source, VectorSource) or not (wanted.layer.changes or source.through):
            return wanted
        found, settled = await self._vectors.get(wanted.layer, wanted.tms.crs)
        edition = edition_of(found, tile_bounds(wanted.matrix, wanted.col, wanted.row), wanted.tms.crs)
        return bind(wanted, found, edition, settled=settled)

    async def tile(self, wanted: TileAddress, *, coding: Coding = "") -> EncodedTile:
        """Return one tile.

        Args:
            wanted: Its checked address, found.
            coding: How to compress it (vector tiles; images gain nothing): those of archives in gzip or not at all.

        Raises:
            BadSource: The stored file is missing or damaged.
            TileMatrixSetNotFound: The layer is an archive of vector tiles, and the set not Web Mercator.
            TileNotFound: The layer is an archive of vector tiles without this level.
            TooLarge: The tile would take more files, stored tiles or memory than a tile may.
            Unavailable: Too many tiles are being made, or the store does not answer.
        """
        start = time.perf_counter()
        level = wanted.level
        limits = level.limits
        if limits is None or not limits.holds(wanted.col, wanted.row):
            return self._done(b"", OUTSIDE, start, {})
        key = (wanted.etag, coding)
        kept = self._cache.peek(key)
        if kept is not None:
            return self._done(kept, CACHE, start, {})
        stages: Stages = {}
        source = level.layer.source
        if isinstance(source, ArchiveSource):
            near = self._archives.near_tile(source, wanted, stages, gzipped=coding == "gzip")
            if near is not None:
                self._cache.keep(key, near.data)
                return self._done(near.data, near.plan, start, stages, near.again)
        data, plan = await self._shared(key, partial(self._make, wanted, stages, coding))
        return self._done(data, plan, start, stages)

    async def _shared(self, key: TileKey, make: Callable[[], Awaitable[tuple[bytes, str]]]) -> tuple[bytes, str]:
        """Return a tile that is made once at a time, and the name of the plan, `cache` for others who wait for it."""
        made: list[str] = []

        async def note() -> bytes:
            data, plan = await make()
            made.append(plan)
            return data

        data = await self._cache.get(key, note)
        return data, made[0] if made else CACHE

    async def joined(
        self,
        etag: str,
        wanted: Sequence[TileAddress],
        join: Callable[[Sequence[bytes]], bytes],
        *,
        coding: Coding = "",
    ) -> EncodedTile:
        """Return several vector tiles as one, each of them and the whole kept in memory.

        Args:
            etag: Entity tag of the whole, not compressed.
            wanted: The checked addresses.
            join: Makes one of them, in their order; empty tiles are of layers with nothing there.
            coding: How to compress it.

        Raises:
            BadSource: A stored file is missing or damaged.
            TileMatrixSetNotFound: One is of an archive of vector tiles, and the set not Web Mercator.
            TileNotFound: All are of archives of vector tiles without this level.
            Unavailable: Too many tiles are being made, or the store does not answer.
        """
        start = time.perf_counter()

        async def make() -> tuple[bytes, str]:
            tiles = await asyncio.gather(*(self._unless_beyond(one) for one in wanted))
            missing = [one for one in tiles if isinstance(one, TileNotFound)]
            if len(missing) == len(tiles):
                raise missing[0]
            data = [b"" if isinstance(one, TileNotFound) else one for one in tiles]
            return await self._pool.run(lambda: _packed(join(data), coding)), COMPOSITE

        data, plan = await self._shared((etag, coding), make)
        return self._done(data, plan, start, {})

    async def _unless_beyond(self, wanted: TileAddress) -> bytes | TileNotFound:
        """Return a tile, or what an archive says that has not its level."""
        try:
            return (await self.tile(wanted)).data
        except TileNotFound as err:
            return err

    async def _make(self, wanted: TileAddress, stages: Stages, coding: Coding) -> tuple[bytes, str]:
        source = wanted.layer.source
        if isinstance(source, ArchiveSource):
            return await self._archives.tile(source, wanted, stages, gzipped=coding == "gzip")
        if isinstance(source, RasterSource):
            prepared = self._styles.get(wanted.layer, wanted.level.style or style_of(wanted.layer))
            source = source.on(wanted.tms.id, wanted.tms.crs)
            return await self._rasters.tile(source, prepared, wanted.grid, wanted.extension, stages)
        assert isinstance(source, VectorSource)
        crs = wanted.tms.crs
        vectors = wanted.drawn_from or (await self._vectors.get(wanted.layer, crs))[0]
        encoded = await self._pool.run(_draw, vectors, source, wanted, coding, self._gzip_level)
        return encoded, vector_tile.PLAN if vectors.grid.crs == crs else vector_tile.FOREIGN_PLAN

    def _done(
        self, data: bytes, plan: str, start: float, stages: Stages, again: Callable[[], bytes | None] | None = None
    ) -> EncodedTile:
        self._count_plan(plan)
        return EncodedTile(data, plan, time.perf_counter() - start, stages, again)


def _draw(vectors: TileSource, source: VectorSource, wanted: TileAddress, coding: Coding, gzip_level: int) -> bytes:
    """Draw a vector tile and compress it."""
    bounds = tile_bounds(wanted.matrix, wanted.col, wanted.row)
    selection = wanted.selection
    data = vector_tile.encode_tile(
        vectors,
        wanted.layer.name,
        bounds=bounds,
        crs=wanted.tms.crs,
        keys=None if selection.keys is None else frozenset(selection.keys),
        holds=partial(rows_that_hold, selection, source.fields, vectors.values) if selection.filter else None,
    )
    return _packed(data, coding, gzip_level)


def _packed(data: bytes, coding: Coding, gzip_level: int = 1) -> bytes:
    """Compress a tile; one with nothing in it stays so."""
    return compress(data, coding, gzip_level=gzip_level) if data else data
