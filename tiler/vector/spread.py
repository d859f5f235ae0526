"""What a change of features changes on a generalised level: found around the change, exactly as if all were made anew.

What a level draws depends on the neighbourhood alone: how a border is simplified on the
features it is shared with, some steps away at most (`thin.ROUNDS`); which dust is drawn
on its block, and what has room on its tile (`dust`). So a change is followed through
these, level by level, and the rest is not looked at.
"""

import numpy as np
from numpy.typing import NDArray

from tiler.vector.around import thinned_among, within_steps
from tiler.vector.dust import BLOCK, cells_of, fit, is_dust, middles_of, settle, settle_all
from tiler.vector.grid import EXTENT
from tiler.vector.shapes import Shapes, are_same, boxes_of, chain, take
from tiler.vector.thin import thin
from tiler.vector.values import Values
from tiler.vector.view import (
    Numbers,
    View,
    boxes_at,
    changed,
    everything,
    gather,
    keys_at,
    keys_of,
    near,
    reshown,
    shown_at,
)


def spread(
    before: View, after: View, gone: Numbers, came: Numbers, level: View, values: Values
) -> tuple[View, Numbers, Numbers]:
    """Return a level after a change of the one below, and which of its features went and came.

    All that came is drawn: what has no room is left out by `refit`.

    Args:
        before: The level below as it was.
        after: The level below as it is.
        gone: Its features that went, ascending.
        came: Those that came, ascending.
        level: The level as it was.
        values: Attributes of the layer, of what went and of what came.
    """
    shift = level.level.shift
    if level.count <= 1:
        old, new = gather(level, everything(level)), _whole(after, shift, values)
    else:
        old, new = _differences(before, after, gone, came, shift, values)
        if level.count - old.count + new.count <= 0:
            old, new = gather(level, everything(level)), _whole(after, shift, values)
    old, new = _unlike(old, new)
    went = _find(level, old)
    result, arrived = changed(level, went, new)
    return result, went, arrived


def refit(level: View, went: NDArray[np.int64], came: Numbers, values: Values) -> View:
    """Return a level on which what has no room is left out anew in the tiles where features changed.

    Args:
        level: The level, on which all that came is drawn.
        went: Boxes of the features that went, shape (k, 4).
        came: Features that came, ascending.
        values: Attributes of the layer.
    """
    side = EXTENT << level.level.shift
    corners = np.unique(middles_of(np.concatenate([went, boxes_at(level, came)])) // side, axis=0) * side
    there = near(level, np.concatenate([corners, corners + side], axis=1))
    tiles = cells_of(middles_of(boxes_at(level, there)), side)
    there = there[np.isin(tiles, cells_of(corners, side))]
    order = np.argsort(keys_at(level, there), kind="stable")
    shapes = gather(level, there)
    drawn = np.empty(len(there), bool)
    drawn[order] = fit(shapes, boxes_of(shapes), level.level.shift, values)
    other = drawn != shown_at(level, there)
    return reshown(level, there[other], drawn[other])


def _differences(
    before: View, after: View, gone: Numbers, came: Numbers, shift: int, values: Values
) -> tuple[Shapes, Shapes]:
    """Return what of a level goes and what comes; some may be in both."""
    affected = np.union1d(within_steps(before, gone, shift), within_steps(after, came, shift))
    old, new = _unlike(
        thinned_among(before, np.setdiff1d(affected, came), shift),
        thinned_among(after, np.setdiff1d(affected, gone), shift),
    )
    old_dust, new_dust = is_dust(old, shift), is_dust(new, shift)
    side = BLOCK << shift
    places = np.concatenate(
        [
            middles_of(boxes_of(take(old, np.flatnonzero(old_dust)))),
            middles_of(boxes_of(take(new, np.flatnonzero(new_dust)))),
        ]
    )
    corners = np.unique(places // side, axis=0) * side
    old, new = take(old, np.flatnonzero(~old_dust)), take(new, np.flatnonzero(~new_dust))
    if len(corners) == 0:
        return old, new
    return (
        chain([old, settle(_dust_in(before, corners, shift), shift, values)]),
        chain([new, settle(_dust_in(after, corners, shift), shift, values)]),
    )


def _dust_in(view: View, corners: NDArray[np.int64], shift: int) -> Shapes:
    """Return the dust of some blocks, thinned."""
    side, unit = BLOCK << shift, 1 << shift
    numbers = near(view, np.concatenate([corners - unit, corners + side + unit], axis=1))
    thinned = thinned_among(view, numbers, shift)
    dust = np.flatnonzero(is_dust(thinned, shift))
    blocks = cells_of(middles_of(boxes_of(thinned))[dust], side)
    return take(thinned, dust[np.isin(blocks, cells_of(corners, side))])


def _whole(view: View, shift: int, values: Values) -> Shapes:
    """Return a level made of all of the one below."""
    return settle_all(thin(gather(view, everything(view)), shift), shift, values)


def _unlike(old: Shapes, new: Shapes) -> tuple[Shapes, Shapes]:
    """Leave out of two lists of features those that are the same in both."""
    _, one, other = np.intersect1d(keys_of(old), keys_of(new), assume_unique=True, return_indices=True)
    same = are_same(old, one, new, other)
    one, other = one[same], other[same]
    return (
        take(old, np.setdiff1d(np.arange(old.count), one)),
        take(new, np.setdiff1d(np.arange(new.count), other)),
    )


def _find(level: View, shapes: Shapes) -> Numbers:
    """Return the numbers of features of a level, ascending."""
    there = near(level, boxes_of(shapes).astype(np.int64))
    found = there[np.isin(keys_at(level, there), keys_of(shapes))]
    if len(found) != shapes.count:
        raise RuntimeError(f"{shapes.count - len(found)} features of level {level.level.shift} are not where they were")
    return found
