"""One vector tile from stored shapes: found, drawn, written, bounded in features and bytes."""

import math
from collections.abc import Callable

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from core.layer import Bounds
from kernels.drawing import FULL, draw, list_drawn, measure
from kernels.mvt import write_layer
from kernels.rtree import search_tree
from tiler.protobuf import bytes_field, number_field
from tiler.vector.grid import EXTENT, Grid
from tiler.vector.levels import Level, scatter
from tiler.vector.quantise import clip, quantise, split_kinds
from tiler.vector.shapes import Shapes, boxes_of, pack_cells, take, unpack
from tiler.vector.space import BUFFER, query_box, to_tile
from tiler.vector.values import Values, encode_keys

PLAN = "columns"
"""Name of the plan in Server-Timing and in the metrics, where a tile is drawn from shapes stored in its CRS."""

FOREIGN_PLAN = "reprojection"
"""The same where the shapes are those of another CRS."""

MAX_BYTES = 500_000
"""Size beyond which a tile is thinned, bytes before compression."""

MAX_FEATURES = 20_000
"""Features a tile holds at most."""

_SAME = 1e-9
"""Relative difference of scales that are taken to be the same."""

_ALIGNED = 1e-3
"""Cells by which the corner of a tile may miss the grid and count as on it."""

_FAR = 2.0**40
"""A cell beyond all: where a box has no end."""

_FOUND = 32_768
"""Features that a search has room for before it is done again with more."""

_LARGE = 500
"""Vertices from which a polygon is cut roughly first."""

_WINDOW = 512
"""Units beyond the tile's edges that such a cut leaves."""

_LAYER, _VERSION, _NAME, _EXTENT = 3, 15, 1, 5
"""Numbers of the fields of a tile and of a layer (clause 4.1)."""

_LOW, _HIGH = -BUFFER, EXTENT + BUFFER
_CLIP = (float(_LOW), float(_LOW), float(_HIGH), float(_HIGH))


Holds = Callable[[NDArray[np.uint32]], NDArray[np.bool_]]
"""Tells of rows which are wanted."""


class TileSource(msgspec.Struct, frozen=True, eq=False):
    """A layer ready to be drawn in tiles. Nothing in it is changed."""

    grid: Grid
    levels: tuple[Level, ...]
    """The features as they are, then generalised ones from fine to coarse."""
    values: Values


class _Place(msgspec.Struct, frozen=True):
    """Where a tile lies on a grid."""

    origin_x: float
    """Cell of the left edge."""
    origin_y: float
    """Cell of the upper edge."""
    unit: float
    """Cells of a unit of the tile."""


class _Drawing(msgspec.Struct, frozen=True, eq=False):
    """Features as drawing commands."""

    rows: NDArray[np.uint32]
    kinds: NDArray[np.uint8]
    sizes: NDArray[np.int64]
    """Width or height of each, the larger, in any unit that is the same for all."""
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    commands: NDArray[np.uint8]


def encode_tile(
    source: TileSource,
    name: str,
    *,
    bounds: Bounds,
    crs: str,
    keys: frozenset[str] | None = None,
    holds: Holds | None = None,
) -> bytes:
    """Encode a tile of a layer (Vector Tile Specification 2.1), empty when nothing lies in it.

    The identifier of a feature is that of its row. Where there is too much to draw, the
    smallest features go first, and always the same ones.

    Args:
        source: The layer.
        name: Its name in the tile.
        bounds: West, south, east, north of the tile, x then y of `crs`.
        crs: CRS of the tile.
        keys: Names of the attributes to give; None for all.
        holds: Tells which rows are drawn; None for all.
    """
    drawing = _draw_own(source, bounds, holds) if crs == source.grid.crs else _draw_foreign(source, bounds, crs, holds)
    if drawing is None:
        return b""
    columns = np.array([n for n, key in enumerate(source.values.keys) if keys is None or key in keys], np.int64)
    count = len(drawing.rows)
    data = b""
    if count <= MAX_FEATURES:
        data = _write(source.values, drawing, np.arange(count), columns, name)
        if len(data) <= MAX_BYTES:
            return data
    order = _by_importance(drawing)
    while True:
        count = max(1, int(count * 0.9 * MAX_BYTES / len(data))) if data else MAX_FEATURES
        data = _write(source.values, drawing, np.sort(order[:count]), columns, name)
        if len(data) <= MAX_BYTES or count == 1:
            return data


