"""The drawing commands of points, lines and rings (Vector Tile Specification 2.1, clause 4.3)."""

import math

import numpy as np
from numba import njit, types

from kernels.convex import is_backward, turns_back
from kernels.signature import BYTES, NUMBERS, VERTICES
from kernels.varint import put

FEW = 16
"""Vertices up to which the command that draws the lines of a ring takes a byte."""

_MOVE_TO, _LINE_TO, _CLOSE = 1, 2, 15


@njit(inline="always")
def _put_step(data, at, step):
    """Write a difference of coordinates, the sign in the lowest bit (clause 4.3.2)."""
    return put(data, at, (step << 1) ^ (step >> 63))


@njit(types.int64(NUMBERS, NUMBERS, types.int64, types.int64, types.int64, BYTES, types.int64), cache=True, nogil=True)
def write_points(x, y, size, low, high, data, at):
    """Write the points of a feature that lie in the square; return the place behind them."""
    count = 0
    for i in range(size):
        if x[i] >= low and x[i] <= high and y[i] >= low and y[i] <= high:
            count += 1
    if count == 0:
        return at
    at = put(data, at, (count << 3) | _MOVE_TO)
    last_x, last_y = np.int64(0), np.int64(0)
    for i in range(size):
        if x[i] >= low and x[i] <= high and y[i] >= low and y[i] <= high:
            at = _put_step(data, at, x[i] - last_x)
            at = _put_step(data, at, y[i] - last_y)
            last_x, last_y = x[i], y[i]
    return at


@njit(types.int64(NUMBERS, NUMBERS, NUMBERS, types.int64, types.boolean, BYTES, types.int64), cache=True, nogil=True)
def write_paths(x, y, starts, parts, closed, data, at):
    """Write lines, or rings; return the place behind them."""
    last_x, last_y = np.int64(0), np.int64(0)
    for part in range(parts):
        start, stop = starts[part], starts[part + 1]
        data[at] = np.uint8((1 << 3) | _MOVE_TO)
        at = _put_step(data, at + 1, x[start] - last_x)
        at = _put_step(data, at, y[start] - last_y)
        at = put(data, at, ((stop - start - 1) << 3) | _LINE_TO)
        for i in range(start + 1, stop):
            at = _put_step(data, at, x[i] - x[i - 1])
            at = _put_step(data, at, y[i] - y[i - 1])
        last_x, last_y = x[stop - 1], y[stop - 1]
        if closed:
            data[at] = np.uint8(_CLOSE)
            at += 1
    return at


@njit(
    types.int64(
        VERTICES, types.int64, types.int64, types.float64, types.float64, types.float64, BYTES, types.int64
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def write_convex(vertices, start, stop, origin_x, origin_y, scale, data, at):
    """Write a ring of few vertices on whole units in one go; return the place behind it, or `at` if it is not convex.

    What it does is what `snap_convex` and `write_paths` do one after the other.
    """
    begin = at
    first_x = bx = np.int64(math.floor((vertices[start, 0] - origin_x) * scale + 0.5))
    first_y = by = np.int64(math.floor((vertices[start, 1] - origin_y) * scale + 0.5))
    data[at] = np.uint8((1 << 3) | _MOVE_TO)
    at = _put_step(data, at + 1, bx)
    head = _put_step(data, at, by)
    at = head + 1
    count, changes = 0, 0
    ux = uy = first_ux = first_uy = np.int64(0)
    for i in range(start + 1, stop):
        cx = np.int64(math.floor((vertices[i, 0] - origin_x) * scale + 0.5))
        cy = np.int64(math.floor((vertices[i, 1] - origin_y) * scale + 0.5))
        vx, vy = cx - bx, cy - by
        if vx == 0 and vy == 0:
            continue
        if count == 0:
            first_ux, first_uy = vx, vy
        else:
            if turns_back(ux, uy, vx, vy):
                return begin
            changes += is_backward(ux, uy) != is_backward(vx, vy)
        at = _put_step(data, at, vx)
        at = _put_step(data, at, vy)
        count += 1
        bx, by, ux, uy = cx, cy, vx, vy
    vx, vy = first_x - bx, first_y - by
    if count < 2 or (vx == 0 and vy == 0):
        return begin
    if turns_back(ux, uy, vx, vy) or turns_back(vx, vy, first_ux, first_uy):
        return begin
    changes += is_backward(ux, uy) != is_backward(vx, vy)
    changes += is_backward(vx, vy) != is_backward(first_ux, first_uy)
    if changes != 2:
        return begin
    data[head] = np.uint8((count << 3) | _LINE_TO)
    data[at] = np.uint8(_CLOSE)
    return at + 1
