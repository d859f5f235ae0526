"""Conditions: filters bound to the columns of a layer, which tell of rows whether they hold."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import BadRequest
from core.layer import Bounds
from tiler.vector.query.filter_read import Node
from tiler.vector.query.footer import GroupStatistics
from tiler.vector.query.spatial import Place, find_place
from tiler.vector.query.values import (
    ARITHMETIC,
    Kind,
    Rows,
    Values,
    calculate,
    compare,
    fold_accents,
    fold_case,
    instant,
    kind_of_values,
    number,
)

_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_FOLDS = {"casei": fold_case, "accenti": fold_accents}
_KNOWN = ("and", "or", "not", *_MIRRORED, "like", "in", "between", "isNull", *sorted(ARITHMETIC), *_FOLDS, "s_...")


class Condition(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """Something that holds or not of each feature."""

    columns: frozenset[str]
    """Columns of the file it looks at."""

    holds: Callable[[Rows], Values]
    """Where it holds: bool, null where that cannot be said."""

    may: Callable[[GroupStatistics], bool]
    """Whether it may hold of any feature of a row group."""

    box: Bounds | None = None
    """Box in the CRS of the layer that the box of each feature meets of which it holds; None where none is known."""


class _Term(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A value that is compared."""

    kind: Kind
    columns: frozenset[str]
    values: Callable[[Rows], Values]
    name: str = ""
    """The property, when it is one and nothing is done to it."""
    literal: Any = None
    """The value, when it is written in the filter."""


