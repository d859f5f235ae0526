"""Generalised levels: what of a layer is drawn where a tile shows much of the ground."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tiler.vector.around import thinned_apart
from tiler.vector.dust import TILE_BYTES, TILE_FEATURES, costs_of, fit, lengths_of, settle_all, tiles_of
from tiler.vector.grid import Grid
from tiler.vector.levels import Level, level_of
from tiler.vector.shapes import Shapes, boxes_of
from tiler.vector.spill import ShapeSpill, give_back
from tiler.vector.thin import thin
from tiler.vector.values import Values
from tiler.vector.view import View, untouched

TILE_VERTICES = 16_000
"""Vertices of the fullest tile below which what is stored needs no simpler level."""

PART = 50_000
"""Features that are thinned at a time."""


def generalise(
    base: Level, grid: Grid, values: Values, first: int | None = None, folder: Path | None = None
) -> Iterator[Level]:
    """Yield the levels above a layer, from fine to coarse, each made of the one before, with what had no room there.

    They begin with the first scale at which a tile of the layer as it is would have too
    much in it, and end with that of the coarsest tiles.

    Args:
        base: The layer as it is.
        grid: Its grid.
        values: Its attributes.
        first: Scale to begin with at the latest: that of the levels it had before.
        folder: For files while it is made; None for the system's own.
    """
    below, begun = base, False
    for shift in range(grid.levels):
        begun = begun or shift == first or _is_full(base, shift, values)
        if begun:
            shapes = _coarser(below, shift, values, folder)
            below = level_of(shift, shapes, fit(shapes, boxes_of(shapes), shift, values))
            yield below


def _coarser(below: Level, shift: int, values: Values, folder: Path | None) -> Shapes:
    thinned = _thinned(below, shift, folder)
    if thinned.count > PART:
        give_back()
    return settle_all(thinned, shift, values)


def _thinned(below: Level, shift: int, folder: Path | None) -> Shapes:
    """Thin a level, a part after the other where it is large and its features lie apart: that takes less memory."""
    if below.shapes.count <= PART:
        return thin(below.shapes, shift)
    view = View(below, untouched(below))
    with ShapeSpill(folder) as spill:
        for first in range(0, below.shapes.count, PART):
            numbers = np.arange(first, min(first + PART, below.shapes.count))
            part = thinned_apart(view, numbers, shift)
            if part is None:
                return thin(below.shapes, shift)
            spill.add(part)
        return spill.finish()


def _is_full(base: Level, shift: int, values: Values) -> bool:
    shapes = base.shapes
    if shapes.count == 0:
        return False
    _, tiles = np.unique(tiles_of(base.boxes, shift), return_inverse=True)
    return bool(
        np.bincount(tiles, lengths_of(shapes)).max() > TILE_VERTICES
        or np.bincount(tiles, costs_of(shapes, values)).max() > TILE_BYTES
        or np.bincount(tiles).max() > TILE_FEATURES
    )
