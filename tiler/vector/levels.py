"""Generalised levels: what of a layer is drawn where a tile shows much of the ground."""

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from kernels.crossings import find_crossings, spread_nodes
from kernels.rtree import build_tree, tree_nodes
from kernels.shapes import LINE, POINT, POLYGON, size_shapes
from kernels.simplify import coarsen, mark_kept, mark_nodes
from tiler.vector.grid import EXTENT, Grid
from tiler.vector.mend import mend
from tiler.vector.quantise import split_kinds
from tiler.vector.shapes import Shapes, boxes_of, join, pack_cells, take, unpack

TILE_BYTES = 400_000
"""Bytes that the features of a tile of a level are meant to have at most, as estimated."""

TILE_FEATURES = 16_000
"""Features that have their middle in a tile of a level, at most."""

TILE_VERTICES = 16_000
"""Vertices of the fullest tile below which what is stored needs no simpler level."""

TOLERANCE = 2.0
"""How far a simplified line strays at most, tile units: a quarter of a pixel of 512."""

_DUST = 8
"""Side of the square that stands for polygons too small to be seen, tile units: a pixel of 512."""

_RING = 4.0
"""Least area of a ring, tile units."""

_BLOCK = 256
"""Side of the blocks in which dust is added up, tile units."""

_CELL = 4
"""Side of the squares of which one point is drawn, tile units."""

_ROUNDS = 6
"""How often borders are simplified anew with vertices that came back."""

_FRAME_BYTES, _VERTEX_BYTES = 14, 3
"""Of a feature beside its tags, and of each of its vertices, as estimated."""


class Level(msgspec.Struct, frozen=True, eq=False):
    """The features that tiles of some scale are drawn from."""

    shift: int
    """Meant for tile units of 2^shift cells and more; -1 for the features as they are."""

    shapes: Shapes
    boxes: NDArray[np.int32]
    """Lowest x, lowest y, highest x, highest y of each, cells, shape (n, 4)."""
    tree: NDArray[np.int32]
    """What `kernels.rtree` made of the boxes."""


def level_of(shift: int, shapes: Shapes) -> Level:
    """Return features with the means to find them."""
    boxes = boxes_of(shapes)
    tree = np.empty((tree_nodes(shapes.count), 4), np.int32)
    build_tree(boxes, tree)
    return Level(shift, shapes, boxes, tree)


def generalise(base: Level, grid: Grid, tag_bytes: NDArray[np.float32]) -> list[Level]:
    """Return the levels above a layer, from fine to coarse, each made of the one before, with what had no room there.

    They begin with the first scale at which a tile of the layer as it is would have too
    much in it, and end with that of the coarsest tiles.

    Args:
        base: The layer as it is.
        grid: Its grid.
        tag_bytes: Estimate of the bytes that the attributes of each row take in a tile.
    """
    levels: list[Level] = []
    below = base.shapes
    for shift in range(grid.levels):
        if not levels and not _is_full(base, shift, tag_bytes):
            continue
        below = _coarser(below, shift)
        levels.append(level_of(shift, _within_budget(below, shift, tag_bytes)))
    return levels


def _is_full(base: Level, shift: int, tag_bytes: NDArray[np.float32]) -> bool:
    shapes = base.shapes
    if shapes.count == 0:
        return False
    _, tiles = np.unique(_tiles(base.boxes, shift), return_inverse=True)
    lengths = _lengths(shapes)
    weight = _weights(shapes, lengths, tag_bytes)
    return bool(
        np.bincount(tiles, lengths).max() > TILE_VERTICES
        or np.bincount(tiles, weight).max() > TILE_BYTES
        or np.bincount(tiles).max() > TILE_FEATURES
    )


def _coarser(shapes: Shapes, shift: int) -> Shapes:
    unit = float(1 << shift)
    snapped = _coarsen(shapes, np.ones(len(shapes.vertices), np.uint8), shift, unit * unit * _RING)
    kept, odd = _kept(snapped, TOLERANCE * unit)
    thinned = _mend(_coarsen(snapped, kept, 0, unit * unit * _RING), odd, unit)
    return _settle_dust(thinned, unit)


def _coarsen(shapes: Shapes, kept: NDArray[np.uint8], shift: int, least_area: float) -> Shapes:
    parts = np.empty_like(shapes.parts)
    ends = np.empty(len(shapes.ends) + shapes.count, np.uint32)
    vertices = np.empty((len(shapes.vertices) + shapes.count, 2), np.int32)
    part_count, size = coarsen(
        shapes.kinds, shapes.parts, shapes.ends, shapes.vertices, kept, shift, least_area, parts, ends, vertices
    )
    return Shapes(shapes.kinds, shapes.rows, parts, ends[: part_count + 1].copy(), vertices[:size].copy())


