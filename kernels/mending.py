"""Rings that rounding or a cut has made touch, overlap or cross a little, linked anew into valid ones.

Sides are split where they meet, those that lie on one another in opposite directions go,
and what is left is followed with the inside on the left, so that what hangs together in a
vertex only falls apart. Loops that cover nothing, or what another covers, are slivers of
the rounding and are left out; where one is more than that, somebody else has to look.
"""

import numpy as np
from numba import njit, types

from kernels.rings import doubled_area, side_of
from kernels.signature import LIST, NUMBERS

UNMENDED = -1
"""Answer of `mend_rings` when there is too much to mend, or more than rounding has done."""

_MOST = 2_048
"""Sides of the rings at most."""

_ROUNDS = 12
"""How often sides are split and looked at again."""

TABLE = types.int64[:, ::1]

_BITS = 14
_SHIFT = 1 << (_BITS - 1)
"""Added to a coordinate so that it is not negative."""


@njit(inline="always")
def _key(x, y):
    return ((x + _SHIFT) << _BITS) | (y + _SHIFT)


@njit(inline="always")
def _strictly_between(ax, ay, bx, by, cx, cy):
    """Tell whether a point on the line through two others lies between them and on neither."""
    along, length = (cx - ax) * (bx - ax) + (cy - ay) * (by - ay), (bx - ax) ** 2 + (by - ay) ** 2
    return along > 0 and along < length


@njit(inline="always")
def _mark(edges, at, i, x, y):
    """Note where a side is to be split, unless that is one of its ends; return how many were noted."""
    if at[i, 0] >= 0 or (x == edges[i, 0] and y == edges[i, 1]) or (x == edges[i, 2] and y == edges[i, 3]):
        return 0
    at[i, 0], at[i, 1], at[i, 2] = 0, x, y
    return 1


@njit(types.int64(TABLE, TABLE, types.int64, types.int64), cache=True, nogil=True)
def _mark_pair(edges, at, i, j):
    """Note where two sides, whose boxes meet, are to be split; return how many were noted."""
    ax, ay, bx, by = edges[i, 0], edges[i, 1], edges[i, 2], edges[i, 3]
    cx, cy, dx, dy = edges[j, 0], edges[j, 1], edges[j, 2], edges[j, 3]
    first, second = side_of(ax, ay, bx, by, cx, cy), side_of(ax, ay, bx, by, dx, dy)
    if first * second > 0:
        return 0
    third, fourth = side_of(cx, cy, dx, dy, ax, ay), side_of(cx, cy, dx, dy, bx, by)
    if third * fourth > 0:
        return 0
    noted = 0
    if first == 0 and _strictly_between(ax, ay, bx, by, cx, cy):
        noted += _mark(edges, at, i, cx, cy)
    if second == 0 and _strictly_between(ax, ay, bx, by, dx, dy):
        noted += _mark(edges, at, i, dx, dy)
    if third == 0 and _strictly_between(cx, cy, dx, dy, ax, ay):
        noted += _mark(edges, at, j, ax, ay)
    if fourth == 0 and _strictly_between(cx, cy, dx, dy, bx, by):
        noted += _mark(edges, at, j, bx, by)
    if first * second < 0 and third * fourth < 0:
        across = float((bx - ax) * (dy - cy) - (by - ay) * (dx - cx))
        share = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / across
        x, y = np.int64(np.floor(ax + share * (bx - ax) + 0.5)), np.int64(np.floor(ay + share * (by - ay) + 0.5))
        noted += _mark(edges, at, i, x, y) + _mark(edges, at, j, x, y)
    return noted


@njit(types.int64(TABLE, types.int64), cache=True, nogil=True)
def _split(edges, count):
    """Split sides where they meet until none meets another but in an end of both; return how many there are then."""
    at = np.empty((edges.shape[0], 3), np.int64)
    for _ in range(_ROUNDS):
        at[:count, 0] = -1
        lows = np.minimum(edges[:count, 0], edges[:count, 2])
        order = np.argsort(lows)
        noted = 0
        for k in range(count):
            i = order[k]
            high_x = max(edges[i, 0], edges[i, 2])
            low_y, high_y = min(edges[i, 1], edges[i, 3]), max(edges[i, 1], edges[i, 3])
            for m in range(k + 1, count):
                j = order[m]
                if lows[j] > high_x:
                    break
                if min(edges[j, 1], edges[j, 3]) <= high_y and max(edges[j, 1], edges[j, 3]) >= low_y:
                    noted += _mark_pair(edges, at, i, j)
        if noted == 0:
            return count
        if count + noted > edges.shape[0]:
            return np.int64(UNMENDED)
        for i in range(count):
            if at[i, 0] >= 0:
                edges[count, 0], edges[count, 1] = at[i, 1], at[i, 2]
                edges[count, 2], edges[count, 3] = edges[i, 2], edges[i, 3]
                edges[i, 2], edges[i, 3] = at[i, 1], at[i, 2]
                count += 1
    return np.int64(UNMENDED)


