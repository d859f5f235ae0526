"""Raster tiles: files found, plan chosen, blocks read, pixels painted, shown and encoded."""

import asyncio
import time
from collections.abc import Sequence

from core.errors import BadRequest, BadSource, PreconditionFailed, TooLarge, Unavailable
from core.layer import RasterSource
from core.storage import ObjectReader
from tiler.planner import FALLBACK, OUTSIDE, PASSTHROUGH, Fallback, Painted, Passthrough, plan_raster
from tiler.pool import RenderPool
from tiler.raster.blocks import BlockCache, FileReplaced, Found, Stages, damaged
from tiler.raster.codec import decode_mask, is_whole, standalone_jpeg
from tiler.raster.encode import encode_picture
from tiler.raster.fallback import read_samples
from tiler.raster.grid import PixelGrid, lattice
from tiler.raster.header import RasterHeader, RasterHeaders
from tiler.raster.mosaic import MosaicIndexes, files_in
from tiler.raster.paint import paint
from tiler.raster.style import PreparedStyle, draw
from tiler.raster.tiff import Compression

MAX_FILES = 256
"""Files of one tile; more means that the layer has no overviews across its files."""

_ATTEMPTS = 8
"""How often a tile is begun anew because a file was replaced meanwhile."""


class RasterEngine:
    """Makes raster tiles by the cheapest plan."""

    def __init__(
        self,
        store: ObjectReader,
        pool: RenderPool,
        *,
        headers: RasterHeaders,
        blocks: BlockCache,
        indexes: MosaicIndexes,
    ) -> None:
        self._store = store
        self._pool = pool
        self._headers = headers
        self._blocks = blocks
        self._indexes = indexes

    async def tile(
        self, source: RasterSource, style: PreparedStyle, grid: PixelGrid, extension: str, stages: Stages
    ) -> tuple[bytes, str]:
        """Return a tile, empty when no pixel has data, and the name of the plan.

        Args:
            source: The files.
            style: How they are shown.
            grid: Pixels of the tile.
            extension: Format.
            stages: Told of the time each stage took.

        Raises:
            BadRequest: The style takes a band that the files have not.
            BadSource: A file is missing or damaged.
            TooLarge: The tile would take more files than a tile may.
            Unavailable: The store does not answer, or too many tiles are being made.
        """
        wide = grid.widened(style.style.border)
        for _ in range(_ATTEMPTS):
            start = time.perf_counter()
            try:
                headers = await self._find(source, wide)
                _check_bands(style, headers)
                plan = plan_raster(wide, source, headers, extension, pass_blocks=style.plain) if headers else None
                stages["look"] = time.perf_counter() - start
                match plan:
                    case None:
                        return b"", OUTSIDE
                    case Passthrough():
                        data = await self._pass(plan, stages)
                        if data is not None:
                            return data, PASSTHROUGH if data else OUTSIDE
                        plan = plan_raster(wide, source, headers, extension, pass_blocks=False)
                        assert isinstance(plan, Painted), "the block is there"
                        return await self._paint(plan, source, style, grid, extension, stages), plan.name
                    case Painted():
                        return await self._paint(plan, source, style, grid, extension, stages), plan.name
                    case Fallback():
                        return await self._fall_back(source, headers, style, grid, extension), FALLBACK
            except FileReplaced as replaced:
                self._headers.forget(replaced.header)
            except PreconditionFailed:  # while a directory was read
                continue
        raise Unavailable("a file of the layer is being replaced again and again", retry_after_s=1)

    async def _find(self, source: RasterSource, grid: PixelGrid) -> Sequence[RasterHeader]:
        """Return the files that may have pixels in a grid, most important first."""
        if source.files == 1:
            return (self._headers.kept(source.href) or await self._headers.get(source.href),)
        index = await self._indexes.get(source.href)
        places = lattice(grid, index.crs)
        hrefs = files_in(index, places.bounds) if places is not None else []
        if len(hrefs) > MAX_FILES:
            raise TooLarge(
                f"a tile of this level takes {len(hrefs)} files, {MAX_FILES} at most",
                f"ask for level {source.min_zoom} of WebMercatorQuad or a finer one",
            )
        kept = [self._headers.kept(href) for href in hrefs]
        if all(header is not None for header in kept):
            return [header for header in kept if header is not None]
        return await asyncio.gather(*(self._headers.get(href) for href in hrefs))

    async def _pass(self, plan: Passthrough, stages: Stages) -> bytes | None:
        """Return a stored tile, empty when the file leaves it out, None when pixels of it are missing."""
        header, address = plan.header, plan.address
        level, mask = header.tiff.levels[address.level], header.tiff.masks[address.level]
        if level.span(address.col, address.row)[1] == 0:
            return b""
        start = time.perf_counter()
        data, beside = await self._blocks.read_block(header, address)
        stages["read"] = time.perf_counter() - start
        if not is_whole(level, data):
            raise damaged(header, address, "a block is damaged (it does not begin or end as it should)")
        if mask is not None and not decode_mask(mask, beside).all():
            return None
        return standalone_jpeg(level, data) if level.compression == Compression.JPEG else data

    async def _paint(
        self,
        plan: Painted,
        source: RasterSource,
        style: PreparedStyle,
        grid: PixelGrid,
        extension: str,
        stages: Stages,
    ) -> bytes:
        bands = tuple(number - 1 for number in style.bands)

        def make(found: Found) -> bytes:
            samples = paint(plan.parts, found, plan.grid, bands, source.resampling)
            if samples is None:
                return b""
            palette = plan.wanted[0][0].tiff.levels[0].palette
            return encode_picture(draw(samples, style, grid, palette), extension, lossless=style.style.lossless)

        return await self._blocks.use(plan.wanted, make, stages)

    async def _fall_back(
        self,
        source: RasterSource,
        headers: Sequence[RasterHeader],
        style: PreparedStyle,
        grid: PixelGrid,
        extension: str,
    ) -> bytes:
        if len(headers) > 1:
            raise BadSource(f"{source.href} names files that only GDAL reads", "store the layer again")
        location = self._store.location(headers[0].href)

        def make() -> bytes:
            samples = read_samples(location, source, style.bands, grid.widened(style.style.border))
            if samples is None:
                return b""
            return encode_picture(draw(samples, style, grid), extension, lossless=style.style.lossless)

        return await self._pool.run(make)


def _check_bands(style: PreparedStyle, headers: Sequence[RasterHeader]) -> None:
    highest = max(style.bands)
    for header in headers:
        bands = header.tiff.levels[0].bands
        if bands < highest:
            raise BadRequest(
                f"style {style.style.name} takes band {highest}, and {header.name} has {bands}", "ask for another style"
            )
