"""What is too small to be seen, or too much for a tile: decided block by block and tile by tile, by nothing else.

Whether a feature is drawn at a scale depends on the features of its block and of its
tile alone, in an order that their places and identifiers give: however they are stored,
and whatever is elsewhere, the answer is the same.
"""

import numpy as np
from numpy.typing import NDArray

from kernels.dust import DUST, gather_settled, middle_cells, middle_places, stand_in
from kernels.shapes import LINE, POINT, POLYGON, size_shapes
from tiler.vector.grid import EXTENT
from tiler.vector.shapes import Shapes, boxes_of, take
from tiler.vector.values import Values, ids_of, weights_of

TILE_BYTES = 400_000
"""Bytes that the features of a tile of a level are meant to have at most, as estimated."""

TILE_FEATURES = 16_000
"""Features that have their middle in a tile of a level, at most."""

BLOCK = 256
"""Side of the blocks in which dust is added up, tile units."""

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
    dust, sizes = _sort_out(shapes, float(1 << shift))
    if not dust.any():
        return shapes
    boxes = boxes_of(shapes)
    side = DUST * float(1 << shift)
    drawn = ~dust
    for kind, whole in ((POLYGON, side * side), (LINE, side), (POINT, 0.0)):
        some = np.flatnonzero(dust & (shapes.kinds == kind))
        if len(some):
            ids = ids_of(values, shapes.rows[some])
            if (ids[1:] < ids[:-1]).any():
                order = np.argsort(ids, kind="stable")
                some, ids = some[order], ids[order]
            drawn[some[_chosen(boxes[some], sizes[some], whole, shift, ids)]] = True
    return _settled(shapes, boxes, np.flatnonzero(drawn), dust & (shapes.kinds == POLYGON), shift)


def settle_all(shapes: Shapes, shift: int, values: Values) -> Shapes:
    """Settle all thinned features of a layer; one is drawn where none would be, so that it is never out of sight."""
    settled = settle(shapes, shift, values)
    if settled.count or shapes.count == 0:
        return settled
    chosen = np.argsort(scatter(ids_of(values, shapes.rows)), kind="stable")[:1]
    one = take(shapes, chosen)
    return _settled(one, boxes_of(one), np.arange(1), one.kinds == POLYGON, shift)


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


def tiles_of(boxes: NDArray[np.int32], shift: int) -> NDArray[np.int64]:
    """Return a number for the tile of a scale in which each box has its middle, as `cells_of` does."""
    return _cells(boxes, shift + EXTENT.bit_length() - 1)


def scatter(ids: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return a number below 2^32 for each identifier, such that the lowest ones lie all over the layer."""
    return np.asarray((ids * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF), dtype=np.int64)


def _settled(
    shapes: Shapes, boxes: NDArray[np.int32], numbers: NDArray[np.int64], squared: NDArray[np.bool_], shift: int
) -> Shapes:
    """Return some features, those that are `squared` as squares."""
    kept = numbers[~squared[numbers]]
    first, last = shapes.parts[kept].astype(np.int64), shapes.parts[kept + 1].astype(np.int64)
    squares = len(numbers) - len(kept)
    part_count = int((last - first).sum()) + squares
    vertex_count = int((shapes.ends[last].astype(np.int64) - shapes.ends[first].astype(np.int64)).sum()) + 4 * squares
    parts, ends = np.empty(len(numbers) + 1, np.uint32), np.empty(part_count + 1, np.uint32)
    vertices = np.empty((vertex_count, 2), np.int32)
    gather_settled(
        numbers,
        squared.astype(np.uint8),
        boxes,
        shift,
        shapes.parts,
        shapes.ends,
        shapes.vertices,
        parts,
        ends,
        vertices,
    )
    return Shapes(shapes.kinds[numbers], shapes.rows[numbers], parts, ends, vertices)


def _sort_out(shapes: Shapes, unit: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Tell which features are dust, and return the area or the length of all, cells."""
    sizes = np.empty(shapes.count, np.float64)
    size_shapes(shapes.kinds, shapes.parts, shapes.ends, shapes.vertices, sizes)
    side = DUST * unit
    least = np.where(shapes.kinds == POLYGON, side * side, side)
    return (sizes < least) | (shapes.kinds == POINT), sizes


def _chosen(
    boxes: NDArray[np.int32], sizes: NDArray[np.float64], whole: float, shift: int, ids: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Return which features of dust of a kind stand for all: lines and areas by their blocks, points one a square.

    Args:
        boxes: Their boxes, shape (n, 4).
        sizes: Area or length of each.
        whole: What makes a whole one; 0 for points.
        shift: The scale.
        ids: Their identifiers, ascending.
    """
    if whole == 0.0:
        order = np.argsort(scatter(ids), kind="stable")
        _, first = np.unique(_cells(boxes, shift + _CELL.bit_length() - 1)[order], return_index=True)
        return np.asarray(order[first])
    fine = max(shift, 1)
    places = np.empty(len(boxes), np.int64)
    middle_places(boxes, fine, places)
    chosen = np.empty(len(boxes), np.uint8)
    bits = 2 * (shift + BLOCK.bit_length() - 1 - fine)
    stand_in(np.argsort(places, kind="stable"), places, bits, sizes, float(1 << shift), whole, chosen)
    return np.flatnonzero(chosen)


def _cells(boxes: NDArray[np.int32], shift: int) -> NDArray[np.int64]:
    cells = np.empty(len(boxes), np.int64)
    middle_cells(np.ascontiguousarray(boxes), shift, cells)
    return cells
