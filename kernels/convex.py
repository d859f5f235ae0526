"""Rings that turn one way only, as those of most buildings do: told from others, and cut without a look at pairs."""

import math

import numpy as np
from numba import njit, types

from kernels.signature import LIST, NUMBERS, REALS


@njit(inline="always")
def is_backward(dx, dy):
    """Tell whether an edge goes up on a screen, or straight to the left."""
    return (dy < 0) | ((dy == 0) & (dx < 0))  # no branch: it would be taken as often as not


@njit(inline="always")
def turns_back(ux, uy, vx, vy):
    """Tell whether the second of two edges turns anticlockwise from the first, or lies back on it."""
    turn = ux * vy - uy * vx
    return turn <= 0 and (turn < 0 or ux * vx + uy * vy < 0)


@njit(types.boolean(NUMBERS, NUMBERS, types.int64, types.int64), cache=True, nogil=True)
def is_convex(x, y, start, stop):
    """Tell whether a ring turns clockwise as seen on a screen at every vertex, and once around: such a ring is simple.

    Vertices on a straight line are allowed, a way back onto itself is not.

    Args:
        x: Coordinates, within 2^30 of one another, no two in a row equal, shape (n,).
        y: The same, downwards.
        start: First vertex of the ring.
        stop: Beyond its last vertex, which is not its first again.
    """
    if stop - start < 3:
        return False
    ax, ay = x[stop - 1], y[stop - 1]
    bx, by = x[start], y[start]
    ux, uy = bx - ax, by - ay
    backward, changes = is_backward(ux, uy), 0
    for i in range(start + 1, stop + 1):
        cx, cy = (x[i], y[i]) if i < stop else (x[start], y[start])
        vx, vy = cx - bx, cy - by
        if turns_back(ux, uy, vx, vy):
            return False
        next_backward = is_backward(vx, vy)
        changes += next_backward != backward
        backward, bx, by, ux, uy = next_backward, cx, cy, vx, vy
    return changes == 2


@njit(inline="always")
def _cut(from_x, from_y, size, line, upper, to_x, to_y):
    """Write what of a ring lies on one side of a line x = `line`; return its size (Sutherland and Hodgman, 1974)."""
    count = 0
    ax, ay = from_x[size - 1], from_y[size - 1]
    inside = ax <= line if upper else ax >= line
    for i in range(size):
        bx, by = from_x[i], from_y[i]
        next_inside = bx <= line if upper else bx >= line
        if inside != next_inside:
            to_x[count], to_y[count] = line, ay + (by - ay) * ((line - ax) / (bx - ax))
            count += 1
        if next_inside:
            to_x[count], to_y[count] = bx, by
            count += 1
        ax, ay, inside = bx, by, next_inside
    return count


@njit(
    types.int64(
        NUMBERS, NUMBERS, types.int64, types.int64, types.int64, LIST, LIST, REALS, REALS, REALS, REALS,
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def clip_convex(x, y, size, low, high, out_x, out_y, one_x, one_y, two_x, two_y):
    """Write what of a convex ring lies in a square, rounded to whole coordinates; return its size, 0 for nothing.

    Rounding may make it turn the other way somewhere: who asks looks again.

    Args:
        x: Coordinates, shape (n,).
        y: The same.
        size: Vertices of the ring, which begins at 0.
        low: Lowest coordinate of the square, both ways.
        high: Highest.
        out_x: Receives coordinates; room for four more than the ring has. Modified.
        out_y: The same. Modified.
        one_x: As much room. Modified.
        one_y: The same. Modified.
        two_x: The same. Modified.
        two_y: The same. Modified.
    """
    for i in range(size):
        one_x[i], one_y[i] = float(x[i]), float(y[i])
    count = _cut(one_x, one_y, size, float(low), False, two_x, two_y) if size else size
    count = _cut(two_x, two_y, count, float(high), True, one_x, one_y) if count else count
    count = _cut(one_y, one_x, count, float(low), False, two_y, two_x) if count else count
    count = _cut(two_y, two_x, count, float(high), True, one_y, one_x) if count else count
    kept = 0
    for i in range(count):
        at_x, at_y = np.int64(math.floor(one_x[i] + 0.5)), np.int64(math.floor(one_y[i] + 0.5))
        if kept == 0 or out_x[kept - 1] != at_x or out_y[kept - 1] != at_y:
            out_x[kept], out_y[kept] = at_x, at_y
            kept += 1
    while kept > 1 and out_x[kept - 1] == out_x[0] and out_y[kept - 1] == out_y[0]:
        kept -= 1
    return kept