@njit(types.int64(TABLE, types.int64), cache=True, nogil=True)
def _cancel(edges, count):
    """Leave out sides that lie on one another in opposite directions; return how many are left."""
    keys = np.empty(count, np.int64)
    for i in range(count):
        one, other = _key(edges[i, 0], edges[i, 1]), _key(edges[i, 2], edges[i, 3])
        keys[i] = (min(one, other) << (2 * _BITS)) | max(one, other)
    order = np.argsort(keys)
    kept = np.empty((count, 4), np.int64)
    size, k = 0, 0
    while k < count:
        net, chosen, m = 0, np.int64(-1), k
        while m < count and keys[order[m]] == keys[order[k]]:
            i = order[m]
            net += 1 if _key(edges[i, 0], edges[i, 1]) < _key(edges[i, 2], edges[i, 3]) else -1
            m += 1
        if net > 1 or net < -1:
            return np.int64(UNMENDED)
        for n in range(k, m):
            i = order[n]
            if net != 0 and (_key(edges[i, 0], edges[i, 1]) < _key(edges[i, 2], edges[i, 3])) == (net > 0):
                chosen = i
        if chosen >= 0:
            kept[size] = edges[chosen]
            size += 1
        k = m
    edges[:size] = kept[:size]
    return np.int64(size)


@njit(inline="always")
def _turn_rank(back_x, back_y, x, y):
    """Rank a direction by how far it lies clockwise from the way back: before straight on, straight on, beyond."""
    cross = back_x * y - back_y * x
    return 0 if cross < 0 else 1 if cross == 0 else 2


@njit(types.int64(TABLE, types.int64, LIST, LIST, LIST), cache=True, nogil=True)
def _trace(edges, count, loop_x, loop_y, loop_starts):
    """Follow the sides into loops, none of which has a vertex twice; return how many there are."""
    from_keys = np.empty(count, np.int64)
    for i in range(count):
        from_keys[i] = _key(edges[i, 0], edges[i, 1])
    order = np.argsort(from_keys)
    sorted_keys = from_keys[order]
    used = np.zeros(count, np.uint8)
    place = np.full(count, -1, np.int64)  # by the first side that leaves a vertex: where it is on the stack
    stack = np.empty(count + 1, np.int64)
    loops, size = np.int64(0), np.int64(0)
    loop_starts[0] = 0
    for start in range(count):
        if used[start]:
            continue
        at, top = np.int64(start), 0
        while at >= 0:
            used[at] = 1
            vertex = np.searchsorted(sorted_keys, from_keys[at])
            if place[vertex] >= 0:  # a loop is closed: what is on the stack since
                for k in range(place[vertex], top):
                    loop_x[size], loop_y[size] = edges[stack[k], 0], edges[stack[k], 1]
                    size += 1
                    place[np.searchsorted(sorted_keys, from_keys[stack[k]])] = -1
                loops += 1
                loop_starts[loops] = size
                top -= loop_starts[loops] - loop_starts[loops - 1]
            place[vertex] = top
            stack[top] = at
            top += 1
            back_x, back_y = edges[at, 0] - edges[at, 2], edges[at, 1] - edges[at, 3]
            to_key = _key(edges[at, 2], edges[at, 3])
            best, best_rank, k = np.int64(-1), 3, np.searchsorted(sorted_keys, to_key)
            while k < count and sorted_keys[k] == to_key:
                i = order[k]
                k += 1
                if used[i] and i != start:
                    continue
                x, y = edges[i, 2] - edges[i, 0], edges[i, 3] - edges[i, 1]
                rank = _turn_rank(back_x, back_y, x, y)
                if best >= 0 and rank == best_rank:
                    best_x, best_y = edges[best, 2] - edges[best, 0], edges[best, 3] - edges[best, 1]
                    if x * best_y - y * best_x >= 0:
                        continue
                elif rank > best_rank:
                    continue
                best, best_rank = i, rank
            at = best if best != start else np.int64(-1)
        for k in range(top):
            loop_x[size], loop_y[size] = edges[stack[k], 0], edges[stack[k], 1]
            size += 1
            place[np.searchsorted(sorted_keys, from_keys[stack[k]])] = -1
        loops += 1
        loop_starts[loops] = size
    return loops


