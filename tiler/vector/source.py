"""GeoParquet layers in memory: fetched whole, decoded once, kept while there is room."""

import asyncio
from collections import OrderedDict

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from core.errors import BadSource
from core.layer import VectorSource
from core.storage import ObjectReader
from tiler.vector.attributes import tile_column, tile_kind
from tiler.vector.geoparquet import parse_geo

MAX_FILE_BYTES = 512 << 20
"""Largest GeoParquet file that is taken into memory."""

_FEATURE_BYTES, _VERTEX_BYTES = 400, 16
"""Memory of a feature with its object, its box and its place in the tree; and of each of its vertices."""


class LoadedVectors(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A vector layer ready to be cut into tiles. Nothing in it is ever changed."""

    crs: str
    """CRS of the geometries, as authority:code or WKT; x then y."""

    geometries: NDArray[np.object_]
    """Shapely geometries without Z, shape (n,)."""

    bounds: NDArray[np.float64]
    """West, south, east, north of each, units of the CRS, shape (n, 4)."""

    tree: shapely.STRtree
    """Finds geometries by box."""

    attributes: pa.Table
    """Columns of bool, int64, float64 or string, n rows."""

    size: int
    """Estimate of the memory taken, bytes."""


class VectorSources:
    """Vector layers in memory, the least recently asked given up first."""

    def __init__(self, store: ObjectReader, capacity_bytes: int) -> None:
        self._store = store
        self._capacity = capacity_bytes
        self._kept: OrderedDict[str, LoadedVectors] = OrderedDict()
        self._pending: dict[str, asyncio.Task[LoadedVectors]] = {}
        self._one_at_a_time = asyncio.Semaphore(1)
        self.taken = 0
        """Bytes kept."""

    async def get(self, source: VectorSource) -> LoadedVectors:
        """Return a layer, loading it at most once at a time.

        A caller that goes away does not cancel the work others wait for. Failures
        are not kept.

        Raises:
            BadSource: The file is missing, damaged or larger than what is kept in memory.
            Unavailable: The store does not answer.
        """
        kept = self._kept.get(source.href)
        if kept is not None:
            self._kept.move_to_end(source.href)
            return kept
        task = self._pending.get(source.href)
        if task is None:
            task = asyncio.create_task(self._load(source))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._pending[source.href] = task
        return await asyncio.shield(task)

    async def _load(self, source: VectorSource) -> LoadedVectors:
        try:
            async with self._one_at_a_time:
                _refuse_large((await self._store.head(source.href)).size, source)
                stored = await self._store.get(source.href)
                assert stored is not None
                loaded = await asyncio.to_thread(load_vectors, stored.data, source, max_bytes=self._capacity)
            self._keep(source.href, loaded)
            return loaded
        finally:
            del self._pending[source.href]

    def _keep(self, href: str, loaded: LoadedVectors) -> None:
        self._kept[href] = loaded
        self.taken += loaded.size
        while self.taken > self._capacity and len(self._kept) > 1:
            _, given_up = self._kept.popitem(last=False)
            self.taken -= given_up.size


def load_vectors(data: bytes, source: VectorSource, *, max_bytes: int) -> LoadedVectors:
    """Decode a GeoParquet file.

    Args:
        data: The file.
        source: What is known of it.
        max_bytes: Memory it may take, refused from its footer before anything is decoded.

    Raises:
        BadSource: The file is damaged, or too large.
    """
    try:
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            footer = file.metadata
            expected = footer.num_rows * _FEATURE_BYTES + sum(
                footer.row_group(i).total_byte_size for i in range(footer.num_row_groups)
            )
            if expected > max_bytes:
                raise BadSource(
                    f"{source.href} takes about {expected:,} bytes of memory and {max_bytes:,} are allowed",
                    "raise GEOPF_VECTOR_CACHE_BYTES",
                )
            return _decode(file, source)
    except (pa.ArrowException, OSError, shapely.errors.ShapelyError, KeyError) as err:
        raise BadSource(f"{source.href} cannot be read ({' '.join(str(err).split())[:200]})") from err


def _refuse_large(size: int, source: VectorSource) -> None:
    if size > MAX_FILE_BYTES:
        raise BadSource(
            f"{source.href} has {size:,} bytes, more than the {MAX_FILE_BYTES:,} that are taken into memory",
            "cut the layer into several",
        )


def _decode(file: pq.ParquetFile, source: VectorSource) -> LoadedVectors:
    covering = parse_geo(file.schema_arrow.metadata).covering
    names = [
        field.name
        for field in file.schema_arrow
        if field.name not in {source.geometry_column, covering} and tile_kind(field.type)
    ]
    wkb = file.read(columns=[source.geometry_column]).column(0)
    parts = [shapely.force_2d(shapely.from_wkb(chunk.to_numpy(zero_copy_only=False))) for chunk in wkb.chunks]
    geometries = np.concatenate(parts) if parts else np.empty(0, object)
    del wkb, parts
    table = file.read(columns=names)
    attributes = pa.table(
        {name: pa.chunked_array([tile_column(part) for part in table[name].chunks] or [[]]) for name in names}
    ).combine_chunks()
    vertices = int(shapely.get_num_coordinates(geometries).sum())
    return LoadedVectors(
        crs=source.crs,
        geometries=geometries,
        bounds=shapely.bounds(geometries).reshape(-1, 4),
        tree=shapely.STRtree(geometries),
        attributes=attributes,
        size=len(geometries) * _FEATURE_BYTES + vertices * _VERTEX_BYTES + attributes.nbytes,
    )
