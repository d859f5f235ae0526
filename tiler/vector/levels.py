"""Generalised levels: what of a layer is drawn where a tile shows much of the ground."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernels.rtree import build_tree, tree_nodes
from tiler.vector.dust import TILE_BYTES, TILE_FEATURES, costs_of, fit, lengths_of, one_of, settle, tiles_of
from tiler.vector.grid import Grid
from tiler.vector.shapes import Shapes, boxes_of
from tiler.vector.thin import thin
from tiler.vector.values import Values

TILE_VERTICES = 16_000
"""Vertices of the fullest tile below which what is stored needs no simpler level."""


NOWHERE, NEVER = np.empty((0, 4), np.int32), np.empty(0, np.int64)


class Level(msgspec.Struct, frozen=True, eq=False):
    """The features that tiles of some scale are drawn from, and those of which the next coarser level is made."""

    shift: int
    """Meant for tile units of 2^shift cells and more; -1 for the features as they are."""

    shapes: Shapes
    boxes: NDArray[np.int32]
    """Lowest x, lowest y, highest x, highest y of each, cells, shape (n, 4)."""
    tree: NDArray[np.int32]
    """What `kernels.rtree` made of the boxes."""
    shown: NDArray[np.uint8]
    """0 for features that have no room in their tile, shape (n,); empty when all have."""
    touched: NDArray[np.int32] = NOWHERE
    """Boxes around what has changed, cells, shape (k, 4)."""
    editions: NDArray[np.int64] = NEVER
    """Number of the change for each, shape (k,)."""


def level_of(shift: int, shapes: Shapes, shown: NDArray[np.bool_] | None = None) -> Level:
    """Return features with the means to find them.

    Args:
        shift: As `Level.shift`.
        shapes: The features.
        shown: Which have room in their tile; None for all.
    """
    boxes = boxes_of(shapes)
    tree = np.empty((tree_nodes(shapes.count), 4), np.int32)
    build_tree(boxes, tree)
    flags = np.empty(0, np.uint8) if shown is None or shown.all() else shown.astype(np.uint8)
    return Level(shift, shapes, boxes, tree, flags)


def generalise(base: Level, grid: Grid, values: Values, first: int | None = None) -> list[Level]:
    """Return the levels above a layer, from fine to coarse, each made of the one before, with what had no room there.

    They begin with the first scale at which a tile of the layer as it is would have too
    much in it, and end with that of the coarsest tiles.

    Args:
        base: The layer as it is.
        grid: Its grid.
        values: Its attributes.
        first: Scale to begin with at the latest: that of the levels it had before.
    """
    levels: list[Level] = []
    below = base.shapes
    for shift in range(grid.levels):
        if not levels and shift != first and not _is_full(base, shift, values):
            continue
        thinned = thin(below, shift)
        below = settle(thinned, shift, values)
        if below.count == 0:
            below = one_of(thinned, shift, values)
        levels.append(level_of(shift, below, fit(below, boxes_of(below), shift, values)))
    return levels


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