@njit(inline="always")
def _winds(x, y, start, stop, mid_x, mid_y):
    """Return how often a loop winds around a place, given in half units, that is not on it."""
    winding, j = 0, stop - 1
    for i in range(start, stop):
        if (2 * y[i] > mid_y) != (2 * y[j] > mid_y):
            cross = (x[i] - x[j]) * (mid_y - 2 * y[j]) - (y[i] - y[j]) * (mid_x - 2 * x[j])
            if y[i] > y[j] and cross > 0:
                winding += 1
            elif y[i] < y[j] and cross < 0:
                winding -= 1
        j = i
    return winding


@njit(types.int64(LIST, LIST, LIST, types.int64, LIST), cache=True, nogil=True)
def _own(x, y, starts, loops, owners):
    """Write the loop each hole belongs to, itself for outer ones, -1 for slivers; return 0, or `UNMENDED`."""
    for loop in range(loops):
        begin = starts[loop]
        area = doubled_area(x, y, begin, starts[loop + 1])
        mid_x, mid_y = x[begin] + x[begin + 1], y[begin] + y[begin + 1]
        winding, owner, smallest = 0, np.int64(-1), 0.0
        for other in range(loops):
            if other != loop:
                turns = _winds(x, y, starts[other], starts[other + 1], mid_x, mid_y)
                winding += turns
                if turns > 0:
                    around = doubled_area(x, y, starts[other], starts[other + 1])
                    if owner < 0 or around < smallest:
                        owner, smallest = np.int64(other), around
        if area > 0 and winding == 0:
            owners[loop] = loop
        elif area < 0 and winding == 1:
            owners[loop] = owner
        else:
            length, j = 0.0, starts[loop + 1] - 1
            for i in range(begin, starts[loop + 1]):
                length += np.hypot(float(x[i] - x[j]), float(y[i] - y[j]))
                j = i
            if abs(area) > length:
                return np.int64(UNMENDED)
            owners[loop] = -1
    return np.int64(0)


@njit(types.int64(NUMBERS, NUMBERS, NUMBERS, types.int64, LIST, LIST, LIST), cache=True, nogil=True)
def mend_rings(x, y, starts, rings, out_x, out_y, out_starts):
    """Write valid rings instead of some that are almost so; return how many there are, or `UNMENDED`.

    Args:
        x: Coordinates from -2^13 to 2^13, no two of a ring in a row equal, shape (n,).
        y: The same, downwards.
        starts: First vertex of each ring, and the end of the last: outer ones clockwise as seen on a screen, holes the
            other way.
        rings: How many there are.
        out_x: Receives coordinates, each outer ring followed by its holes; may be `x`. Modified.
        out_y: The same; may be `y`. Modified.
        out_starts: First vertex of each ring, and the end of the last; may be `starts`. Modified.
    """
    first, last = starts[0], starts[rings]
    if last - first > _MOST:
        return np.int64(UNMENDED)
    edges = np.empty((2 * (last - first) + 64, 4), np.int64)
    count = np.int64(0)
    for ring in range(rings):
        j = starts[ring + 1] - 1
        for i in range(starts[ring], starts[ring + 1]):
            if max(abs(x[i]), abs(y[i])) >= _SHIFT:
                return np.int64(UNMENDED)
            edges[count, 0], edges[count, 1], edges[count, 2], edges[count, 3] = x[j], y[j], x[i], y[i]
            count += 1
            j = i
    count = _split(edges, count)
    if count > 0:
        count = _cancel(edges, count)
    if count <= 0:
        return count
    loop_x, loop_y = np.empty(count, np.int64), np.empty(count, np.int64)
    loop_starts = np.empty(count + 1, np.int64)
    loops = _trace(edges, count, loop_x, loop_y, loop_starts)
    owners = np.empty(loops, np.int64)
    if _own(loop_x, loop_y, loop_starts, loops, owners) < 0 or count > out_x.size or loops >= out_starts.size:
        return np.int64(UNMENDED)
    written, size = np.int64(0), np.int64(0)
    out_starts[0] = 0
    for outer in range(loops):
        if owners[outer] != outer:
            continue
        for step in range(loops):  # the outer one first
            loop = outer if step == 0 else step - 1 if step <= outer else step
            if owners[loop] != outer:
                continue
            for i in range(loop_starts[loop], loop_starts[loop + 1]):
                out_x[size], out_y[size] = loop_x[i], loop_y[i]
                size += 1
            written += 1
            out_starts[written] = size
    return written
