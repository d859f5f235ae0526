"""Lines and polygons cut by the square of a tile, on whole coordinates.

Polygons are cut as Weiler and Atherton do it (SIGGRAPH 1977, Hidden surface removal using
polygon area sorting): what enters and leaves is followed along the edge, so a polygon
falls into as many as there are, and no bridge is left between them. What enters and
leaves is seen on a square half a unit wider, on whose edge no vertex lies. Where a
polygon runs along the edge itself the result may fold: callers look for edges that meet.
"""

import math

import numpy as np
from numba import njit, types

from kernels.signature import LIST, NUMBERS, REALS

_WIDER = 0.5

UNSURE = -1
"""Answer of `clip_polygon` when a polygon is not as it should be, or too odd: who asks takes another way."""

LOOSE = -2
"""Answer of `clip_polygon` when some ring turns the other way or a hole does not follow its ring, for no ring at all;
one less for each ring there is. `kernels.mending` puts them in order."""


@njit(inline="always")
def _span(ax, ay, dx, dy, low, high):
    """Return the part of an edge that lies inside, as two shares of its length (Liang and Barsky, 1984).

    Empty, with the first not below the second, when none of it does.
    """
    enter, leave = 0.0, 1.0
    for axis in range(2):
        start = ax if axis == 0 else ay
        step = dx if axis == 0 else dy
        if step == 0.0:
            if start < low or start > high:
                return 1.0, 0.0
            continue
        one, two = (low - start) / step, (high - start) / step
        enter = max(enter, min(one, two))
        leave = min(leave, max(one, two))
    return enter, leave


@njit(inline="always")
def _on_line(ax, dx, ay, dy, line, low, high):
    """Return the other coordinate of an edge where it meets a side of the square, as a whole one."""
    at = ax + dx * ((line - ay) / dy) if dy != 0.0 else ax
    return np.int64(math.floor(min(max(at, low), high) + 0.5))


@njit(inline="always")
def _crossing(ax, ay, dx, dy, share, low, high):
    """Return where an edge crosses the square, and how far along the edge of the wide one, clockwise on a screen.

    The share of the edge's length is that at which it crosses the wide square.
    """
    bottom, top = low - _WIDER, high + _WIDER
    x, y = ax + share * dx, ay + share * dy
    side = top - bottom
    gap_left, gap_right, gap_top, gap_bottom = abs(x - bottom), abs(x - top), abs(y - bottom), abs(y - top)
    nearest = min(gap_left, gap_right, gap_top, gap_bottom)
    if nearest == gap_top:
        wide = ax + dx * ((bottom - ay) / dy) if dy != 0.0 else x
        return _on_line(ax, dx, ay, dy, low, low, high), np.int64(low), min(max(wide, bottom), top) - bottom
    if nearest == gap_right:
        wide = ay + dy * ((top - ax) / dx) if dx != 0.0 else y
        return np.int64(high), _on_line(ay, dy, ax, dx, high, low, high), side + (min(max(wide, bottom), top) - bottom)
    if nearest == gap_bottom:
        wide = ax + dx * ((top - ay) / dy) if dy != 0.0 else x
        place = 2.0 * side + (top - min(max(wide, bottom), top))
        return _on_line(ax, dx, ay, dy, high, low, high), np.int64(high), place
    wide = ay + dy * ((bottom - ax) / dx) if dx != 0.0 else y
    place = 3.0 * side + (top - min(max(wide, bottom), top))
    return np.int64(low), _on_line(ay, dy, ax, dx, low, low, high), 0.0 if place >= 4.0 * side else place


@njit(inline="always")
def _append(out_x, out_y, start, size, x, y):
    """Append a vertex to a ring or line that began at `start`, unless it repeats the last; return the new size."""
    if size > start and out_x[size - 1] == x and out_y[size - 1] == y:
        return size
    out_x[size], out_y[size] = x, y
    return size + 1


