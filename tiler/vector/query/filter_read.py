"""Filters in CQL2 (OGC 21-065r2), text or JSON, as one tree: that of CQL2 JSON."""

import re
from typing import Any, Literal

import msgspec

from core.errors import BadRequest

MAX_BYTES = 16_384
"""Longest filter."""

MAX_DEPTH = 100
"""Deepest nesting of a filter."""

_MOST_OPENED = 256
"""Parentheses of a text: its parser descends in each and has the stack of its thread alone."""

_NUMBERS = re.compile(r"\([-+0-9.,eE\s]*\)")
_UNARY = re.compile(r"(?:(?:\bnot\b|[-+])\s*){8}", re.IGNORECASE)

_UNFIT = re.compile(r"[\0\ud800-\udfff]")

Language = Literal["cql2-text", "cql2-json"]
Node = Any
"""A value of CQL2 JSON: an operation, a property, a literal."""


def parse_filter(text: str, language: Language) -> Node:
    """Return the tree of a filter; names and types in it are not looked at.

    Raises:
        BadRequest: It is not CQL2; the message says where.
    """
    size = len(text.encode(errors="replace"))
    if size > MAX_BYTES:
        raise BadRequest(f"the filter has {size:,} bytes", f"say it in {MAX_BYTES:,}")
    if _UNFIT.search(text):
        raise BadRequest("the filter holds characters that are no text", "leave them out")
    tree = _read_json(text) if language == "cql2-json" else _read_text(text)
    _check_depth(tree)
    return tree


def _read_json(text: str) -> Node:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise BadRequest("the filter is nested too deeply", "say it in a simpler way") from None
    except msgspec.DecodeError as err:
        raise BadRequest(f"the filter is not CQL2 JSON ({err!s:.150})", _remedy("cql2-json")) from None


def _read_text(text: str) -> Node:
    from cql2 import ParseError, parse_text

    opened = _NUMBERS.sub("", text).count("(")
    if opened > _MOST_OPENED or _UNARY.search(text) or text.count("^") > _MOST_OPENED:
        raise BadRequest(f"the filter is nested too deeply ({opened} parentheses)", "say it in a simpler way")
    try:
        return parse_text(text).to_json()
    except ParseError as err:
        raise BadRequest(f"the filter is not CQL2 text ({_where(str(err), text)})", _remedy("cql2-text")) from None
    except BaseException as err:  # a panic of the parser is no Exception
        if isinstance(err, KeyboardInterrupt | SystemExit):
            raise
        raise BadRequest(f"the filter {text[:100]!r} is not understood", _remedy("cql2-text")) from None


def _where(message: str, text: str) -> str:
    """Return the column and what was expected, from the message of the parser."""
    at = re.search(r"--> (\d+):(\d+)", message)
    expected = re.search(r"= (expected .*)", message)
    if at is None:
        return " ".join(message.split())[:200]
    line, column = int(at[1]), int(at[2])
    rest = text.splitlines()[line - 1][column - 1 : column + 19] if text else ""
    return f"at line {line}, column {column}, {rest!r}: {expected[1] if expected else 'unexpected'}"[:300]


def _check_depth(tree: Node) -> None:
    level, depth = [tree], 0
    while level:
        depth += 1
        if depth > 2 * MAX_DEPTH:
            raise BadRequest(f"the filter is nested more than {MAX_DEPTH} deep", "say it in a simpler way")
        below: list[Node] = []
        for node in level:
            if isinstance(node, dict):
                below += node.values()
            elif isinstance(node, list):
                below += node
        level = below


def _remedy(language: Language) -> str:
    example = "height > 10 AND usage = 'Religieux'"
    if language == "cql2-json":
        example = '{"op": ">", "args": [{"property": "height"}, 10]}'
    return f"see OGC 21-065r2; for instance {example}"
