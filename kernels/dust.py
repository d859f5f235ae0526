"""Features too small to be seen: which of them stand for all."""

import math

import numpy as np
from numba import njit, types, void

from kernels.signature import BYTES, KINDS, NUMBERS

SIZES = types.Array(types.float64, 1, "C", readonly=True)


@njit(void(NUMBERS, KINDS, NUMBERS, SIZES, SIZES, BYTES), cache=True, nogil=True)
def stand_in(order, kinds, blocks, sizes, wholes, chosen):
    """Mark a feature whenever those of a block have added up to a whole one more.

    Args:
        order: Features, those of a kind and a block one after the other, shape (n,).
        kinds: Kind of each feature, shape (n,).
        blocks: Number of the block of each, shape (n,).
        sizes: Area or length of each, shape (n,).
        wholes: What of it makes a whole one, shape (n,).
        chosen: 1 for those that are marked, else 0, shape (n,). Modified.
    """
    total = 0.0
    for k in range(order.size):
        feature = order[k]
        if k == 0 or kinds[feature] != kinds[order[k - 1]] or blocks[feature] != blocks[order[k - 1]]:
            total = 0.0
        before = math.floor(total / wholes[feature] + 0.5)
        total += sizes[feature]
        chosen[feature] = np.uint8(1 if math.floor(total / wholes[feature] + 0.5) > before else 0)
