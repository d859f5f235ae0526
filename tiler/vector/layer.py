"""A layer ready to be drawn: its levels, what has changed on them, and the way to find what is where."""

import math
from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.layer import Bounds
from kernels.rtree import search_tree
from tiler.vector.grid import Grid
from tiler.vector.levels import Level
from tiler.vector.values import Values

SAME = 1e-9
"""Relative difference of scales that are taken to be the same."""

_FAR = 2.0**40
"""A cell beyond all: where a box has no end."""

_FOUND = 32_768
"""Features that a search has room for before it is done again with more."""

Holds = Callable[[NDArray[np.uint32]], NDArray[np.bool_]]
"""Tells of rows which are wanted."""


class TileSource(msgspec.Struct, frozen=True, eq=False):
    """A layer ready to be drawn in tiles. Nothing in it is changed."""

    grid: Grid
    levels: tuple[Level, ...]
    """The features as they are, then generalised ones from fine to coarse."""
    values: Values
    patches: tuple["Patch", ...] = ()
    """What has changed on each level since it was stored; empty when nothing has."""


class Patch(msgspec.Struct, frozen=True, eq=False):
    """What has changed on a level."""

    gone: NDArray[np.int64]
    """Numbers of the stored features that are there no more, ascending."""
    added: Level
    """Features that came, in the order in which they came."""
    dropped: NDArray[np.int64]
    """Numbers of those that are there no more, ascending."""


def level_for(source: TileSource, unit: float) -> Level:
    """Return the level from which tiles with units of so many cells are drawn: the coarsest that is no coarser."""
    return source.levels[level_number(source, unit)]


def level_number(source: TileSource, unit: float) -> int:
    """Return its number."""
    chosen = 0
    for number, level in enumerate(source.levels[1:], 1):
        if 2.0**level.shift <= unit * (1.0 + SAME):
            chosen = number
    return chosen


def levels_at(source: TileSource, unit: float) -> list[tuple[Level, NDArray[np.int64] | None]]:
    """Return the features to draw tiles with units of so many cells from, and which of them are gone."""
    number = level_number(source, unit)
    if not source.patches:
        return [(source.levels[number], None)]
    patch = source.patches[number]
    return [(source.levels[number], patch.gone), (patch.added, patch.dropped)]


def search(level: Level, gone: NDArray[np.int64] | None, box: Bounds, holds: Holds | None) -> NDArray[np.int64]:
    """Return the features of a level whose box meets another (lowest x, lowest y, highest x, highest y, cells)."""
    low_x, low_y, high_x, high_y = (min(max(value, -_FAR), _FAR) for value in box)
    low_x, low_y, high_x, high_y = math.floor(low_x), math.floor(low_y), math.ceil(high_x), math.ceil(high_y)
    found = np.empty(min(_FOUND, level.shapes.count), np.int64)
    count = search_tree(level.boxes, level.tree, level.shown, low_x, low_y, high_x, high_y, found)
    if count > len(found):
        found = np.empty(count, np.int64)
        search_tree(level.boxes, level.tree, level.shown, low_x, low_y, high_x, high_y, found)
    found = found[:count]
    if gone is not None and count:
        found = without(found, gone)
    count = len(found)
    return found[holds(level.shapes.rows[found])] if holds is not None and count else found


def without(numbers: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers that are not among others, which are ascending."""
    if len(others) == 0:
        return numbers
    places = np.minimum(np.searchsorted(others, numbers), len(others) - 1)
    return np.asarray(numbers[others[places] != numbers])
