"""Samples of stored shards, by the engine's own way: directories, blocks, and the cheapest plan."""

import asyncio
from collections.abc import Sequence

from core.errors import BadSource
from core.layer import RasterSource, Resampling
from core.storage import ObjectReader
from tiler.ingest.raster_profile import RasterProfile
from tiler.planner import Painted, plan_raster
from tiler.pool import RenderPool
from tiler.raster.blocks import BlockCache
from tiler.raster.grid import PixelGrid
from tiler.raster.header import RasterHeaders
from tiler.raster.paint import paint
from tiler.raster.picture import Samples

_CACHE_BYTES = 64 << 20


class ShardReader:
    """Reads pixels of shards; belongs to one event loop, and is closed by its owner.

    Args:
        store: Where they are.
        profile: How they are stored.
        crs: Their CRS.
    """

    def __init__(self, store: ObjectReader, profile: RasterProfile, crs: str) -> None:
        self._crs = crs
        self._profile = profile
        self._pool = RenderPool(1, 64)
        self._headers = RasterHeaders(store, _CACHE_BYTES)
        self._blocks = BlockCache(store, self._pool, _CACHE_BYTES)

    async def samples(
        self, grid: PixelGrid, hrefs: Sequence[str], bands: tuple[int, ...], resampling: Resampling
    ) -> Samples | None:
        """Return the samples of a grid, None when none has data.

        Args:
            grid: The pixels wanted.
            hrefs: Object keys of the shards that may have some.
            bands: Bands to take, numbered from 1.
            resampling: How they are taken.

        Raises:
            BadSource: A shard is missing or damaged.
            Unavailable: The store does not answer.
        """
        headers = await asyncio.gather(*(self._headers.get(href) for href in hrefs))
        source = RasterSource(href="", bands=bands, dtype=self._profile.dtype, crs=self._crs, resampling=resampling)
        plan = plan_raster(grid, source, headers, "", pass_blocks=False)
        if plan is None:
            return None
        if not isinstance(plan, Painted):
            raise BadSource(f"{hrefs[0]} is not stored as a shard is", "ingest the files again")
        numbers = tuple(band - 1 for band in bands)
        return await self._blocks.use(
            plan.wanted, lambda found: paint(plan.parts, found, plan.grid, numbers, resampling), {}
        )

    def close(self) -> None:
        """End the thread."""
        self._pool.close()