@njit(
    types.int64(NUMBERS, NUMBERS, types.int64, types.int64, types.int64, types.int64, LIST, LIST, LIST, types.int64),
    cache=True,
    nogil=True,
)
def clip_line(x, y, start, stop, low, high, out_x, out_y, out_starts, parts):
    """Append what of a line lies in the square; return how many parts there are then.

    Args:
        x: Whole coordinates, shape (n,).
        y: The same.
        start: First vertex of the line.
        stop: Beyond its last.
        low: Lowest coordinate of the square, both ways.
        high: Highest.
        out_x: Receives coordinates from `out_starts[parts]` on; room for three times the vertices. Modified.
        out_y: The same. Modified.
        out_starts: First vertex of each part, and the end of the last; room for as many more as the line has
            vertices. Modified.
        parts: Parts already there.
    """
    bottom, top = low - _WIDER, high + _WIDER
    first = out_starts[parts]
    size = first
    for i in range(start, stop - 1):
        ax, ay = float(x[i]), float(y[i])
        dx, dy = float(x[i + 1] - x[i]), float(y[i + 1] - y[i])
        enter, leave = _span(ax, ay, dx, dy, bottom, top)
        if enter >= leave:
            continue
        if enter > 0.0:
            at_x, at_y, _ = _crossing(ax, ay, dx, dy, enter, float(low), float(high))
            size = _append(out_x, out_y, first, size, at_x, at_y)
        else:
            size = _append(out_x, out_y, first, size, x[i], y[i])
        if leave < 1.0:
            at_x, at_y, _ = _crossing(ax, ay, dx, dy, leave, float(low), float(high))
            size = _append(out_x, out_y, first, size, at_x, at_y)
            if size - first > 1:
                parts += 1
                out_starts[parts] = size
                first = size
            size = first
        else:
            size = _append(out_x, out_y, first, size, x[i + 1], y[i + 1])
    if size - first > 1:
        parts += 1
        out_starts[parts] = size
    return parts


@njit(types.boolean(NUMBERS, NUMBERS, types.int64, types.int64, types.float64, types.float64), cache=True, nogil=True)
def _inside(x, y, start, stop, at_x, at_y):
    """Tell whether a place lies in a ring, by the edges that a ray from it crosses."""
    inside = False
    j = stop - 1
    for i in range(start, stop):
        if (y[i] > at_y) != (y[j] > at_y) and at_x < x[i] + (x[j] - x[i]) * ((at_y - y[i]) / float(y[j] - y[i])):
            inside = not inside
        j = i
    return inside


@njit(inline="always")
def _is_in(x, y, low, high):
    return x >= low and x <= high and y >= low and y <= high


@njit(types.UniTuple(types.int64, 2)(LIST, LIST, LIST, types.int64, types.int64), cache=True, nogil=True)
def _close(out_x, out_y, out_starts, parts, size):
    """End a ring, or leave it out when nothing is inside; return the parts and twice its area."""
    start = out_starts[parts]
    while size - start > 1 and out_x[size - 1] == out_x[start] and out_y[size - 1] == out_y[start]:
        size -= 1
    area = np.int64(0)
    for i in range(start + 1, size - 1):
        area += (out_x[i] - out_x[start]) * (out_y[i + 1] - out_y[start])
        area -= (out_x[i + 1] - out_x[start]) * (out_y[i] - out_y[start])
    if size - start < 3 or area == 0:
        return parts, np.int64(0)
    out_starts[parts + 1] = size
    return parts + 1, area


