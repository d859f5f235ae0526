"""Samples at places: the pixels around each point, from all files of a layer, each block decoded once."""

from collections.abc import Sequence
from threading import local
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from core.errors import BadSource, TooLarge
from core.layer import RasterSource
from core.storage import ObjectReader
from tiler.planner import decoded_bytes
from tiler.pool import RenderPool
from tiler.raster.around import AROUND, Around, empty_around, first_taps, gather, settle, taps
from tiler.raster.blocks import BlockAddress, BlockCache, Found, Stages
from tiler.raster.fallback import read_around
from tiler.raster.header import RasterHeader, RasterHeaders, check_bands
from tiler.raster.mosaic import MosaicIndexes, files_at
from tiler.raster.part import KINDS, Member, place_member

MAX_FILES = 256
"""Files that the places of one request may lie in."""

MAX_DECODED_BYTES = 1 << 30
"""Memory that their blocks would take together once decoded; it bounds the time."""

_AT_ONCE_BYTES = 64 << 20
"""Blocks decoded at a time."""

_kept = local()  # a transformer belongs to one thread


class Places(msgspec.Struct, frozen=True, eq=False):
    """Points in a CRS."""

    crs: str
    """As authority:code or WKT."""
    x: NDArray[np.float64]
    """Easting or longitude, shape (n,); NaN where there is no such place."""
    y: NDArray[np.float64]


class _Seen(msgspec.Struct, frozen=True, eq=False):
    """A block and the points that see pixels of it."""

    header: RasterHeader
    address: BlockAddress
    place: tuple[int, int, int, int]
    """Column and row of its first pixel on the grid of its group, and its columns and rows that the file has."""
    points: NDArray[np.int64]
    """Which points, shape (m,)."""
    first_col: NDArray[np.int64]
    """Column of the first pixel that each of them sees, on the grid of the group, shape (m,)."""
    first_row: NDArray[np.int64]


def project(places: Places, crs: str) -> Places:
    """Return places in another CRS, NaN where it has none for them."""
    if places.crs == crs:
        return places
    known: dict[tuple[str, str], Transformer] = _kept.__dict__.setdefault("transformers", {})
    key = places.crs, crs
    if key not in known:
        if len(known) >= 64:
            known.clear()
        known[key] = Transformer.from_crs(*key, always_xy=True)
    x, y = known[key].transform(places.x, places.y)
    lost = ~(np.isfinite(x) & np.isfinite(y))
    return Places(crs, np.where(lost, np.nan, x), np.where(lost, np.nan, y))


class PlaceReader:
    """Takes samples at places, through the directories and decoded blocks that tiles use."""

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

    async def read(
        self, source: RasterSource, places: Places, bands: tuple[int, ...], how: str, stages: Stages
    ) -> tuple[Places, Around]:
        """Return places in the CRS of a layer and what lies there at full resolution.

        Args:
            source: The files.
            places: Points in any CRS.
            bands: Bands to read, numbered from 1.
            how: A way to sample, one of `tiler.raster.part.KINDS`, or `around` for the 3 by 3 pixels themselves.
            stages: Told of the time each stage took.

        Raises:
            BadRequest: The files have not all of the bands.
            BadSource: A file is missing or damaged.
            TooLarge: The places lie in more files or blocks than a request may read.
            Unavailable: The store does not answer, or too much is being made.
        """
        kind = AROUND if how == "around" else KINDS[how]
        projected: list[Places] = []

        async def find() -> Sequence[RasterHeader]:
            headers, own = await self._find(source, places)
            check_bands(bands, headers)
            projected[:] = [own]
            return headers

        async def work(headers: Sequence[RasterHeader]) -> Around:
            if any(header.trouble for header in headers):
                return await self._fall_back(source, headers, projected[0], bands, kind)
            return await self._sample(headers, projected[0], bands, kind, stages)

        made = await self._headers.use(find, work)
        return projected[0], made

    async def _find(self, source: RasterSource, places: Places) -> tuple[Sequence[RasterHeader], Places]:
        """Return the files that may have pixels at places, most important first, and the places in their CRS."""
        if source.files == 1:
            header = await self._headers.get(source.href)
            crs = source.crs or header.tiff.crs
            if not crs:
                raise BadSource(f"the CRS of {header.name} is not known", "store it again with a CRS")
            return (header,), await self._pool.run(project, places, crs)
        index = await self._indexes.get(source.href)
        own = await self._pool.run(project, places, index.crs)
        hrefs = await self._pool.run(files_at, index, own.x, own.y)
        if len(hrefs) > MAX_FILES:
            raise TooLarge(
                f"the places lie in {len(hrefs)} files, {MAX_FILES} at most",
                "ask for fewer at a time, or for closer ones",
            )
        return await self._headers.get_all(hrefs), own

    async def _sample(
        self, headers: Sequence[RasterHeader], places: Places, bands: tuple[int, ...], kind: int, stages: Stages
    ) -> Around:
        groups: list[tuple[tuple[Any, ...], list[Member]]] = []
        for header in headers:
            place_member(groups, header, 0)
        result = empty_around(len(places.x), len(bands), kind)
        indexes = [number - 1 for number in bands]
        left = MAX_DECODED_BYTES
        for (west, north, cell_x, cell_y, _), members in groups:
            col, row = (places.x - west) / cell_x, (north - places.y) / cell_y
            wanted = _blocks_of(members, col, row, result.missing(), kind)
            left -= sum(decoded_bytes(one.header, one.address) for one in wanted)
            if left < 0:
                raise TooLarge(
                    f"the places lie in more than {MAX_DECODED_BYTES >> 20} MiB of pixels",
                    "ask for fewer at a time, or for closer ones",
                )
            patches = np.full((len(places.x), *taps(kind), len(bands)), np.nan, np.float32)
            for some in _portions(wanted):

                def take(found: Found, some: Sequence[_Seen] = some, patches: NDArray[np.float32] = patches) -> None:
                    for one in some:
                        block = found[one.address]
                        if block is not None:
                            gather(block, one.place, indexes, one.first_col, one.first_row, patches, one.points)

                await self._blocks.use([(one.header, one.address) for one in some], take, stages)
            result = await self._pool.run(settle, result, patches, col, row, (cell_x, cell_y), kind)
        return result

    async def _fall_back(
        self,
        source: RasterSource,
        headers: Sequence[RasterHeader],
        places: Places,
        bands: tuple[int, ...],
        kind: int,
    ) -> Around:
        if len(headers) > 1:
            raise BadSource(f"{source.href} names files that only GDAL reads", "store the layer again")
        location = self._store.location(headers[0].href)

        def make() -> Around:
            patches, col, row, cell = read_around(location, source, bands, (places.x, places.y), kind)
            return settle(empty_around(len(places.x), len(bands), kind), patches, col, row, cell, kind)

        return await self._pool.run(make)