def level_for(source: TileSource, unit: float) -> Level:
    """Return the level from which tiles with units of so many cells are drawn: the coarsest that is no coarser."""
    chosen = source.levels[0]
    for level in source.levels[1:]:
        if 2.0**level.shift <= unit * (1.0 + _SAME):
            chosen = level
    return chosen


def _draw_own(source: TileSource, bounds: Bounds, holds: Holds | None) -> _Drawing | None:
    """Draw a tile whose CRS is that of the shapes."""
    place = _place(source.grid, bounds)
    level = level_for(source, place.unit)
    margin = (BUFFER + 1) * place.unit
    side = EXTENT * place.unit
    west, top = place.origin_x - margin, place.origin_y - margin
    reach = side + 2.0 * margin
    found = _search(level, (west, top, west + reach, top + reach), holds)
    if len(found) == 0:
        return None
    drawing, odd = _draw(level.shapes, level.boxes, found, place, sound=_is_sound(level, place))
    if len(odd):
        scale = 1.0 / place.unit
        geometries = shapely.transform(
            unpack(take(level.shapes, odd)), lambda xy: (xy - [place.origin_x, place.origin_y]) * scale
        )
        drawing = _joined(drawing, _draw_geometries(_near(geometries), level.shapes.rows[odd], 0.0), scale)
    return drawing if len(drawing.rows) else None


def _draw_foreign(source: TileSource, bounds: Bounds, crs: str, holds: Holds | None) -> _Drawing | None:
    """Draw a tile of another CRS than that of the shapes."""
    grid = source.grid
    box = query_box(bounds, crs, grid.crs)
    if box is None:
        return None
    west, south, east, north = box
    level = level_for(source, max(east - west, north - south) / grid.cell / (EXTENT + 4 * BUFFER))
    left, right = (west - grid.origin_x) / grid.cell, (east - grid.origin_x) / grid.cell
    top, bottom = (grid.origin_y - north) / grid.cell, (grid.origin_y - south) / grid.cell
    found = _search(level, (left, top, right, bottom), holds)
    if len(found) == 0:
        return None
    origin = np.array([grid.origin_x, grid.origin_y])
    geometries = shapely.transform(unpack(take(level.shapes, found)), lambda xy: origin + xy * [grid.cell, -grid.cell])
    placed = to_tile(clip(geometries, box), bounds, crs, grid.crs)
    drawing = _draw_geometries(placed, level.shapes.rows[found], 0.5)
    return drawing if len(drawing.rows) else None


def _place(grid: Grid, bounds: Bounds) -> _Place:
    west, _, east, north = bounds
    x, y = (west - grid.origin_x) / grid.cell, (grid.origin_y - north) / grid.cell
    unit = (east - west) / EXTENT / grid.cell
    near_x, near_y, near_unit = float(round(x)), float(round(y)), 2.0 ** round(math.log2(unit))
    aligned = abs(x - near_x) < _ALIGNED and abs(y - near_y) < _ALIGNED and abs(unit / near_unit - 1.0) < _SAME
    return _Place(near_x, near_y, near_unit) if aligned else _Place(x, y, unit)


def _is_sound(level: Level, place: _Place) -> bool:
    """Tell whether rounding changes nothing of a level's shapes, which are valid."""
    unit = 2.0**level.shift
    return level.shift >= 0 and place.unit == unit and place.origin_x % unit == 0 and place.origin_y % unit == 0


def _search(level: Level, box: Bounds, holds: Holds | None) -> NDArray[np.int64]:
    """Return the features of a level whose box meets another (lowest x, lowest y, highest x, highest y, cells)."""
    low_x, low_y, high_x, high_y = (min(max(value, -_FAR), _FAR) for value in box)
    low_x, low_y, high_x, high_y = math.floor(low_x), math.floor(low_y), math.ceil(high_x), math.ceil(high_y)
    found = np.empty(min(_FOUND, level.shapes.count), np.int64)
    count = search_tree(level.boxes, level.tree, low_x, low_y, high_x, high_y, found)
    if count > len(found):
        found = np.empty(count, np.int64)
        search_tree(level.boxes, level.tree, low_x, low_y, high_x, high_y, found)
    found = found[:count]
    return found[holds(level.shapes.rows[found])] if holds is not None and count else found


