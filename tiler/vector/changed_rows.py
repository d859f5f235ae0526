"""Changes as rows of the file they were made to."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import shapely

from core.changes import Change
from tiler.vector.attributes import tile_kind


def put_in(table: pa.Table, first: int, changes: Mapping[int, Change], geometry_column: str, covering: str) -> pa.Table:
    """Return rows of a file as they are after changes.

    Args:
        table: Some rows, all columns or some.
        first: Number of the first of them.
        changes: By the numbers of the rows, others included.
        geometry_column: As for `rows_of`.
        covering: As for `rows_of`.
    """
    own = [number for number in range(first, first + table.num_rows) if number in changes] if changes else []
    if not own:
        return table
    order = np.arange(table.num_rows)
    order[np.array(own) - first] = table.num_rows + np.arange(len(own))
    fresh = rows_of([changes[number] for number in own], table.schema, geometry_column, covering)
    return pa.concat_tables([table, fresh]).take(order)


def rows_of(changes: Sequence[Change | None], schema: pa.Schema, geometry_column: str, covering: str) -> pa.Table:
    """Return features as rows; a removed one is a row of nulls.

    Args:
        changes: The features as they are now; None for what never was.
        schema: Columns of the file, or some of them.
        geometry_column: Name of the geometries.
        covering: Name of the column with their boxes; empty for none.
    """
    there = [change if change is not None and change.geometry else None for change in changes]
    wkb = [None if change is None else change.geometry for change in there]
    columns = []
    for field in schema:
        if field.name == geometry_column:
            columns.append(pa.array(wkb, field.type))
        elif field.name == covering:
            boxes = shapely.bounds(shapely.from_wkb(np.array(wkb, object))).reshape(-1, 4)
            columns.append(pa.StructArray.from_arrays(list(boxes.T), fields=list(field.type)))
        else:
            given = [None if change is None else change.properties.get(field.name) for change in there]
            columns.append(column_of(given, field.type))
    return pa.table(columns, schema=schema)


def column_of(given: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return values in the type of a column; what cannot be one is null."""
    try:
        return _converted(given, kind)
    except (pa.ArrowException, msgspec.DecodeError, OverflowError, TypeError):
        return pa.concat_arrays([_one(value, kind) for value in given])


def _one(value: Any, kind: pa.DataType) -> pa.Array:
    try:
        return _converted([value], kind)
    except (pa.ArrowException, msgspec.DecodeError, OverflowError, TypeError):
        return pa.nulls(1, kind)


def _converted(given: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return kind.wrap_array(_converted(given, kind.storage_type))
    if not tile_kind(kind):
        return pa.nulls(len(given), kind)
    if pa.types.is_dictionary(kind):
        return _converted(given, kind.value_type).dictionary_encode().cast(kind)
    if pa.types.is_nested(kind):
        return pa.array([None if value is None else msgspec.json.decode(value) for value in given], kind)
    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        return pa.array([None if value is None else str(value) for value in given], pa.string()).cast(kind)
    return pa.array(given).cast(kind) if all(value is None for value in given) else pa.array(given, kind)
