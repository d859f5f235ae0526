"""What of a layer a tile is asked to show: some attributes, and the features of which a filter holds."""

from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from core.errors import BadRequest
from tiler.vector.query.condition import Condition, Names, bind
from tiler.vector.query.filter_read import Language, parse_filter
from tiler.vector.query.spatial import Place
from tiler.vector.query.values import Rows
from tiler.vector.values import Values, codes_of, decode_values

_TYPES = {"Number": pa.float64(), "String": pa.string(), "Boolean": pa.bool_()}
"""Types that filters see, by the kinds of TileJSON."""


class Selection(msgspec.Struct, frozen=True):
    """What a tile is asked to show."""

    keys: tuple[str, ...] | None = None
    """Attributes, sorted; None for all."""

    filter: str = ""
    """Condition in CQL2; empty for all features."""

    language: Language = "cql2-text"


EVERYTHING = Selection()


def check_selection(properties: str | None, text: str, language: str, fields: dict[str, str]) -> Selection:
    """Return what a request asks.

    Args:
        properties: Names of attributes, separated by commas; None where nothing was said.
        text: The filter; empty for none.
        language: `cql2-text` or `cql2-json`.
        fields: Attributes of the layer and their kinds.

    Raises:
        BadRequest: An attribute is not known, or the filter is not understood.
    """
    if language not in {"cql2-text", "cql2-json"}:
        raise BadRequest(f"{language[:40]!r} is no language of filters", "use filter-lang=cql2-text or cql2-json")
    keys = None if properties is None else tuple(sorted({name for name in properties.split(",") if name}))
    unknown = [name for name in keys or () if name not in fields]
    if unknown:
        raise BadRequest(f"the layer has no attribute {unknown[0][:80]!r}", f"it has {', '.join(fields) or 'none'}")
    selection = Selection(keys, text, "cql2-json" if language == "cql2-json" else "cql2-text")
    if text:
        _condition(text, selection.language, tuple(fields.items()))
    return selection


def rows_that_hold(
    selection: Selection, fields: dict[str, str], values: Values, rows: NDArray[np.uint32]
) -> NDArray[np.bool_]:
    """Tell of which rows the filter of a selection holds.

    Args:
        selection: A checked one.
        fields: Attributes of the layer and their kinds.
        values: Attributes of the layer.
        rows: Shape (n,).
    """
    condition = _condition(selection.filter, selection.language, tuple(fields.items()))
    names = sorted(condition.columns) or list(values.keys[:1])
    table = pa.table({name: _column(values, name, fields[name], rows) for name in names})
    holds = condition.holds(Rows(table, ""))
    if isinstance(holds, pa.Scalar):
        return np.full(len(rows), holds.as_py() is True)
    return np.asarray(pc.fill_null(holds, False).to_numpy(zero_copy_only=False), bool)


@lru_cache(maxsize=256)
def _condition(text: str, language: Language, fields: tuple[tuple[str, str], ...]) -> Condition:
    tree = parse_filter(text, language)
    if _asks_places(tree):
        raise BadRequest("a filter of tiles compares attributes, not places", "a tile is a place already: ask another")
    schema = pa.schema([(name, _TYPES.get(kind, pa.string())) for name, kind in fields])
    return bind(tree, Names(schema=schema, place=Place(column="", crs=None, reference=None)))


def _asks_places(tree: Any) -> bool:
    if isinstance(tree, dict):
        operator = tree.get("op")
        if isinstance(operator, str) and operator.lower().startswith("s_"):
            return True
        return any(_asks_places(value) for value in tree.values())
    return isinstance(tree, list) and any(_asks_places(value) for value in tree)


def _column(values: Values, name: str, kind: str, rows: NDArray[np.uint32]) -> pa.Array:
    codes, places = np.unique(codes_of(values, rows, values.keys.index(name)), return_inverse=True)
    decoded = list(decode_values(values, codes.tolist()))
    if kind == "Number" and any(isinstance(value, float) for value in decoded):
        decoded = [None if value is None else float(value) for value in decoded]
    whole = kind == "Number" and all(value is None or isinstance(value, int) for value in decoded)
    found = pa.array(decoded, pa.int64() if whole else _TYPES.get(kind, pa.string()))
    return found.take(pa.array(places.reshape(-1)))
