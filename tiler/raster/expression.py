"""Expressions on bands as programs for `kernels.expression`, and their run on pixels."""

from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.expression import parse_expression
from kernels.expression import OPCODES, RUN, evaluate

_NUMBERS = {name: number for number, name in enumerate(OPCODES)}


class Expression(msgspec.Struct, frozen=True, gc=False, eq=False):
    """An expression ready to be run."""

    bands: tuple[int, ...]
    """Bands it names, numbered from 1, growing."""
    program: NDArray[np.int32]
    constants: NDArray[np.float32]
    depth: int


@lru_cache(maxsize=256)
def read_expression(text: str) -> Expression:
    """Read an expression.

    Raises:
        BadRequest: It is not one, or names what is not known.
    """
    parsed = parse_expression(text)
    lines = [
        [_NUMBERS[one.operation], one.into, *one.operands, *([0] * (3 - len(one.operands)))]
        for one in parsed.instructions
    ]
    constants = np.array(parsed.constants or (0.0,), np.float32)
    return Expression(parsed.bands, np.array(lines, np.int32), constants, parsed.depth)


def run_expression(expression: Expression, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the value of each pixel, NaN where a band is missing or the value is no finite number.

    Args:
        expression: What to compute.
        values: The expression's bands in its order, NaN where missing, shape (rows, cols, bands).

    Returns:
        Shape (rows, cols).
    """
    rows, cols, bands = values.shape
    result = np.empty(rows * cols, np.float32)
    registers = np.empty((expression.depth, RUN), np.float32)
    pixels = np.ascontiguousarray(values).reshape(-1, bands)
    evaluate(expression.program, expression.constants, pixels, registers, result)
    return result.reshape(rows, cols)
