"""Raster tiles and samples: files found, plan chosen, blocks read, pixels painted, shown and encoded."""

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from core.errors import BadSource, TooLarge
from core.layer import RasterSource
from core.storage import ObjectReader
from tiler.planner import (
    FALLBACK,
    MAX_DECODED_BYTES,
    OUTSIDE,
    PASSTHROUGH,
    Fallback,
    Painted,
    Passthrough,
    Plan,
    plan_raster,
)
from tiler.pool import RenderPool
from tiler.raster.blocks import BlockCache, Found, Stages, damaged
from tiler.raster.codec import decode_mask, is_whole, standalone_jpeg
from tiler.raster.data import DATA_TYPES, encode_data, take_data
from tiler.raster.encode import SERVING, Effort, encode_picture
from tiler.raster.fallback import read_samples
from tiler.raster.grid import PixelGrid, lattice
from tiler.raster.header import RasterHeader, RasterHeaders, check_bands
from tiler.raster.mosaic import MosaicIndexes, files_in
from tiler.raster.paint import paint
from tiler.raster.picture import Samples
from tiler.raster.style import PreparedStyle, draw
from tiler.raster.tiff import Compression

T = TypeVar("T")

MAX_FILES = 256
"""Files of one tile; more means that the layer has no overviews across its files."""


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
        effort: Effort = SERVING,
    ) -> None:
        self._store = store
        self._pool = pool
        self._headers = headers
        self._blocks = blocks
        self._indexes = indexes
        self._effort = effort

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
            TooLarge: The tile would take more files or memory than a tile may.
            Unavailable: The store does not answer, or too many tiles are being made.
        """
        wide = grid.widened(style.style.border)

        def show(samples: Samples, palette: bytes) -> bytes:
            if extension in DATA_TYPES:
                return encode_data(take_data(samples, style, source, grid), grid, extension)
            picture = draw(samples, style, grid, palette)
            return encode_picture(picture, extension, lossless=style.style.lossless, effort=self._effort)

        async def attempt(headers: Sequence[RasterHeader], start: float) -> tuple[bytes, str]:
            plan = plan_raster(wide, source, headers, extension, pass_blocks=style.plain) if headers else None
            stages["look"] = time.perf_counter() - start
            if isinstance(plan, Passthrough):
                data = await self._pass(plan, stages)
                if data is not None:
                    return data, PASSTHROUGH if data else OUTSIDE
                plan = plan_raster(wide, source, headers, extension, pass_blocks=False)
            made, name = await self._follow(plan, source, headers, wide, style.bands, show, stages)
            return made or b"", name

        return await self._attempt(source, wide, style.bands, attempt)

    async def samples(
        self, source: RasterSource, grid: PixelGrid, bands: tuple[int, ...], stages: Stages
    ) -> tuple[Samples | None, str]:
        """Return the samples of a grid of any size, None when no pixel has data, and the name of the plan.

        Args:
            source: The files, and how samples between pixels are found.
            grid: The pixels.
            bands: Bands to read, numbered from 1.
            stages: Told of the time each stage took.

        Raises:
            BadRequest: The files have not all of the bands.
            BadSource: A file is missing or damaged.
            TooLarge: The grid would take more files or memory than a tile may.
            Unavailable: The store does not answer, or too many tiles are being made.
        """
        return await self.use(source, grid, bands, lambda samples, _: samples, stages)

    async def use(
        self,
        source: RasterSource,
        grid: PixelGrid,
        bands: tuple[int, ...],
        work: Callable[[Samples, bytes], T],
        stages: Stages,
    ) -> tuple[T | None, str]:
        """Return what `work` makes of the samples of a grid, in the thread that made them; as `samples` otherwise.

        Args:
            source: The files, and how samples between pixels are found.
            grid: The pixels.
            bands: Bands to read, numbered from 1.
            work: Is given the samples, and the palette of the first file: red, green, blue of each value, or nothing.
            stages: Told of the time each stage took.

        Raises:
            BadRequest: The files have not all of the bands.
            BadSource: A file is missing or damaged.
            TooLarge: The grid would take more files or memory than a tile may.
            Unavailable: The store does not answer, or too many tiles are being made.
        """
        size = grid.cols * grid.rows * len(bands) * 4
        if size > MAX_DECODED_BYTES:
            raise TooLarge(
                f"{grid.cols} by {grid.rows} pixels take {size >> 20} MiB, {MAX_DECODED_BYTES >> 20} MiB at most",
                "ask for fewer pixels",
            )

        async def attempt(headers: Sequence[RasterHeader], start: float) -> tuple[T | None, str]:
            plan = plan_raster(grid, source, headers, "", pass_blocks=False) if headers else None
            stages["look"] = time.perf_counter() - start
            return await self._follow(plan, source, headers, grid, bands, work, stages)

        return await self._attempt(source, grid, bands, attempt)

    async def _attempt(
        self,
        source: RasterSource,
        grid: PixelGrid,
        bands: tuple[int, ...],
        attempt: Callable[[Sequence[RasterHeader], float], Awaitable[T]],
    ) -> T:
        """Return what an attempt gives with the files of a grid; begin anew where one of them is replaced meanwhile."""
        start = 0.0

        async def find() -> Sequence[RasterHeader]:
            nonlocal start
            start = time.perf_counter()
            headers = await self._find(source, grid)
            check_bands(bands, headers)
            return headers

        return await self._headers.use(find, lambda headers: attempt(headers, start))

    async def _follow(
        self,
        plan: Plan,
        source: RasterSource,
        headers: Sequence[RasterHeader],
        grid: PixelGrid,
        bands: tuple[int, ...],
        work: Callable[[Samples, bytes], T],
        stages: Stages,
    ) -> tuple[T | None, str]:
        """Return what `work` makes of the samples that a plan gives, and the plan's name."""
        match plan:
            case Painted():
                return await self._paint(plan, source, bands, work, stages), plan.name
            case Fallback():
                return await self._fall_back(source, headers, grid, bands, work), FALLBACK
        assert plan is None, "blocks pass as tiles only"
        return None, OUTSIDE

    async def form(self, source: RasterSource) -> tuple[str, float]:
        """Return the CRS of a layer's files and the size of their pixels, units of it; 0 where they have several.

        Raises:
            BadSource: A file is missing or damaged, or has no CRS.
            Unavailable: The store does not answer.
        """
        if source.files > 1:
            index = await self._indexes.get(source.href)
            return index.crs, index.tiers[0].cell
        tiff = (await self._headers.get(source.href)).tiff
        crs = source.crs or tiff.crs
        if not crs:
            raise BadSource(f"the CRS of {source.href} is not known", "store it again with a CRS")
        place = tiff.placement
        return crs, 0.0 if place is None else math.sqrt(place.cell_x * abs(place.cell_y))

    async def palette(self, source: RasterSource) -> bytes:
        """Return red, green, blue of each value of a layer's most important file, empty without a palette.

        Raises:
            BadSource: A file is missing or damaged.
            Unavailable: The store does not answer.
        """
        href = source.href
        if source.files > 1:
            index = await self._indexes.get(href)
            href = index.prefix + index.tiers[0].name(0)
        return (await self._headers.get(href)).tiff.levels[0].palette

    async def _find(self, source: RasterSource, grid: PixelGrid) -> Sequence[RasterHeader]:
        """Return the files that may have pixels in a grid, most important first."""
        if source.files == 1:
            return (self._headers.kept(source.href) or await self._headers.get(source.href),)
        index = await self._indexes.get(source.href)
        places = lattice(grid, index.crs)
        hrefs = files_in(index, places.bounds, places.cell) if places is not None else []
        if len(hrefs) > MAX_FILES:
            raise TooLarge(
                f"a tile of this level takes {len(hrefs)} files, {MAX_FILES} at most",
                f"ask for level {source.min_zoom} of WebMercatorQuad or a finer one",
            )
        return await self._headers.get_all(hrefs)

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
        bands: tuple[int, ...],
        work: Callable[[Samples, bytes], T],
        stages: Stages,
    ) -> T | None:
        indexes = tuple(number - 1 for number in bands)

        def make(found: Found) -> T | None:
            samples = paint(plan.parts, found, plan.grid, indexes, source.resampling)
            return None if samples is None else work(samples, plan.wanted[0][0].tiff.levels[0].palette)

        return await self._blocks.use(plan.wanted, make, stages)

    async def _fall_back(
        self,
        source: RasterSource,
        headers: Sequence[RasterHeader],
        grid: PixelGrid,
        bands: tuple[int, ...],
        work: Callable[[Samples, bytes], T],
    ) -> T | None:
        if len(headers) > 1:
            raise BadSource(f"{source.href} names files that only GDAL reads", "store the layer again")
        location = self._store.location(headers[0].href)

        def make() -> T | None:
            samples = read_samples(location, source, bands, grid)
            return None if samples is None else work(samples, b"")

        return await self._pool.run(make)
