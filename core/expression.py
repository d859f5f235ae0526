"""Expressions on bands, as `(b4 - b1) / (b4 + b1)`: read as Python's grammar has it, into a list of instructions.

Only what is listed here is known: nothing is looked up, called or imported.
"""

import ast
import math
from functools import lru_cache
from typing import Any

import msgspec

from core.errors import BadRequest

MAX_EXPRESSION = 500
"""Characters of an expression."""

MAX_DEPTH = 32
"""Values an expression may hold at a time."""

_FLOAT32_MAX = 3.4028234663852886e38

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.Mod: "mod",
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
    ast.BitAnd: "and", ast.BitOr: "or", ast.And: "and", ast.Or: "or",
}  # fmt: skip
_FUNCTIONS = {
    "abs": 1, "sqrt": 1, "log": 1, "log10": 1, "exp": 1, "floor": 1, "ceil": 1, "round": 1, "min": 2, "max": 2,
    "where": 3, "clip": 3,
}  # fmt: skip
_REMEDY = f"use bands b1, b2 ..., numbers, + - * / ** %, comparisons, & | ~ and {', '.join(_FUNCTIONS)}"


class Instruction(msgspec.Struct, frozen=True, gc=False):
    """One operation of an expression."""

    operation: str
    """`band`, `constant`, or the name of what is done with values."""
    into: int
    """Register of the result; the last instruction writes register 0."""
    operands: tuple[int, ...]
    """Registers, three at most; of `band` and `constant` the place in `bands` or `constants`."""


class ParsedExpression(msgspec.Struct, frozen=True, gc=False):
    """What an expression computes."""

    bands: tuple[int, ...]
    """Bands it names, numbered from 1, growing."""
    instructions: tuple[Instruction, ...]
    constants: tuple[float, ...]
    depth: int
    """Registers it takes."""


@lru_cache(maxsize=256)
def parse_expression(text: str) -> ParsedExpression:
    """Parse an expression.

    Raises:
        BadRequest: It is not one, or names what is not known.
    """
    if not 0 < len(text) <= MAX_EXPRESSION:
        raise BadRequest(f"an expression has {len(text)} characters", f"give 1 to {MAX_EXPRESSION}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as err:
        raise BadRequest(f"{text[:80]!r} is not an expression", _REMEDY) from err
    writer = _Writer(text)
    writer.write(tree, 0)
    if not writer.bands:
        raise BadRequest(f"{text[:80]!r} names no band", _REMEDY)
    bands = tuple(sorted(writer.bands))
    instructions = tuple(
        Instruction("band", one.into, (bands.index(one.operands[0]),)) if one.operation == "band" else one
        for one in writer.instructions
    )
    return ParsedExpression(bands, instructions, tuple(writer.constants), writer.depth)


class _Writer:
    """Writes the instructions of a tree, each into the register of its depth."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.instructions: list[Instruction] = []
        self.constants: list[float] = []
        self.bands: set[int] = set()
        self.depth = 1

    def write(self, node: ast.AST, into: int) -> None:
        """Write what gives the value of a node in a register."""
        if into >= MAX_DEPTH:
            raise BadRequest(f"{self._text[:80]!r} is nested too deep", f"nest {MAX_DEPTH} deep at most")
        self.depth = max(self.depth, into + 1)
        match node:
            case ast.Constant(value=bool() | int() | float() as value) if _is_float32(value):
                self.constants.append(float(value))
                self._add("constant", into, len(self.constants) - 1)
            case ast.Name(id=name) if _band(name):
                self.bands.add(_band(name))
                self._add("band", into, _band(name))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                self._apply("neg", into, [operand])
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                self.write(operand, into)
            case ast.UnaryOp(op=ast.Invert() | ast.Not(), operand=operand):
                self._apply("not", into, [operand])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                self._apply(_OPERATORS[type(op)], into, [left, right])
            case ast.BoolOp(op=op, values=values):
                self._chain(_OPERATORS[type(op)], into, values)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
                self._apply(_OPERATORS[type(op)], into, [left, right])
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                self._call(name, into, args)
            case _:
                raise self._unknown(node)

    def _call(self, name: str, into: int, args: list[Any]) -> None:
        if name in {"min", "max"} and len(args) >= 2:
            self._chain(name, into, args)
        elif len(args) != _FUNCTIONS[name]:
            raise BadRequest(f"{name} in {self._text[:80]!r} has {len(args)} values", f"give it {_FUNCTIONS[name]}")
        elif name == "clip":
            self._apply("max", into, args[:2])
            self.write(args[2], into + 1)
            self._add("min", into, into, into + 1)
        else:
            self._apply(name, into, args)

    def _chain(self, name: str, into: int, args: list[Any]) -> None:
        self.write(args[0], into)
        for arg in args[1:]:
            self.write(arg, into + 1)
            self._add(name, into, into, into + 1)

    def _apply(self, name: str, into: int, args: list[Any]) -> None:
        for place, arg in enumerate(args):
            self.write(arg, into + place)
        self._add(name, into, *(into + place for place in range(len(args))))

    def _add(self, name: str, into: int, *operands: int) -> None:
        self.instructions.append(Instruction(name, into, operands))

    def _unknown(self, node: ast.AST) -> BadRequest:
        what = ast.get_source_segment(self._text.strip(), node) or type(node).__name__
        return BadRequest(f"{what[:60]!r} cannot be used in an expression", _REMEDY)


def _is_float32(value: float) -> bool:
    try:
        return math.isfinite(float(value)) and abs(float(value)) <= _FLOAT32_MAX
    except OverflowError:
        return False


def _band(name: str) -> int:
    """Return the number of a band's name, 0 when it is none."""
    digits = name[1:]
    plain = name[:1] == "b" and digits.isascii() and digits.isdigit() and len(digits) <= 5
    return int(digits) if plain and int(digits) <= 65_535 else 0
