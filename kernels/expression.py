"""A machine for expressions on bands: each instruction works on a run of pixels, and nothing is compiled.

The design is that of numexpr's virtual machine: registers hold a run of pixels short enough for the cache.
"""

import math

import numpy as np
from numba import njit, types, void

PROGRAM = types.Array(types.int32, 2, "C", readonly=True)
CONSTANTS = types.Array(types.float32, 1, "C", readonly=True)
PIXELS = types.Array(types.float32, 2, "C", readonly=True)
REGISTERS = types.float32[:, ::1]

RUN = 1024
"""Pixels of a register."""

OPCODES = (
    "band", "constant", "add", "sub", "mul", "div", "pow", "neg", "abs", "sqrt", "log", "log10", "exp", "floor",
    "ceil", "round", "min", "max", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "where", "mod",
)  # fmt: skip
"""Names of the operations, numbered by their place. What is true is 1, what is false 0."""


@njit(void(PROGRAM, CONSTANTS, PIXELS, REGISTERS, types.float32[::1]), cache=True, nogil=True, error_model="numpy")
def evaluate(program, constants, pixels, registers, result):
    """Write the value of an expression for each pixel, NaN where a band is missing or the value is no finite number.

    Args:
        program: Operation, register of the result, and three operands (registers; of `band` and `constant` the number
            of the band or the constant), shape (instructions, 5). The last one writes register 0.
        constants: Shape (n,).
        pixels: Bands the expression names and no others, NaN where missing, shape (pixels, bands).
        registers: Scratch, shape (depth, RUN).
        result: Shape (pixels,). Modified.
    """
    total, bands = pixels.shape
    one, zero = np.float32(1.0), np.float32(0.0)
    for start in range(0, total, RUN):
        size = min(RUN, total - start)
        for at in range(program.shape[0]):
            op = program[at, 0]
            into = registers[program[at, 1]]
            first, second, third = program[at, 2], program[at, 3], program[at, 4]
            if op == 0:
                for i in range(size):
                    into[i] = pixels[start + i, first]
                continue
            if op == 1:
                for i in range(size):
                    into[i] = constants[first]
                continue
            a, b, c = registers[first], registers[second], registers[third]
            if op == 2:
                for i in range(size):
                    into[i] = a[i] + b[i]
            elif op == 3:
                for i in range(size):
                    into[i] = a[i] - b[i]
            elif op == 4:
                for i in range(size):
                    into[i] = a[i] * b[i]
            elif op == 5:
                for i in range(size):
                    into[i] = a[i] / b[i]
            elif op == 6:
                for i in range(size):
                    into[i] = a[i] ** b[i]
            elif op == 7:
                for i in range(size):
                    into[i] = -a[i]
            elif op == 8:
                for i in range(size):
                    into[i] = abs(a[i])
            elif op == 9:
                for i in range(size):
                    into[i] = np.sqrt(a[i])
            elif op == 10:
                for i in range(size):
                    into[i] = np.log(a[i])
            elif op == 11:
                for i in range(size):
                    into[i] = np.log10(a[i])
            elif op == 12:
                for i in range(size):
                    into[i] = np.exp(a[i])
            elif op == 13:
                for i in range(size):
                    into[i] = np.floor(a[i])
            elif op == 14:
                for i in range(size):
                    into[i] = np.ceil(a[i])
            elif op == 15:
                for i in range(size):
                    into[i] = np.rint(a[i])
            elif op == 16:
                for i in range(size):
                    into[i] = a[i] if a[i] < b[i] else b[i]
            elif op == 17:
                for i in range(size):
                    into[i] = a[i] if a[i] > b[i] else b[i]
            elif op == 18:
                for i in range(size):
                    into[i] = one if a[i] < b[i] else zero
            elif op == 19:
                for i in range(size):
                    into[i] = one if a[i] <= b[i] else zero
            elif op == 20:
                for i in range(size):
                    into[i] = one if a[i] > b[i] else zero
            elif op == 21:
                for i in range(size):
                    into[i] = one if a[i] >= b[i] else zero
            elif op == 22:
                for i in range(size):
                    into[i] = one if a[i] == b[i] else zero
            elif op == 23:
                for i in range(size):
                    into[i] = one if a[i] != b[i] else zero
            elif op == 24:
                for i in range(size):
                    into[i] = one if a[i] != zero and b[i] != zero else zero
            elif op == 25:
                for i in range(size):
                    into[i] = one if a[i] != zero or b[i] != zero else zero
            elif op == 26:
                for i in range(size):
                    into[i] = one if a[i] == zero else zero
            elif op == 27:
                for i in range(size):
                    into[i] = b[i] if a[i] != zero else c[i]
            else:
                for i in range(size):
                    into[i] = a[i] - np.floor(a[i] / b[i]) * b[i]
        for i in range(size):
            value = registers[0, i]
            for band in range(bands):
                if np.isnan(pixels[start + i, band]):
                    value = np.float32(np.nan)
            result[start + i] = value if math.isfinite(value) else np.float32(np.nan)
