"""Footers of GeoParquet files: read once a version, kept while there is room, and what they tell of a row group."""

import asyncio
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from cachetools import LRUCache

from core.errors import BadSource
from core.layer import Bounds
from core.storage import ObjectInfo, ObjectReader
from tiler.pool import RenderPool
from tiler.vector.geoparquet import COVERING, GeoColumn, parse_geo
from tiler.vector.query.ranged import RangedFile

CACHE_BYTES = 64 << 20
"""Footers kept in memory, bytes as they stand in the files."""


class Footer(msgspec.Struct, frozen=True, eq=False):
    """What the end of a GeoParquet file tells."""

    info: ObjectInfo
    metadata: pq.FileMetaData
    schema: pa.Schema
    geo: GeoColumn
    leaves: dict[str, int]
    """Places of the stored columns by their path, such as `bbox.xmin`."""

    first_rows: tuple[int, ...]
    """Number of the first row of each row group, and the number of all rows."""


class Footers:
    """Footers by object and ETag; belongs to one event loop."""

    def __init__(self, store: ObjectReader, pool: RenderPool, capacity_bytes: int = CACHE_BYTES) -> None:
        self._store, self._pool = store, pool
        self._kept: LRUCache[tuple[str, str], Footer] = LRUCache(
            capacity_bytes, getsizeof=lambda footer: int(footer.metadata.serialized_size)
        )

    async def get(self, href: str) -> Footer:
        """Return the footer of an object as it is now.

        Raises:
            BadSource: It is missing or no GeoParquet file.
            Unavailable: The store does not answer.
        """
        info = await self._store.head(href)
        kept = self._kept.get((href, info.etag))
        if kept is not None:
            return kept
        file = RangedFile(self._store, info, asyncio.get_running_loop())
        footer = await self._pool.run(read_footer, file, info)
        if footer.metadata.serialized_size <= self._kept.maxsize:
            self._kept[href, info.etag] = footer
        return footer


def read_footer(file: RangedFile, info: ObjectInfo) -> Footer:
    """Read the end of a GeoParquet file.

    Raises:
        BadSource: It is none.
    """
    try:
        metadata = pq.read_metadata(pa.PythonFile(file, mode="r"))
        schema = metadata.schema.to_arrow_schema()
    except (pa.ArrowException, OSError) as err:
        raise BadSource(f"{info.key} cannot be read ({' '.join(str(err).split())[:200]})") from err
    first, rows = [0], 0
    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        first.append(rows)
    leaves = {metadata.schema.column(i).path: i for i in range(metadata.num_columns)}
    return Footer(info, metadata, schema, parse_geo(schema.metadata), leaves, tuple(first))


class GroupStatistics:
    """What a footer tells of the values of one row group."""

    def __init__(self, footer: Footer, group: int) -> None:
        self._footer, self._group = footer, footer.metadata.row_group(group)

    def range(self, name: str) -> tuple[Any, Any] | None:
        """Return the lowest and highest value of a column; None when it is not told."""
        place = self._footer.leaves.get(name)
        statistics = None if place is None else self._group.column(place).statistics
        if statistics is None or not statistics.has_min_max:
            return None
        return statistics.min, statistics.max

    def box(self) -> Bounds | None:
        """Return the box of the geometries, in the CRS of the layer; None when it is not told."""
        covering = self._footer.geo.covering
        found = [self.range(f"{covering}.{corner}") for corner in COVERING]
        if not covering or None in found:
            return None
        west, south, east, north = (pair for pair in found if pair is not None)
        return float(west[0]), float(south[0]), float(east[1]), float(north[1])

    def bytes(self, names: set[str]) -> int:
        """Return the stored bytes of the columns with these names at the top."""
        return sum(
            self._group.column(place).total_compressed_size
            for path, place in self._footer.leaves.items()
            if path.split(".")[0] in names
        )
