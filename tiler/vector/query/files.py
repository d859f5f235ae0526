"""Features as files, FlatGeobuf and GeoParquet: written aside, sent, taken away."""

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from tiler.pool import RenderPool
from tiler.vector.attributes import tile_column, tile_kind
from tiler.vector.geoparquet import BOX, KEY, encode_geo, free_name, geometry_kinds
from tiler.vector.query.answer import Target, given_geometries
from tiler.vector.query.selection import ROW

FileFormat = Literal["flatgeobuf", "geoparquet"]

_PIECE_BYTES = 1 << 18
_GROUP_ROWS, _GROUP_BYTES = 65_536, 64 << 20
_TIMEOUT_S = 300.0


async def as_file(
    form: FileFormat, tables: AsyncIterator[pa.Table], schema: pa.Schema, target: Target, pool: RenderPool
) -> AsyncIterator[bytes]:
    """Yield a file that is first written aside, and taken away at the end whatever happens.

    Args:
        form: Which file.
        tables: Features.
        schema: Columns of the tables.
        target: CRS of the answer, x then y as both formats want.
        pool: Threads that write: others than those that make the tables, for which they wait.

    Raises:
        Unavailable: All threads that write are taken.
    """
    with tempfile.TemporaryDirectory(prefix="geopf-query-") as aside:
        path = Path(aside) / f"features.{'fgb' if form == 'flatgeobuf' else 'parquet'}"
        loop = asyncio.get_running_loop()
        write: Callable[..., None] = _write_flatgeobuf if form == "flatgeobuf" else _write_geoparquet
        gone = threading.Event()
        try:
            await pool.run(write, path, _blocking(tables, loop, gone), schema, target)
        finally:
            gone.set()
        with path.open("rb") as made:
            while piece := await asyncio.to_thread(made.read, _PIECE_BYTES):
                yield piece


def _blocking(
    tables: AsyncIterator[pa.Table], loop: asyncio.AbstractEventLoop, gone: threading.Event
) -> Iterator[pa.Table]:
    """Yield in a thread what comes from the event loop, until nobody wants it any more."""

    async def following() -> pa.Table | None:
        return await anext(tables, None)

    while not gone.is_set():
        table = asyncio.run_coroutine_threadsafe(following(), loop).result(_TIMEOUT_S)
        if table is None:
            return
        yield table


def _write_flatgeobuf(path: Path, tables: Iterator[pa.Table], schema: pa.Schema, target: Target) -> None:
    """Write a FlatGeobuf file with its index; dates stay dates, lists become JSON."""
    import pyogrio

    flat = pa.schema([_flat_field(field) for field in schema if field.name not in {target.geometry, ROW}])
    named = free_name("id", flat.names)
    wkb = pa.field(target.geometry, pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"})
    out = flat.insert(0, pa.field(named, pa.int64())).append(wkb)

    def rows() -> Iterator[pa.RecordBatch]:
        for table in tables:
            columns = [
                tile_column(table.column(field.name).combine_chunks()).cast(field.type)
                if pa.types.is_string(field.type)
                else table.column(field.name).combine_chunks().cast(field.type, safe=False)
                for field in flat
            ]
            geometry = pa.array(shapely.to_wkb(given_geometries(table, target)), pa.binary())
            yield pa.RecordBatch.from_arrays([table.column(ROW).combine_chunks(), *columns, geometry], schema=out)

    failed: list[Exception] = []

    def caught() -> Iterator[pa.RecordBatch]:
        try:
            yield from rows()
        except Exception as err:
            failed.append(err)  # GDAL says only that something did not go well
            raise

    try:
        pyogrio.write_arrow(
            pa.RecordBatchReader.from_batches(out, caught()),
            path,
            driver="FlatGeobuf",
            geometry_name=target.geometry,
            geometry_type="Unknown",
            crs=target.reference.crs.to_wkt(),
        )
    except RuntimeError as err:
        raise (failed[0] if failed else err) from err


def _flat_field(field: pa.Field) -> pa.Field:
    kind = field.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if tile_kind(kind) == "String" and not (pa.types.is_date32(kind) or pa.types.is_timestamp(kind)):
        return pa.field(field.name, pa.string())
    if pa.types.is_decimal(kind) or pa.types.is_uint64(kind) or pa.types.is_float16(kind):
        kind = pa.float64()
    return pa.field(field.name, kind)


def _write_geoparquet(path: Path, tables: Iterator[pa.Table], schema: pa.Schema, target: Target) -> None:
    """Write GeoParquet 1.1 with a covering column, ids in a column of their own."""
    kept = [field for field in schema if field.name not in {target.geometry, ROW}]
    names = [field.name for field in kept]
    identity, covering = free_name("id", names), free_name("bbox", [*names, target.geometry])
    fields = [pa.field(identity, pa.int64()), *kept, pa.field(target.geometry, pa.binary()), pa.field(covering, BOX)]
    out = pa.schema(fields)
    kinds: set[str] = set()
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    with pq.ParquetWriter(path, out, compression="zstd") as writer:
        for group in _grouped(tables):
            geometries = shapely.orient_polygons(given_geometries(group, target))
            kinds |= geometry_kinds(geometries)
            boxes = shapely.bounds(geometries).reshape(-1, 4)
            low, high = np.fmin(low, np.nanmin(boxes[:, :2], axis=0)), np.fmax(high, np.nanmax(boxes[:, 2:], axis=0))
            columns = [
                group.column(ROW),
                *(group.column(name) for name in names),
                pa.array(shapely.to_wkb(geometries), pa.binary()),
                pa.StructArray.from_arrays(list(boxes.T), fields=list(BOX)),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=out))
        bbox = [*low, *high] if np.isfinite(low).all() else [0.0, 0.0, 0.0, 0.0]
        geo = encode_geo(
            column=target.geometry,
            covering=covering,
            crs=target.reference.crs,
            geometry_types=sorted(kinds),
            bbox=[float(value) for value in bbox],
        )
        writer.add_key_value_metadata({KEY: geo})


def _grouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield tables of a good size for a row group, from small ones."""
    held: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        held.append(table)
        rows, size = rows + table.num_rows, size + table.nbytes
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.concat_tables(held)
            held, rows, size = [], 0, 0
    if rows:
        yield pa.concat_tables(held)
