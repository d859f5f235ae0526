"""Geometries as flat arrays of whole cells: the form in which they are stored, simplified and drawn."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from kernels.shapes import HOLE, LINE, OPEN, OUTER, POINT, POLYGON, bound_shapes, gather_shapes, pack_paths
from tiler.vector.grid import MERCATOR, Grid, is_geographic
from tiler.vector.quantise import clip, split_kinds
from tiler.vector.space import transformer

Geometries = NDArray[np.object_]

_DEGREES = "OGC:CRS84"
_CELLS = Grid("", 0.0, 0.0, 1.0, 1)
"""Cells as coordinates."""

_LAST_CELL = 2.0**31 - 1.0
_HALF_TURN = 180.0
_MERCATOR_LATITUDE = 85.0511287798066


class Shapes(msgspec.Struct, frozen=True, eq=False):
    """Features, each of one kind, in the order of their rows; a row may have several. Nothing in it is changed."""

    kinds: NDArray[np.uint8]
    """1 for points, 2 for lines, 3 for polygons (Vector Tile Specification 2.1, clause 4.3.4), shape (n,)."""

    rows: NDArray[np.uint32]
    """Row of the layer each belongs to, shape (n,)."""

    parts: NDArray[np.uint32]
    """First part of each feature, and the end of the last, shape (n + 1,)."""

    ends: NDArray[np.uint32]
    """First vertex of each part, and the end of the last, shape (m + 1,).

    A part is a point, a line, or a ring whose first vertex is not repeated: outer rings
    clockwise as seen on a screen, each with its holes after it the other way.
    """

    vertices: NDArray[np.int32]
    """Column and row of the cell of each vertex, shape (v, 2)."""

    @property
    def count(self) -> int:
        """Number of features."""
        return len(self.kinds)


def no_shapes() -> Shapes:
    """Return no features."""
    return Shapes(
        np.empty(0, np.uint8),
        np.empty(0, np.uint32),
        np.zeros(1, np.uint32),
        np.zeros(1, np.uint32),
        np.empty((0, 2), np.int32),
    )


def pack(geometries: Geometries, rows: NDArray[np.uint32], grid: Grid, crs: str) -> Shapes:
    """Return geometries on a grid; what lies where the CRS of the grid has no place is cut off.

    Args:
        geometries: None empty, each of one kind, shape (n,).
        rows: Row of each, ascending, shape (n,).
        grid: The grid.
        crs: CRS of the geometries, x then y.
    """
    if len(geometries) == 0:
        return no_shapes()
    paths, roles, part_counts = _paths(geometries)
    lengths = shapely.get_num_coordinates(paths)
    path_ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.uint32)
    given = shapely.get_coordinates(paths)
    coordinates = given if crs == grid.crs else _way(crs, grid.crs)(given)
    owners = np.repeat(np.repeat(np.arange(len(geometries)), part_counts), lengths)
    beyond = _beyond(given, coordinates, owners, crs, grid)
    if not beyond.any():
        return _pack(paths, roles, part_counts, path_ends, coordinates, geometries, rows, grid)
    whole = pack(geometries[~beyond], rows[~beyond], grid, crs)
    return join([whole, _pack_cut(geometries[beyond], rows[beyond], grid, crs)])


def pack_wkb(wkb: NDArray[np.object_], rows: NDArray[np.uint32], grid: Grid, crs: str) -> Shapes:
    """Return geometries on a grid, those of a collection by their kinds, heights left out; none of what is missing.

    Args:
        wkb: Well-known binary or None, shape (n,).
        rows: Row of each, ascending, shape (n,).
        grid: The grid.
        crs: CRS of the geometries, x then y.
    """
    geometries = shapely.force_2d(shapely.from_wkb(wkb))
    geometries[shapely.is_missing(geometries)] = shapely.Point()
    pieces, places = split_kinds(geometries)
    return pack(pieces, rows[places], grid, crs)


def pack_cells(geometries: Geometries, rows: NDArray[np.uint32]) -> Shapes:
    """Return geometries whose x and y are cells, y going down: what `unpack` makes, back again.

    Args:
        geometries: None empty, each of one kind, shape (n,).
        rows: Row of each, ascending, shape (n,).
    """
    upright = shapely.transform(geometries, lambda xy: xy * np.array([1.0, -1.0]))
    return pack(upright, rows, _CELLS, _CELLS.crs)


def take(shapes: Shapes, numbers: NDArray[np.int64]) -> Shapes:
    """Return some features, in the order of their numbers."""
    first, last = shapes.parts[numbers].astype(np.int64), shapes.parts[numbers + 1].astype(np.int64)
    part_count = int((last - first).sum())
    vertex_count = int((shapes.ends[last].astype(np.int64) - shapes.ends[first].astype(np.int64)).sum())
    new_parts = np.empty(len(numbers) + 1, np.uint32)
    new_ends = np.empty(part_count + 1, np.uint32)
    vertices = np.empty((vertex_count, 2), np.int32)
    gather_shapes(numbers, shapes.parts, shapes.ends, shapes.vertices, new_parts, new_ends, vertices)
    return Shapes(shapes.kinds[numbers], shapes.rows[numbers], new_parts, new_ends, vertices)


def join(several: Sequence[Shapes]) -> Shapes:
    """Return the features of several, in the order of their rows."""
    together = chain(several)
    if (np.diff(together.rows.astype(np.int64)) >= 0).all():
        return together
    return take(together, np.argsort(together.rows, kind="stable"))


def chain(several: Sequence[Shapes]) -> Shapes:
    """Return the features of several, one after the other."""
    several = [one for one in several if one.count]
    if len(several) == 1:
        return several[0]
    if not several:
        return no_shapes()
    part_base = np.cumsum([0, *(len(one.ends) - 1 for one in several)])
    vertex_base = np.cumsum([0, *(len(one.vertices) for one in several)])
    return Shapes(
        np.concatenate([one.kinds for one in several]),
        np.concatenate([one.rows for one in several]),
        _chained([one.parts for one in several], part_base),
        _chained([one.ends for one in several], vertex_base),
        np.concatenate([one.vertices for one in several]),
    )


def are_same(one: Shapes, numbers: NDArray[np.int64], other: Shapes, others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which pairs of features of two lists have the same parts and vertices, in the same order.

    Args:
        one: The first list.
        numbers: Features of it, shape (k,).
        other: The second list.
        others: Features of it, shape (k,).
    """
    first, second = take(one, numbers), take(other, others)
    same = np.diff(first.parts.astype(np.int64)) == np.diff(second.parts.astype(np.int64))
    firsts, seconds = first.ends.astype(np.int64)[first.parts], second.ends.astype(np.int64)[second.parts]
    same &= np.diff(firsts) == np.diff(seconds)
    pairs = np.flatnonzero(same)
    if len(pairs) == 0:
        return np.asarray(same)
    first, second = take(first, pairs), take(second, pairs)
    vertices = (first.vertices == second.vertices).all(axis=1)
    equal = np.logical_and.reduceat(vertices, first.ends.astype(np.int64)[first.parts[:-1]])
    equal &= np.logical_and.reduceat(first.ends[1:] == second.ends[1:], first.parts[:-1].astype(np.int64))
    same[pairs] = equal
    return np.asarray(same)


