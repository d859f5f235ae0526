"""Attributes as tiles carry them: booleans, numbers and text (Vector Tile Specification 2.1, clause 4.4)."""

from collections.abc import Iterable

import msgspec
import pyarrow as pa
import pyarrow.compute as pc


def tile_kind(kind: pa.DataType) -> str:
    """Return `String`, `Number` or `Boolean` (TileJSON 3.0, clause 3.3.3), empty for what tiles do not carry."""
    if isinstance(kind, pa.BaseExtensionType):
        return tile_kind(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return tile_kind(kind.value_type)
    if pa.types.is_boolean(kind):
        return "Boolean"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "Number"
    if _is_text(kind) or pa.types.is_temporal(kind) or pa.types.is_nested(kind):
        return "String"
    return ""


def tile_fields(fields: Iterable[pa.Field]) -> dict[str, str]:
    """Return the attributes that tiles carry and their kinds, for `vector_layers.fields` of TileJSON."""
    kinds = {field.name: tile_kind(field.type) for field in fields}
    return {name: kind for name, kind in kinds.items() if kind}


def tile_column(column: pa.Array) -> pa.Array:
    """Return a column as bool, int64, float64 or string.

    Dates and times become ISO 8601 text, lists and structures JSON.

    Args:
        column: Values of a type that `tile_kind` knows.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return tile_column(column.storage)
    if pa.types.is_dictionary(kind):
        return tile_column(column.dictionary_decode())
    if pa.types.is_boolean(kind):
        return column
    if pa.types.is_integer(kind):
        return column.cast(pa.float64() if pa.types.is_uint64(kind) else pa.int64(), safe=False)
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return column.cast(pa.float32()).cast(pa.string()).cast(pa.float64())  # 0.1 stays 0.1
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64(), safe=False)
    if pa.types.is_timestamp(kind):
        return pc.replace_substring(column.cast(pa.string()), " ", "T", max_replacements=1)
    if pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind):
        return pa.array([None if value is None else _json(value) for value in column.to_pylist()], pa.string())
    return column.cast(pa.string())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
