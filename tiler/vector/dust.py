"""What is too small to be seen, or too much for a tile: decided block by block and tile by tile, by nothing else.

Whether a feature is drawn at a scale depends on the features of its block and of its
tile alone, in an order that their places and identifiers give: however they are stored,
and whatever is elsewhere, the answer is the same.
"""

import numpy as np
from numpy.typing import NDArray

from kernels.dust import stand_in
from kernels.hilbert import hilbert_keys
from kernels.shapes import POINT, POLYGON, size_shapes
from tiler.vector.grid import EXTENT
from tiler.vector.shapes import Shapes, boxes_of, join, take
from tiler.vector.values import Values, ids_of, weights_of

TILE_BYTES = 400_000
"""Bytes that the features of a tile of a level are meant to have at most, as estimated."""

TILE_FEATURES = 16_000
"""Features that have their middle in a tile of a level, at most."""

BLOCK = 256
"""Side of the blocks in which dust is added up, tile units."""

_DUST = 8
"""Side of the square that stands for polygons too small to be seen, tile units: a pixel of 512."""

_CELL = 4
"""Side of the squares of which one point is drawn, tile units."""

_FRAME_BYTES, _VERTEX_BYTES = 14, 3
"""Of a feature beside its tags, and of each of its vertices, as estimated."""


