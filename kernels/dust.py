"""Features too small to be seen: which of them stand for all."""

import math

import numpy as np
from numba import njit, types, void

from kernels.hilbert import hilbert_place
from kernels.shapes import copy_feature
from kernels.signature import BYTES, COUNTS, KINDS, LIST, NUMBERS, OFFSETS, PAIRS, VERTICES

DUST = 8
"""Side of the square that stands for polygons too small to be seen, tile units: a pixel of 512."""

SIZES = types.Array(types.float64, 1, "C", readonly=True)


@njit(void(VERTICES, types.int64, LIST), cache=True, nogil=True)
def middle_cells(boxes, shift, cells):
    """Write a number for the square of 2^shift cells a side in which each box has its middle.

    Args:
        boxes: Lowest x, lowest y, highest x, highest y, shape (n, 4).
        shift: From 0 on.
        cells: Column of the square in the upper 32 bits, row in the lower, shape (n,). Modified.
    """
    for k in range(cells.size):
        x = (np.int64(boxes[k, 0]) + np.int64(boxes[k, 2])) >> 1
        y = (np.int64(boxes[k, 1]) + np.int64(boxes[k, 3])) >> 1
        cells[k] = ((x >> shift) << 32) + (y >> shift)


@njit(void(VERTICES, types.int64, LIST), cache=True, nogil=True)
def middle_places(boxes, shift, places):
    """Write the place along a Hilbert curve, over squares of 2^shift cells, of the middle of each box.

    Args:
        boxes: Lowest x, lowest y, highest x, highest y, shape (n, 4).
        shift: From 1 to 31.
        places: Shape (n,). Modified.
    """
    low = np.int64(2**31)
    for k in range(places.size):
        col = (((np.int64(boxes[k, 0]) + np.int64(boxes[k, 2])) >> 1) + low) >> shift
        row = (((np.int64(boxes[k, 1]) + np.int64(boxes[k, 3])) >> 1) + low) >> shift
        places[k] = hilbert_place(32 - shift, col, row)


@njit(void(NUMBERS, NUMBERS, types.int64, SIZES, types.float64, types.float64, BYTES), cache=True, nogil=True)
def stand_in(order, places, shift, sizes, least, whole, chosen):
    """Mark a feature whenever those of a block have added up to a whole one more.

    Args:
        order: Features by their places along a curve, shape (n,).
        places: Of each feature, shape (n,): those of a block differ in their last bits alone.
        shift: How many bits these are.
        sizes: Area or length of each, shape (n,).
        least: What each counts at least.
        whole: What makes a whole one.
        chosen: 1 for those that are marked, else 0, shape (n,). Modified.
    """
    total = 0.0
    for k in range(order.size):
        feature = order[k]
        if k == 0 or places[feature] >> shift != places[order[k - 1]] >> shift:
            total = 0.0
        before = math.floor(total / whole + 0.5)
        total += max(sizes[feature], least)
        chosen[feature] = np.uint8(1 if math.floor(total / whole + 0.5) > before else 0)


@njit(
    void(NUMBERS, KINDS, VERTICES, types.int64, OFFSETS, OFFSETS, VERTICES, COUNTS, COUNTS, PAIRS),
    cache=True,
    nogil=True,
)
def gather_settled(numbers, squared, boxes, shift, parts, ends, vertices, new_parts, new_ends, new_vertices):
    """Write some features as they are, and others as squares of `DUST` units around their middle, on the grid.

    Args:
        numbers: Features, shape (k,).
        squared: 1 for those that become squares, shape (n,).
        boxes: Lowest x, lowest y, highest x, highest y of each, shape (n, 4).
        shift: Units are 2^shift cells.
        parts: First part of each feature, and the end of the last, shape (n + 1,).
        ends: First vertex of each part, and the end of the last.
        vertices: Cells, shape (v, 2).
        new_parts: Shape (k + 1,). Modified.
        new_ends: As many as there are parts then, and one. Modified.
        new_vertices: As many as there are then. Modified.
    """
    side = np.int64(DUST) << shift
    last = np.int64(2**31 - 1) - side
    part_count, size = np.int64(0), np.int64(0)
    new_parts[0], new_ends[0] = 0, 0
    for k in range(numbers.size):
        feature = numbers[k]
        if squared[feature] == 1:
            x = (np.int64(boxes[feature, 0]) + np.int64(boxes[feature, 2])) >> 1
            y = (np.int64(boxes[feature, 1]) + np.int64(boxes[feature, 3])) >> 1
            x = min(max(((x - side // 2) >> shift) << shift, np.int64(-(2**31))), last)
            y = min(max(((y - side // 2) >> shift) << shift, np.int64(-(2**31))), last)
            for corner in range(4):
                new_vertices[size, 0] = np.int32(x + (side if 0 < corner < 3 else 0))
                new_vertices[size, 1] = np.int32(y + (side if corner > 1 else 0))
                size += 1
            part_count += 1
            new_ends[part_count] = np.uint32(size)
        else:
            part_count, size = copy_feature(feature, parts, ends, vertices, part_count, size, new_ends, new_vertices)
        new_parts[k + 1] = np.uint32(part_count)