def boxes_of(shapes: Shapes) -> NDArray[np.int32]:
    """Return lowest x, lowest y, highest x, highest y of each feature, cells, shape (n, 4)."""
    boxes = np.empty((shapes.count, 4), np.int32)
    bound_shapes(shapes.parts, shapes.ends, shapes.vertices, boxes)
    return boxes


def unpack(shapes: Shapes) -> Geometries:
    """Return features as multi-geometries in cells, y going down; parts that are too short are left out."""
    result = np.full(shapes.count, shapely.Point(), object)
    for kind in (POINT, LINE, POLYGON):
        numbers = np.flatnonzero(shapes.kinds == kind)
        if len(numbers):
            result[numbers] = _unpack_kind(take(shapes, numbers), kind)
    return result


def _unpack_kind(shapes: Shapes, kind: int) -> Geometries:
    parts, ends = shapes.parts.astype(np.int64), shapes.ends.astype(np.int64)
    xy = shapes.vertices.astype(np.float64)
    if kind == POINT:
        return _ragged(shapely.GeometryType.MULTIPOINT, xy, (ends[parts],))
    lengths = np.diff(ends)
    usable = lengths >= kind  # two vertices of a line, three of a ring
    part_base = np.concatenate([[0], np.cumsum(usable)])
    starts, lengths = ends[:-1][usable], lengths[usable]
    closing = 1 if kind == POLYGON else 0
    firsts = np.concatenate([[0], np.cumsum(lengths + closing)])
    step = np.arange(firsts[-1]) - np.repeat(firsts[:-1], lengths + closing)
    xy = xy[np.repeat(starts, lengths + closing) + step % np.repeat(lengths, lengths + closing)]
    if kind == LINE:
        return _ragged(shapely.GeometryType.MULTILINESTRING, xy, (firsts, part_base[parts]))
    outer = np.concatenate([_turns_right(xy, firsts), [True]])
    outer[part_base[parts]] = True
    polygons = np.flatnonzero(outer)
    return _ragged(
        shapely.GeometryType.MULTIPOLYGON, xy, (firsts, polygons, np.searchsorted(polygons, part_base[parts]))
    )


