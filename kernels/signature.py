"""Types of arrays that kernels of vectors take: read-only ones are given, the others written."""

from numba import types

KINDS = types.Array(types.uint8, 1, "C", readonly=True)
OFFSETS = types.Array(types.uint32, 1, "C", readonly=True)
VERTICES = types.Array(types.int32, 2, "C", readonly=True)
NUMBERS = types.Array(types.int64, 1, "C", readonly=True)
CODES = types.Array(types.uint32, 2, "C", readonly=True)
IDS = types.Array(types.uint64, 1, "C", readonly=True)
TEXT = types.Array(types.uint8, 1, "C", readonly=True)

LIST = types.int64[::1]
REALS = types.float64[::1]
BYTES = types.uint8[::1]
COUNTS = types.uint32[::1]
PAIRS = types.int32[:, ::1]