def _blocks_of(
    members: Sequence[Member], col: NDArray[np.float64], row: NDArray[np.float64], wanted: NDArray[np.bool_], kind: int
) -> list[_Seen]:
    """Return the blocks that points see, those of the most important file first.

    Args:
        members: Files of one grid, most important first.
        col: Column of each point on their grid, shape (n,).
        row: Row of each point.
        wanted: Whether a point is wanted, shape (n,).
        kind: How it sees the pixels around it.
    """
    height, width = taps(kind)
    result: list[_Seen] = []
    for member in members:
        header, level = member.header, member.header.tiff.levels[0]
        x, y = col - member.col, row - member.row
        near = wanted & (x > -width) & (x < level.width + width) & (y > -height) & (y < level.height + height)
        points = np.flatnonzero(near)
        if not points.size:
            continue
        first_col, first_row = first_taps(col[points], row[points], kind)
        across = -(-level.width // level.block_width)
        pairs = []
        for right in (0, width - 1):
            for below in (0, height - 1):
                at_col, at_row = first_col + right - member.col, first_row + below - member.row
                inside = (at_col >= 0) & (at_row >= 0) & (at_col < level.width) & (at_row < level.height)
                number = at_row // level.block_height * across + at_col // level.block_width
                pairs.append(np.stack([number[inside], np.flatnonzero(inside)]))
        numbers, nth = np.unique(np.concatenate(pairs, axis=1), axis=1)
        blocks, starts = np.unique(numbers, return_index=True)
        for number, seen in zip(blocks.tolist(), np.split(nth, starts[1:]), strict=True):
            block_row, block_col = divmod(number, across)
            left, top = block_col * level.block_width, block_row * level.block_height
            size = min(level.block_width, level.width - left), min(level.block_height, level.height - top)
            result.append(
                _Seen(
                    header=header,
                    address=BlockAddress(header.href, header.etag, 0, block_col, block_row),
                    place=(member.col + left, member.row + top, *size),
                    points=points[seen],
                    first_col=first_col[seen],
                    first_row=first_row[seen],
                )
            )
    return result


def _portions(blocks: Sequence[_Seen]) -> list[list[_Seen]]:
    """Return blocks in runs that may be decoded at once."""
    runs: list[list[_Seen]] = [[]]
    size = 0
    for one in blocks:
        weight = decoded_bytes(one.header, one.address)
        if runs[-1] and size + weight > _AT_ONCE_BYTES:
            runs.append([])
            size = 0
        runs[-1].append(one)
        size += weight
    return runs if blocks else []