def middles_of(boxes: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the cell in the middle of each box, shape (n, 2)."""
    wide = boxes.astype(np.int64)
    return (wide[:, :2] + wide[:, 2:]) >> 1


def cells_of(middles: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Return a number for the square in which each place lies.

    Args:
        middles: Cells, shape (n, 2).
        side: Of the squares, cells.
    """
    found = middles // side
    return np.asarray((found[:, 0] << 32) + found[:, 1])


def is_dust(shapes: Shapes, shift: int) -> NDArray[np.bool_]:
    """Tell which thinned features are too small to be drawn each: polygons, lines and all points."""
    return _sort_out(shapes, float(1 << shift))[0]


def settle(shapes: Shapes, shift: int, values: Values) -> Shapes:
    """Let a few squares stand for polygons too small to be seen, so that as much ground is covered as before.

    Short lines and crowded points are thinned in the same way: of those of a small
    block one stands for so many.

    Args:
        shapes: Thinned features: of a block all that are dust, or none.
        shift: The level is meant for tile units of 2^shift cells.
        values: Attributes of the layer.
    """
    unit = float(1 << shift)
    dust, sizes = _sort_out(shapes, unit)
    small = np.flatnonzero(dust)
    if len(small) == 0:
        return shapes
    middles, kinds, ids = middles_of(boxes_of(shapes))[small], shapes.kinds[small], ids_of(values, shapes.rows[small])
    drawn = small[_stand_ins(middles, sizes[small], kinds, ids, shift)]
    squares = drawn[shapes.kinds[drawn] == POLYGON]
    others = np.concatenate([np.flatnonzero(~dust), drawn[shapes.kinds[drawn] != POLYGON]])
    places = middles[np.searchsorted(small, squares)]
    return join([take(shapes, np.sort(others)), squares_at(shapes.rows[squares], places, shift)])


def one_of(shapes: Shapes, shift: int, values: Values) -> Shapes:
    """Return the one of some thinned features that is drawn where none would be: a layer is never out of sight."""
    if shapes.count == 0:
        return shapes
    chosen = np.argsort(scatter(ids_of(values, shapes.rows)), kind="stable")[:1]
    one = take(shapes, chosen)
    return squares_at(one.rows, middles_of(boxes_of(one)), shift) if one.kinds[0] == POLYGON else one


def fit(shapes: Shapes, boxes: NDArray[np.int32], shift: int, values: Values) -> NDArray[np.bool_]:
    """Tell which features are drawn: of what has its middle in a tile with too much in it the least is left out.

    Args:
        shapes: Of a tile all features that have their middle there, or none.
        boxes: Their boxes.
        shift: The scale of the tiles.
        values: Attributes of the layer.
    """
    shown = np.ones(shapes.count, bool)
    if shapes.count == 0:
        return shown
    _, tiles = np.unique(tiles_of(boxes, shift), return_inverse=True)
    weight = costs_of(shapes, values)
    full = (np.bincount(tiles, weight) > TILE_BYTES) | (np.bincount(tiles) > TILE_FEATURES)
    crowded = np.flatnonzero(full[tiles])
    if len(crowded) == 0:
        return shown
    extent = (boxes[crowded, 2:].astype(np.int64) - boxes[crowded, :2]).max(axis=1)
    order = crowded[np.lexsort((scatter(ids_of(values, shapes.rows[crowded])), -extent, tiles[crowded]))]
    starts = np.flatnonzero(np.diff(tiles[order], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    total = np.cumsum(weight[order])
    within = total - np.repeat(total[starts] - weight[order][starts], lengths)
    place = np.arange(len(order)) - np.repeat(starts, lengths)
    shown[order] = (within <= TILE_BYTES) & (place < TILE_FEATURES) | (place == 0)
    return shown


def costs_of(shapes: Shapes, values: Values) -> NDArray[np.int64]:
    """Return about how many bytes each feature takes in a tile."""
    return lengths_of(shapes) * _VERTEX_BYTES + _FRAME_BYTES + weights_of(values, shapes.rows)


def lengths_of(shapes: Shapes) -> NDArray[np.int64]:
    """Return how many vertices each feature has."""
    return np.diff(shapes.ends.astype(np.int64)[shapes.parts])


def tiles_of(boxes: NDArray[np.int32] | NDArray[np.int64], shift: int) -> NDArray[np.int64]:
    """Return a number for the tile of a scale in which each box has its middle."""
    return cells_of(middles_of(boxes), EXTENT << shift)


def scatter(ids: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return a number below 2^32 for each identifier, such that the lowest ones lie all over the layer."""
    return np.asarray((ids * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF), dtype=np.int64)


def squares_at(rows: NDArray[np.uint32], middles: NDArray[np.int64], shift: int) -> Shapes:
    """Return squares around some places, on the grid of a level."""
    unit = 1 << shift
    side = _DUST * unit
    low = np.clip(((middles - side // 2) // unit) * unit, -(2**31), 2**31 - 1 - side)
    corners = np.array([[0, 0], [side, 0], [side, side], [0, side]])
    count = len(rows)
    return Shapes(
        np.full(count, POLYGON, np.uint8),
        rows,
        np.arange(count + 1, dtype=np.uint32),
        np.arange(0, 4 * count + 1, 4, dtype=np.uint32),
        (low[:, None, :] + corners[None]).reshape(-1, 2).astype(np.int32),
    )


def _sort_out(shapes: Shapes, unit: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Tell which features are dust, and return the area or the length of all, cells."""
    sizes = np.empty(shapes.count, np.float64)
    size_shapes(shapes.kinds, shapes.parts, shapes.ends, shapes.vertices, sizes)
    side = _DUST * unit
    least = np.where(shapes.kinds == POLYGON, side * side, side)
    return (sizes < least) | (shapes.kinds == POINT), sizes


def _stand_ins(
    middles: NDArray[np.int64],
    sizes: NDArray[np.float64],
    kinds: NDArray[np.uint8],
    ids: NDArray[np.uint64],
    shift: int,
) -> NDArray[np.int64]:
    """Return which features of dust stand for all."""
    unit = 1 << shift
    keys = np.empty(len(middles), np.int64)
    x, y = np.ascontiguousarray(middles.T.astype(np.float64))
    finest = min(31, 32 - shift)
    hilbert_keys(x, y, -(2.0**31), -(2.0**31), 2.0 ** (32 - finest), finest, keys)
    order = np.lexsort((ids, keys, kinds))
    side = _DUST * float(unit)
    chosen = np.empty(len(order), np.uint8)
    blocks = cells_of(middles, BLOCK * unit)
    wholes = np.where(kinds == POLYGON, side * side, side)
    stand_in(order, kinds, blocks, np.maximum(sizes, float(unit)), wholes, chosen)
    points = np.flatnonzero(kinds == POINT)
    if len(points):
        nearest = points[np.argsort(scatter(ids[points]), kind="stable")]
        _, first = np.unique(cells_of(middles[nearest], _CELL * unit), return_index=True)
        chosen[points] = 0
        chosen[nearest[first]] = 1
    return np.flatnonzero(chosen)