class Names(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """What a filter may name."""

    schema: pa.Schema
    """Attributes: no geometry and no boxes."""

    place: Place
    """The geometries."""


def bind(node: Node, names: Names) -> Condition:
    """Return the condition of a filter.

    Args:
        node: Tree of CQL2 JSON, as `parse_filter` returns it.
        names: What it may name.

    Raises:
        BadRequest: It names or compares what cannot be.
    """
    if isinstance(node, bool):
        return Condition(columns=frozenset(), holds=lambda _rows: pa.scalar(node), may=lambda _group: node)
    if isinstance(node, dict) and "property" in node:
        term = _term(node, names)
        if term.kind != "boolean":
            raise BadRequest(f"{term.name!r} is {term.kind}, not a condition", "compare it with a value")
        return Condition(columns=term.columns, holds=term.values, may=_always)
    operator, args = _operation(node)
    if operator in {"and", "or"}:
        return _joined(operator, [bind(arg, names) for arg in args])
    if operator == "not":
        _count(operator, args, 1)
        inner = bind(args[0], names)
        return Condition(columns=inner.columns, holds=lambda rows: pc.invert(inner.holds(rows)), may=_always)
    if operator.startswith("s_"):
        _count(operator, args, 2)
        test = find_place(operator, args[0], args[1], names.place)
        return Condition(
            columns=frozenset({names.place.column}),
            holds=lambda rows: pa.array(test.holds(rows)),
            may=test.may,
            box=test.box,
        )
    if operator == "isNull":
        return _is_null(args, names)
    if operator in _MIRRORED:
        _count(operator, args, 2)
        return _compared(operator, _term(args[0], names), _term(args[1], names))
    if operator == "between":
        _count(operator, args, 3)
        value, low, high = (_term(arg, names) for arg in args)
        return _joined("and", [_compared(">=", value, low), _compared("<=", value, high)])
    if operator == "in":
        _count(operator, args, 2)
        if not isinstance(args[1], list) or not args[1]:
            raise BadRequest(f"`in` wants a list and has {args[1]!r:.60}", "write a IN (1, 2)")
        value = _term(args[0], names)
        return _joined("or", [_compared("=", value, _term(one, names)) for one in args[1]])
    if operator == "like":
        return _like(args, names)
    raise BadRequest(f"{operator!r:.60} is no condition that is known", f"known are {', '.join(_KNOWN)}")


def both(conditions: Sequence[Condition]) -> Condition:
    """Return the condition that holds where all do."""
    return _joined("and", list(conditions)) if conditions else bind(True, _NOTHING)


def _joined(operator: str, parts: list[Condition]) -> Condition:
    if not parts:
        raise BadRequest(f"{operator!r} joins nothing", "give it conditions")
    step, quantifier = (pc.and_kleene, all) if operator == "and" else (pc.or_kleene, any)

    def holds(rows: Rows) -> Values:
        result = parts[0].holds(rows)
        for part in parts[1:]:
            result = step(result, part.holds(rows))
        return result

    return Condition(
        columns=frozenset().union(*(part.columns for part in parts)),
        holds=holds,
        may=lambda group: quantifier(part.may(group) for part in parts),
        box=_shared([part.box for part in parts]) if operator == "and" else None,
    )


def _shared(boxes: list[Bounds | None]) -> Bounds | None:
    """Return the smallest of boxes that each have to be met; what they share need not be met."""
    known = [box for box in boxes if box is not None]
    return min(known, key=lambda box: (box[2] - box[0]) * (box[3] - box[1])) if known else None


def _is_null(args: list[Node], names: Names) -> Condition:
    _count("isNull", args, 1)
    if args[0] == {"property": names.place.column} or args[0] == {"property": "geometry"}:
        return Condition(
            columns=frozenset({names.place.column}),
            holds=lambda rows: pa.array([one is None for one in rows.geometries], pa.bool_()),
            may=_always,
        )
    term = _term(args[0], names)
    return Condition(columns=term.columns, holds=lambda rows: pc.is_null(term.values(rows)), may=_always)


def _compared(operator: str, left: _Term, right: _Term) -> Condition:
    left, right = _as_instant(left, right), _as_instant(right, left)
    if left.kind != right.kind or left.kind == "other":
        raise BadRequest(
            f"{_say(left)} ({left.kind}) and {_say(right)} ({right.kind}) cannot be compared by {operator}",
            "compare values of one kind",
        )
    if left.kind == "boolean" and operator not in {"=", "<>"}:
        raise BadRequest(f"{_say(left)} and {_say(right)} have no order for {operator}", "use = or <>")
    if right.name and left.literal is not None:
        left, right, operator = right, left, _MIRRORED[operator]
    return Condition(
        columns=left.columns | right.columns,
        holds=lambda rows: compare(operator, left.values(rows), right.values(rows)),
        may=lambda group: _may_compare(operator, left, right, group),
    )


def _may_compare(operator: str, left: _Term, right: _Term, group: GroupStatistics) -> bool:
    """Tell from the range of a number or a text whether a comparison with a literal may hold."""
    found = group.range(left.name) if left.name and right.literal is not None else None
    if found is None or operator == "<>" or left.kind not in {"number", "text"}:
        return True
    low, high = found
    if left.kind == "number":
        slack = 1e-6 * max(abs(float(low)), abs(float(high)))  # float32 is compared as its shortest decimal
        low, high = float(low) - slack, float(high) + slack
        if low != low or high != high:  # noqa: PLR0124 - that is how NaN shows
            return True
    elif not isinstance(low, str) or not isinstance(high, str):
        return True
    value = right.literal
    return bool({"=": low <= value <= high, "<": low < value, "<=": low <= value}.get(operator, high >= value))


def _like(args: list[Node], names: Names) -> Condition:
    _count("like", args, 2)
    value, pattern = (_term(arg, names) for arg in args)
    if value.kind != "text" or pattern.kind != "text" or pattern.columns:
        raise BadRequest(
            f"LIKE compares a text with a pattern, not {_say(value)} with {_say(pattern)}", "quote it: 'a%'"
        )

    def holds(rows: Rows) -> Values:
        return pc.match_like(value.values(rows), pattern=pattern.values(rows).as_py())

    return Condition(columns=value.columns, holds=holds, may=_always)


def _term(node: Node, names: Names) -> _Term:
    if isinstance(node, bool):
        return _literal("boolean", node)
    if isinstance(node, int | float):
        return _literal("number", number(node))
    if isinstance(node, str):
        return _literal("text", node)
    if isinstance(node, dict) and "property" in node:
        name = str(node["property"])
        if name not in names.schema.names:
            known = ", ".join([*names.schema.names, names.place.column])
            raise BadRequest(f"the layer has no property {name!r:.80}", f"it has {known:.500}")
        kind = kind_of_values(names.schema.field(name).type)
        return _Term(kind=kind, columns=frozenset({name}), values=lambda rows: rows.column(name), name=name)
    if isinstance(node, dict) and ("date" in node or "timestamp" in node):
        return _literal("instant", instant(str(node.get("date", node.get("timestamp")))))
    operator, args = _operation(node)
    if operator in _FOLDS:
        _count(operator, args, 1)
        return _done(operator, [_term(args[0], names)], "text")
    if operator in ARITHMETIC:
        if len(args) == 1 and operator == "-":
            args = [0, *args]
        _count(operator, args, 2)
        return _done(operator, [_term(arg, names) for arg in args], "number")
    raise BadRequest(f"{operator!r:.60} gives no value that is known", f"known are {', '.join(_KNOWN)}")


def _done(operator: str, terms: list[_Term], kind: Kind) -> _Term:
    """Return what an operator makes of terms of its kind."""
    for term in terms:
        if term.kind != kind:
            raise BadRequest(f"{operator} wants {kind}, not {_say(term)} ({term.kind})", "give it the right kind")
    step: Callable[..., Values] = _FOLDS.get(operator) or partial(calculate, operator)
    return _Term(
        kind=kind,
        columns=frozenset().union(*(term.columns for term in terms)),
        values=lambda rows: step(*(term.values(rows) for term in terms)),
    )


def _literal(kind: Kind, value: Any) -> _Term:
    types = {"boolean": pa.bool_(), "text": pa.string(), "instant": pa.timestamp("us")}
    if kind == "number":
        scalar = pa.scalar(value, pa.int64() if isinstance(value, int) else pa.float64())
    else:
        scalar = pa.scalar(value, types[kind])
    return _Term(kind=kind, columns=frozenset(), values=lambda _rows: scalar, literal=value)


def _as_instant(term: _Term, other: _Term) -> _Term:
    """Read a text as a time where it is compared with one."""
    if other.kind == "instant" and isinstance(term.literal, str):
        return _literal("instant", instant(term.literal))
    return term


def _operation(node: Node) -> tuple[str, list[Node]]:
    if not isinstance(node, dict) or not isinstance(node.get("op"), str) or not isinstance(node.get("args"), list):
        raise BadRequest(f"{node!r:.80} is no part of a filter", "CQL2 JSON has an `op` and a list of `args`")
    operator = node["op"]
    lowered = operator.lower()
    return ("isNull" if lowered == "isnull" else lowered), node["args"]


def _count(operator: str, args: list[Node], wanted: int) -> None:
    if len(args) != wanted:
        raise BadRequest(f"{operator!r} has {len(args)} arguments", f"give it {wanted}")


def _say(term: _Term) -> str:
    return repr(term.name or term.literal)[:60] if term.name or term.literal is not None else "an expression"


def _always(_group: GroupStatistics) -> bool:
    return True


_NOTHING = Names(schema=pa.schema([]), place=Place(column="", crs=None, reference=None))