@njit(
    types.int64(
        NUMBERS,
        NUMBERS,
        NUMBERS,
        types.int64,
        types.int64,
        types.int64,
        types.int64,
        LIST,
        LIST,
        LIST,
        types.int64,
        LIST,
        LIST,
        LIST,
        REALS,
        REALS,
    ),
    cache=True,
    nogil=True,
)
def clip_polygon(
    x,
    y,
    starts,
    first_ring,
    last_ring,
    low,
    high,
    out_x,
    out_y,
    out_starts,
    parts,
    chain_x,
    chain_y,
    chain_starts,
    enters,
    leaves,
):
    """Append what of one polygon lies in the square; return how many rings there are then, `UNSURE` or `LOOSE`.

    Outer rings turn clockwise as seen on a screen, holes the other way, both in and
    out; a ring comes out with its holes after it, unless they are `LOOSE`.

    Args:
        x: Whole coordinates of valid rings, the first not repeated, shape (n,).
        y: The same, downwards.
        starts: First vertex of each ring, and the end of the last.
        first_ring: Number of the outer ring.
        last_ring: Beyond the last of its holes.
        low: Lowest coordinate of the square, both ways.
        high: Highest.
        out_x: Receives coordinates from `out_starts[parts]` on; room for eight times the vertices and 16. Modified.
        out_y: The same. Modified.
        out_starts: First vertex of each ring, and the end of the last; room for as many more as there are vertices
            and rings, and 2. Modified.
        parts: Rings already there.
        chain_x: Room for three times the vertices. Modified.
        chain_y: The same. Modified.
        chain_starts: Room for the vertices and 2. Modified.
        enters: Room for the vertices and 1. Modified.
        leaves: The same. Modified.
    """
    bottom, top = low - _WIDER, high + _WIDER
    side = top - bottom
    chains, whole = 0, 0
    chain_starts[0] = 0
    for ring in range(first_ring, last_ring):
        begin, end = starts[ring], starts[ring + 1]
        count = end - begin
        turn = -1
        for i in range(begin, end):
            if not _is_in(x[i], y[i], low, high):
                turn = i
                break
        if turn < 0:
            whole += 1
            continue
        size = chain_starts[chains]
        for step in range(count):
            i = turn + step
            i = i if i < end else i - count
            j = i + 1 if i + 1 < end else begin
            ax, ay, dx, dy = float(x[i]), float(y[i]), float(x[j] - x[i]), float(y[j] - y[i])
            here, there = _is_in(x[i], y[i], low, high), _is_in(x[j], y[j], low, high)
            if here and there:
                chain_x[size], chain_y[size] = x[j], y[j]
                size += 1
                continue
            enter, leave = _span(ax, ay, dx, dy, bottom, top)
            if not here:
                if enter >= leave:
                    continue
                at_x, at_y, place = _crossing(ax, ay, dx, dy, enter, float(low), float(high))
                chain_x[size], chain_y[size] = at_x, at_y
                size += 1
                enters[chains] = place
                if there:
                    chain_x[size], chain_y[size] = x[j], y[j]
                    size += 1
                    continue
            at_x, at_y, place = _crossing(ax, ay, dx, dy, leave, float(low), float(high))
            chain_x[size], chain_y[size] = at_x, at_y
            size += 1
            leaves[chains] = place
            chains += 1
            chain_starts[chains] = size
    before, loose = parts, False
    if chains > 0:
        order = np.argsort(enters[:chains])
        sorted_enters = enters[:chains][order]
        for chain in range(chains):
            if chain_starts[chain] < 0:
                continue
            size, at, closed = out_starts[parts], chain, False
            while not closed:
                begin = chain_starts[at]
                if begin < 0:
                    return UNSURE
                end = chain_starts[at + 1]
                end = -end - 1 if end < 0 else end
                for i in range(begin, end):
                    size = _append(out_x, out_y, out_starts[parts], size, chain_x[i], chain_y[i])
                chain_starts[at] = -begin - 1  # taken
                place = leaves[at]
                number = np.searchsorted(sorted_enters, place)
                lap = 0.0
                if number == chains:
                    number, lap = 0, 4.0 * side
                following = order[number]
                target = sorted_enters[number] + lap
                corner = math.floor(place / side) + 1
                while corner * side <= target:
                    turned = corner % 4
                    corner_x = low if turned in (0, 3) else high
                    corner_y = low if turned in (0, 1) else high
                    size = _append(out_x, out_y, out_starts[parts], size, np.int64(corner_x), np.int64(corner_y))
                    corner += 1
                closed = following == chain
                at = following
            parts, area = _close(out_x, out_y, out_starts, parts, size)
            loose = loose or area < 0
    elif (
        whole < last_ring - first_ring
    ):  # no edge crosses: the square is all inside the rings around it, or all outside
        covered = False
        for ring in range(first_ring, last_ring):
            if _inside(x, y, starts[ring], starts[ring + 1], bottom, bottom):
                covered = not covered
        if covered:
            size = out_starts[parts]
            for turned in range(4):
                out_x[size] = np.int64(low if turned in (0, 3) else high)
                out_y[size] = np.int64(low if turned in (0, 1) else high)
                size += 1
            parts += 1
            out_starts[parts] = size
    if whole == 0 or (chains > 0 and parts == before):
        return LOOSE - parts if loose else parts
    loose = loose or parts - before > 1  # which of the pieces a hole belongs to is for others to say
    for ring in range(first_ring, last_ring):
        begin, end = starts[ring], starts[ring + 1]
        lies_in = True
        for i in range(begin, end):
            if not _is_in(x[i], y[i], low, high):
                lies_in = False
                break
        if lies_in:
            size = out_starts[parts]
            for i in range(begin, end):
                size = _append(out_x, out_y, out_starts[parts], size, x[i], y[i])
            parts, _ = _close(out_x, out_y, out_starts, parts, size)
    return LOOSE - parts if loose else parts