def _draw(
    shapes: Shapes, boxes: NDArray[np.int32], found: NDArray[np.int64], place: _Place, *, sound: bool
) -> tuple[_Drawing, NDArray[np.int64]]:
    """Return what features look like, and the numbers of those that are not valid on the tile's units."""
    vertices, largest, most = measure(found, shapes.parts, shapes.ends)
    stops, states = np.empty(len(found), np.int64), np.empty(len(found), np.uint8)
    room = 5 * vertices + 16 * len(found) + 256
    while True:
        commands = np.empty(room, np.uint8)
        size = draw(
            found, shapes.kinds, shapes.parts, shapes.ends, shapes.vertices, boxes, place.origin_x, place.origin_y,
            1.0 / place.unit, _LOW, _HIGH, sound, stops, states, commands, largest, most,
        )  # fmt: skip
        if size != FULL:
            break
        room *= 2
    rows, kinds, odd = np.empty(len(found), np.uint32), np.empty(len(found), np.uint8), np.empty(len(found), np.int64)
    sizes, starts = np.empty(len(found), np.int64), np.empty(len(found), np.int64)
    count, left = list_drawn(
        found, shapes.rows, shapes.kinds, boxes, states, stops, rows, kinds, sizes, starts, odd
    )  # fmt: skip
    drawing = _Drawing(rows[:count], kinds[:count], sizes[:count], starts[:count], stops[:count], commands[:size])
    return drawing, odd[:left]


def _near(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """Cut very large polygons roughly, well outside the tile: to look at all of them costs more than to draw them."""
    large = (shapely.get_num_coordinates(geometries) > _LARGE) & shapely.is_valid(geometries)
    result = geometries.copy()
    result[large] = shapely.clip_by_rect(geometries[large], -_WINDOW, -_WINDOW, EXTENT + _WINDOW, EXTENT + _WINDOW)
    return result


def _draw_geometries(geometries: NDArray[np.object_], rows: NDArray[np.uint32], tolerance: float) -> _Drawing:
    """Draw geometries that are given in units of the tile, by the slow and sure way."""
    pieces, places = split_kinds(geometries)
    drawn = quantise(pieces, _CLIP, tolerance)
    seen = ~shapely.is_empty(drawn)
    shapes = pack_cells(drawn[seen], rows[places[seen]])
    if shapes.count == 0:
        none = np.empty(0, np.int64)
        return _Drawing(shapes.rows, shapes.kinds, none, none, none, np.empty(0, np.uint8))
    found = np.arange(shapes.count)
    drawing, _ = _draw(shapes, boxes_of(shapes), found, _Place(0.0, 0.0, 1.0), sound=True)
    return drawing


def _joined(one: _Drawing, other: _Drawing, scale: float) -> _Drawing:
    """Return two drawings as one, in the order of their rows; sizes of the first are scaled."""
    rows = np.concatenate([one.rows, other.rows])
    order = np.argsort(rows, kind="stable")
    base = len(one.commands)
    return _Drawing(
        rows[order],
        np.concatenate([one.kinds, other.kinds])[order],
        np.concatenate([(one.sizes * scale).astype(np.int64), other.sizes])[order],
        np.concatenate([one.starts, other.starts + base])[order],
        np.concatenate([one.stops, other.stops + base])[order],
        np.concatenate([one.commands, other.commands]),
    )


def _by_importance(drawing: _Drawing) -> NDArray[np.int64]:
    """Return the features from the largest to the smallest, equal ones in an order that is always the same."""
    return np.lexsort((scatter(drawing.rows), -drawing.sizes))


def _write(values: Values, drawing: _Drawing, kept: NDArray[np.int64], columns: NDArray[np.int64], name: str) -> bytes:
    """Return a tile of one layer."""
    key_ends, keys = encode_keys(values.keys)
    tags = len(kept) * len(columns)
    slots = 1 << max(4, int(2 * tags - 1).bit_length())
    room = int((drawing.stops - drawing.starts)[kept].sum()) + len(kept) * (48 + 6 * len(columns)) + 65_536
    while True:
        data = np.empty(room, np.uint8)
        size = write_layer(
            kept, drawing.rows, drawing.kinds, values.ids, drawing.starts, drawing.stops, drawing.commands,
            values.codes, columns, values.ends, values.messages, key_ends, keys, np.full(2 * slots, -1, np.int64),
            np.full(len(values.keys), -1, np.int64), np.empty(tags + 1, np.int64), data,
        )  # fmt: skip
        if size >= 0:
            break
        room *= 2
    head = number_field(_VERSION, 2) + bytes_field(_NAME, name.encode())
    return bytes_field(_LAYER, head + data[:size].tobytes() + number_field(_EXTENT, EXTENT))