def _kept(shapes: Shapes, tolerance: float) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return which vertices stay, and which polygons have edges that meet all the same.

    Where simpler borders cross, what was left out along them comes back, for all who share it.
    """
    keys = (shapes.vertices[:, 0].astype(np.int64) << 32) + shapes.vertices[:, 1]
    order = np.argsort(keys, kind="stable")
    nodes, kept = np.zeros(len(keys), np.uint8), np.empty(len(keys), np.uint8)
    odd = np.empty(shapes.count, np.uint8)
    mark_nodes(shapes.kinds, shapes.parts, shapes.ends, keys, order, nodes)
    for _ in range(_ROUNDS):
        mark_kept(shapes.kinds, shapes.parts, shapes.ends, shapes.vertices, keys, nodes, tolerance, kept)
        if find_crossings(shapes.kinds, shapes.parts, shapes.ends, shapes.vertices, kept, nodes, odd) == 0:
            break
        spread_nodes(keys, order, nodes)
    return kept, np.flatnonzero(odd)


def _mend(thinned: Shapes, odd: NDArray[np.int64], unit: float) -> Shapes:
    """Make polygons valid on the grid whose edges meet all the same."""
    if len(odd) == 0:
        return thinned
    whole = unpack(take(thinned, odd))
    cells = shapely.transform(whole, lambda xy: xy / unit)
    mended, _, _ = mend(cells)
    hopeless = shapely.is_missing(mended)  # so spiky that simpler it crosses itself all over
    mended[hopeless] = shapely.convex_hull(cells[hopeless])
    mended = shapely.transform(shapely.set_precision(mended, 1.0), lambda xy: xy * unit)
    pieces, places = split_kinds(mended)
    areas = shapely.get_dimensions(pieces) == 2
    found = pack_cells(pieces[areas], thinned.rows[odd][places[areas]])
    others = np.setdiff1d(np.arange(thinned.count), odd)
    return join([take(thinned, others), found])


def _settle_dust(shapes: Shapes, unit: float) -> Shapes:
    """Let a few squares stand for polygons too small to be seen, so that as much ground is covered as before.

    Short lines and crowded points are thinned in the same way: of those of a small
    block one stands for so many.
    """
    sizes = np.empty(shapes.count, np.float64)
    size_shapes(shapes.kinds, shapes.parts, shapes.ends, shapes.vertices, sizes)
    boxes = boxes_of(shapes).astype(np.int64)
    middles = (boxes[:, :2] + boxes[:, 2:]) >> 1
    polygons, lines, points = (shapes.kinds == kind for kind in (POLYGON, LINE, POINT))
    dust = _DUST * unit
    small = polygons & (sizes < dust * dust)
    squares = np.flatnonzero(small)[_stand_in(middles[small], np.maximum(sizes[small], unit), dust * dust, unit)]
    short = lines & (sizes < dust)
    drawn = np.flatnonzero(short)[_stand_in(middles[short], np.maximum(sizes[short], unit), dust, unit)]
    seen = np.flatnonzero(points)
    if len(seen):
        cells = middles[seen] // int(_CELL * unit)
        order = np.argsort(scatter(shapes.rows[seen]), kind="stable")
        _, first = np.unique(cells[order], axis=0, return_index=True)
        seen = seen[order[first]]
    rest = np.flatnonzero((polygons & ~small) | (lines & ~short))
    long = take(shapes, np.sort(np.concatenate([rest, drawn, seen])))
    if long.count == 0 and len(squares) == 0:
        squares = np.flatnonzero(polygons)[:1]  # a layer is never out of sight
    return join([long, _squares(shapes.rows[squares], middles[squares], int(dust), int(unit))])


def _stand_in(middles: NDArray[np.int64], sizes: NDArray[np.float64], whole: float, unit: float) -> NDArray[np.int64]:
    """Return which features stand for all: one whenever those of a block have added up to a `whole`."""
    if len(middles) == 0:
        return np.empty(0, np.int64)
    block = middles // int(_BLOCK * unit)
    keys = (block[:, 0] << 32) + block[:, 1]
    order = np.argsort(keys, kind="stable")
    total = np.cumsum(sizes[order])
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order[0]] - 1))
    before = np.repeat(total[starts] - sizes[order][starts], np.diff(starts, append=len(order)))
    reached = np.floor((total - before) / whole + 0.5)
    previous = np.floor((total - sizes[order] - before) / whole + 0.5)
    return np.sort(order[reached > previous])


def _squares(rows: NDArray[np.uint32], middles: NDArray[np.int64], side: int, unit: int) -> Shapes:
    """Return squares around some places, on the grid of a level."""
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


def _within_budget(shapes: Shapes, shift: int, tag_bytes: NDArray[np.float32]) -> Shapes:
    """Leave out the least of what has its middle in a tile that would have too much in it."""
    if shapes.count == 0:
        return shapes
    boxes = boxes_of(shapes)
    _, tiles = np.unique(_tiles(boxes, shift), return_inverse=True)
    weight = _weights(shapes, _lengths(shapes), tag_bytes)
    if np.bincount(tiles, weight).max() <= TILE_BYTES and np.bincount(tiles).max() <= TILE_FEATURES:
        return shapes
    extent = (boxes[:, 2:].astype(np.int64) - boxes[:, :2]).max(axis=1)
    order = np.lexsort((scatter(shapes.rows), -extent, tiles))
    starts = np.flatnonzero(np.diff(tiles[order], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    total = np.cumsum(weight[order])
    within = total - np.repeat(total[starts] - weight[order][starts], lengths)
    place = np.arange(len(order)) - np.repeat(starts, lengths)
    fits = (within <= TILE_BYTES) & (place < TILE_FEATURES) | (place == 0)
    return take(shapes, np.sort(order[fits]))


def scatter(rows: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return a number below 2^32 for each row, such that the lowest ones lie all over the layer."""
    return np.asarray((rows.astype(np.uint64) * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF), dtype=np.int64)


def _tiles(boxes: NDArray[np.int32], shift: int) -> NDArray[np.int64]:
    """Return the tile of a scale in which each box has its middle."""
    middles = (boxes[:, :2].astype(np.int64) + boxes[:, 2:]) >> 1
    tiles = middles >> (shift + EXTENT.bit_length() - 1)
    return np.asarray((tiles[:, 0] << 32) + tiles[:, 1])


def _lengths(shapes: Shapes) -> NDArray[np.int64]:
    return np.diff(shapes.ends.astype(np.int64)[shapes.parts])


def _weights(shapes: Shapes, lengths: NDArray[np.int64], tag_bytes: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(lengths * _VERTEX_BYTES + _FRAME_BYTES + tag_bytes[shapes.rows], np.float64)
