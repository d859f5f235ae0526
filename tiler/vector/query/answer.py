"""Features as text, given as they come: GeoJSON and CSV."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from tiler.vector.attributes import tile_column
from tiler.vector.query.reference import Reference, flip, move
from tiler.vector.query.selection import ROW


class Target(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """From which column and CRS to which CRS features are given."""

    geometry: str
    """Column of the geometries, WKB."""

    stored: CRS
    """CRS of the layer."""

    reference: Reference
    """CRS of the answer."""


def geojson_features(table: pa.Table, target: Target) -> list[bytes]:
    """Return each feature as GeoJSON (RFC 7946): outer rings against the clock, coordinates in the order of the CRS.

    Args:
        table: Attributes, the geometry and `ROW`.
        target: CRS of the answer.
    """
    geometries = shapely.orient_polygons(given_geometries(table, target))
    if target.reference.north_first:
        geometries = flip(geometries)
    places = shapely.to_geojson(geometries)
    names = [name for name in table.column_names if name not in {target.geometry, ROW}]
    columns = [_plain(table.column(name)) for name in names]
    features = []
    for row, (number, place) in enumerate(zip(table.column(ROW).to_pylist(), places, strict=True)):
        feature = {
            "type": "Feature",
            "id": number,
            "geometry": msgspec.Raw((place or "null").encode()),
            "properties": {name: column[row] for name, column in zip(names, columns, strict=True)},
        }
        features.append(msgspec.json.encode(feature))
    return features


async def geojson(tables: AsyncIterator[pa.Table], target: Target) -> AsyncIterator[bytes]:
    """Yield a FeatureCollection, table by table."""
    yield b'{"type":"FeatureCollection","features":['
    before = b""
    async for table in tables:
        if table.num_rows:
            yield before + b",".join(await asyncio.to_thread(geojson_features, table, target))
            before = b","
    yield b"]}"


async def csv(tables: AsyncIterator[pa.Table], schema: pa.Schema, target: Target) -> AsyncIterator[bytes]:
    """Yield CSV (RFC 4180): a line of names, then `id`, the attributes and the geometry as WKT.

    Args:
        tables: Features.
        schema: Columns of the tables.
        target: CRS of the answer.
    """
    yield await asyncio.to_thread(_csv_lines, schema.empty_table(), target, header=True)
    async for table in tables:
        yield await asyncio.to_thread(_csv_lines, table, target, header=False)


def given_geometries(table: pa.Table, target: Target) -> NDArray[np.object_]:
    """Return the geometries of a table in the CRS of the answer, x then y, shape (n,)."""
    column = table.column(target.geometry).combine_chunks().to_numpy(zero_copy_only=False)
    stored = np.asarray(shapely.from_wkb(column), dtype=object)
    return move(stored, target.stored, target.reference.crs)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """Return values that JSON has, lists and structures as they are."""
    whole = column.combine_chunks()
    if pa.types.is_nested(whole.type):
        return cast("list[Any]", whole.to_pylist())
    values: list[Any] = tile_column(whole).to_pylist()
    return [None if isinstance(one, float) and not np.isfinite(one) else one for one in values]


def _csv_lines(table: pa.Table, target: Target, *, header: bool) -> bytes:
    geometries = given_geometries(table, target)
    if target.reference.north_first:
        geometries = flip(geometries)
    names = [name for name in table.column_names if name not in {target.geometry, ROW}]
    columns = [tile_column(table.column(name).combine_chunks()) for name in names]
    written = pa.Table.from_arrays(
        [table.column(ROW), *columns, pa.array(shapely.to_wkt(geometries, rounding_precision=-1), pa.string())],
        names=["id", *names, target.geometry],
    )
    sink = io.BytesIO()
    pa_csv.write_csv(written, sink, pa_csv.WriteOptions(include_header=header))
    return sink.getvalue()