def _turns_right(xy: NDArray[np.float64], firsts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which closed rings are outer ones."""
    if len(firsts) < 2:
        return np.empty(0, bool)
    near = xy - np.repeat(xy[firsts[:-1]], np.diff(firsts), axis=0)
    cross = near[:-1, 0] * near[1:, 1] - near[1:, 0] * near[:-1, 1]
    cross = np.append(cross, 0.0)
    cross[firsts[1:] - 1] = 0.0
    return np.asarray(np.add.reduceat(cross, firsts[:-1]) > 0)


def _ragged(kind: shapely.GeometryType, xy: NDArray[np.float64], offsets: tuple[NDArray[np.int64], ...]) -> Geometries:
    return np.asarray(shapely.from_ragged_array(kind, xy, offsets), object)


def _paths(geometries: Geometries) -> tuple[Geometries, NDArray[np.uint8], NDArray[np.int64]]:
    """Return points, lines and rings in the order of the geometries, what each is, and how many a geometry has."""
    singles, index = shapely.get_parts(geometries, return_index=True)
    filled = ~shapely.is_empty(singles)
    singles, index = singles[filled], index[filled]
    areas = shapely.get_dimensions(singles) == 2
    rings, ring_index = shapely.get_rings(singles[areas], return_index=True)
    counts = np.ones(len(singles), np.int64)
    counts[areas] = np.bincount(ring_index, minlength=int(areas.sum()))
    firsts = np.cumsum(counts) - counts
    paths = np.empty(int(counts.sum()), object)
    is_ring = np.ones(len(paths), bool)
    is_ring[firsts[~areas]] = False
    paths[is_ring], paths[~is_ring] = rings, singles[~areas]
    roles = np.where(is_ring, HOLE, OPEN).astype(np.uint8)
    roles[firsts[areas]] = OUTER
    return paths, roles, np.bincount(index, weights=counts, minlength=len(geometries)).astype(np.int64)


def _pack(
    paths: Geometries,
    roles: NDArray[np.uint8],
    part_counts: NDArray[np.int64],
    path_ends: NDArray[np.uint32],
    coordinates: NDArray[np.float64],
    geometries: Geometries,
    rows: NDArray[np.uint32],
    grid: Grid,
) -> Shapes:
    ends = np.empty(len(paths) + 1, np.uint32)
    vertices = np.empty((len(coordinates), 2), np.int32)
    flat = np.ascontiguousarray(coordinates)
    size = pack_paths(flat, path_ends, roles, grid.origin_x, grid.origin_y, grid.cell, ends, vertices)
    parts = np.concatenate([[0], np.cumsum(part_counts)]).astype(np.uint32)
    kinds = (shapely.get_dimensions(geometries) + 1).astype(np.uint8)
    return Shapes(kinds, rows.astype(np.uint32), parts, ends, vertices[:size])


def _beyond(
    given: NDArray[np.float64], moved: NDArray[np.float64], owners: NDArray[np.int64], crs: str, grid: Grid
) -> NDArray[np.bool_]:
    """Tell which geometries leave the grid, or the turn of longitudes that it has.

    Args:
        given: Their coordinates, shape (v, 2).
        moved: The same in the CRS of the grid.
        owners: Number of the geometry of each, ascending.
        crs: CRS of the coordinates as given.
        grid: The grid.
    """
    column = (moved[:, 0] - grid.origin_x) / grid.cell
    row = (grid.origin_y - moved[:, 1]) / grid.cell
    with np.errstate(invalid="ignore"):
        outside = ~((np.abs(column) <= _LAST_CELL + 1.5) & (np.abs(row) <= _LAST_CELL + 1.5))
    turns = crs != grid.crs and is_geographic(crs)
    if turns:
        outside |= np.abs(given[:, 0]) > _HALF_TURN
    beyond = np.zeros(int(owners[-1]) + 1, bool)
    beyond[owners[outside]] = True
    if crs != grid.crs and grid.crs == MERCATOR and not turns:  # from one edge of the world to the other: it goes round
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        width = np.maximum.reduceat(column, starts) - np.minimum.reduceat(column, starts)
        with np.errstate(invalid="ignore"):
            beyond[owners[starts]] |= width > _LAST_CELL
    return beyond


def _pack_cut(geometries: Geometries, rows: NDArray[np.uint32], grid: Grid, crs: str) -> Shapes:
    """Pack what of some geometries lies where the grid has cells."""
    cut = _within_turn(geometries, crs, _MERCATOR_LATITUDE if grid.crs == MERCATOR else 90.0)
    if grid.crs != _DEGREES:
        cut = shapely.transform(cut, _way(_DEGREES, grid.crs))
    finite = np.isfinite(shapely.bounds(cut).reshape(-1, 4)).all(axis=1)
    reach = (_LAST_CELL - 1.0) * grid.cell
    x, y = grid.origin_x, grid.origin_y
    cut[~finite] = shapely.Point()
    cut = clip(cut, (x - reach, y - reach, x + reach, y + reach))
    pieces, places = split_kinds(cut)
    return pack(pieces, rows[places], grid, grid.crs)


def _within_turn(geometries: Geometries, crs: str, top: float) -> Geometries:
    """Return geometries in degrees, between -180 and 180: what lies beyond comes back on the other side."""
    degrees = shapely.transform(geometries, _way(crs, _DEGREES))
    if not is_geographic(crs):
        west, _, east, _ = shapely.bounds(degrees).reshape(-1, 4).T
        round_about = east - west > _HALF_TURN
        degrees[round_about] = shapely.transform(
            degrees[round_about], lambda xy: xy + (xy < [0.0, -np.inf]) * np.array([360.0, 0.0])
        )
    degrees = shapely.make_valid(degrees)
    found = np.full(len(degrees), shapely.Point(), object)
    for turn in (-360.0, 0.0, 360.0):
        cut = shapely.intersection(degrees, shapely.box(-180.0 + turn, -top, 180.0 + turn, top))
        found = shapely.union(found, shapely.transform(cut, lambda xy, by=turn: xy - [by, 0.0]))
    return np.asarray(found, object)


def _way(crs: str, target: str) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    way = transformer(crs, target)
    return lambda xy: np.column_stack(way.transform(xy[:, 0], xy[:, 1]))


def _chained(offsets: Sequence[NDArray[np.uint32]], bases: NDArray[np.int64]) -> NDArray[np.uint32]:
    moved = [one[:-1].astype(np.int64) + base for one, base in zip(offsets, bases, strict=False)]
    return np.concatenate([*moved, [bases[-1]]]).astype(np.uint32)
