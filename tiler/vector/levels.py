"""Levels: the features that tiles of some scale are drawn from, with the means to find them."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernels.rtree import build_tree, tree_nodes
from tiler.vector.shapes import Shapes, boxes_of

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
