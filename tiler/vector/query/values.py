"""Values of features as filters compare them, and the steps that are taken on whole columns."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from core.errors import BadRequest
from tiler.vector.attributes import tile_column, tile_kind

Kind = Literal["number", "text", "boolean", "instant", "other"]

Values: TypeAlias = pa.Array | pa.Scalar
"""One value a row, or one for all rows; missing is null, and so are numbers that are none."""

_EXACT = 1 << 53
_LIKE_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "%": np.fmod,
    "div": lambda a, b: np.trunc(np.divide(a, b)),
}
ARITHMETIC = frozenset(_LIKE_ARITHMETIC)
"""Operators of CQL2 on numbers."""


class Rows:
    """Features that lie one after the other in a file; columns are made ready when first asked for."""

    def __init__(self, table: pa.Table, geometry: str) -> None:
        self._table, self._geometry = table, geometry
        self._ready: dict[str, pa.Array] = {}
        self.count = table.num_rows

    def column(self, name: str) -> pa.Array:
        """Return the values of an attribute."""
        if name not in self._ready:
            self._ready[name] = comparable(self._table.column(name).combine_chunks())
        return self._ready[name]

    @cached_property
    def geometries(self) -> NDArray[np.object_]:
        """Geometries in two dimensions, None where there is none, shape (n,)."""
        column = self._table.column(self._geometry).combine_chunks()
        return np.asarray(shapely.force_2d(shapely.from_wkb(column.to_numpy(zero_copy_only=False))))


def kind_of_values(kind: pa.DataType) -> Kind:
    """Return what the values of a column are to a filter."""
    if isinstance(kind, pa.BaseExtensionType):
        return kind_of_values(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return kind_of_values(kind.value_type)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "instant"
    if pa.types.is_nested(kind) or pa.types.is_temporal(kind):
        return "other"
    names: dict[str, Kind] = {"Number": "number", "String": "text", "Boolean": "boolean"}
    return names.get(tile_kind(kind), "other")


def comparable(column: pa.Array) -> pa.Array:
    """Return a column as bool, int64, float64, string, or timestamp in microseconds (UTC)."""
    if isinstance(column.type, pa.BaseExtensionType):
        return comparable(column.storage)
    if pa.types.is_dictionary(column.type):
        return comparable(column.dictionary_decode())
    kind = kind_of_values(column.type)
    if kind == "other":
        return pc.if_else(column.is_null(), pa.scalar(None, pa.bool_()), True)
    if kind == "instant":
        return column.cast(pa.timestamp("us"), safe=False)
    values = tile_column(column)
    return pc.if_else(pc.is_nan(values), None, values) if pa.types.is_floating(values.type) else values


def instant(text: str) -> datetime:
    """Return a date (its midnight) or a time of RFC 3339, in UTC and without a zone.

    Raises:
        BadRequest: It is none.
    """
    try:
        if len(text) == len("2020-01-01"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - UTC by our own rule, as pyarrow compares
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise BadRequest(f"{text[:60]!r} is not a date or a time", "write 2020-01-01 or 2020-01-01T12:00:00Z") from None


def number(value: float) -> int | float:
    """Return a number as int where it is one that int64 holds: the text parser gives all as float."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    try:
        return float(value) if abs(value) >= 1 << 63 else value
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def compare(operator: str, left: Values, right: Values) -> Values:
    """Return where a comparison holds: null where a side is missing.

    Args:
        operator: `=`, `<>`, `<`, `<=`, `>`, `>=`.
        left: Of the kind of `right`.
        right: Of the kind of `left`.
    """
    if left.type != right.type:
        left, right = _as_float(left), _as_float(right)
    names = {"=": "equal", "<>": "not_equal", "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
    return pc.call_function(names[operator], [left, right])


def calculate(operator: str, left: Values, right: Values) -> Values:
    """Return the result of arithmetic in float64: missing where a side is, or where it is no finite number."""
    a, b = (_floats(side) for side in (left, right))
    with np.errstate(all="ignore"):
        result = np.asarray(_LIKE_ARITHMETIC[operator](a, b), dtype=np.float64)
    if result.ndim == 0:
        return pa.scalar(float(result) if np.isfinite(result) else None, pa.float64())
    return pa.array(result, mask=~np.isfinite(result))


def fold_case(values: Values) -> Values:
    """Return text in which case is of no account."""
    return pc.utf8_lower(pc.utf8_upper(values))


def fold_accents(values: Values) -> Values:
    """Return text without its accents."""
    return pc.replace_substring_regex(pc.utf8_normalize(values, form="NFD"), r"\p{Mn}", "")


def _floats(values: Values) -> NDArray[np.float64]:
    if isinstance(values, pa.Scalar):
        return np.asarray(np.nan if values.as_py() is None else float(values.as_py()))
    return np.asarray(_as_float(values).to_numpy(zero_copy_only=False), dtype=np.float64)


def _as_float(values: Values) -> Values:
    if isinstance(values, pa.Scalar):
        return pa.scalar(None if values.as_py() is None else float(values.as_py()), pa.float64())
    return values.cast(pa.float64(), safe=False)
