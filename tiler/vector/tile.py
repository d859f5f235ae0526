"""One vector tile from stored shapes: found, drawn, written, bounded in features and bytes."""

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from core.layer import Bounds
from kernels.drawing import FULL, draw, list_drawn, measure
from kernels.mvt import write_layer
from tiler.protobuf import bytes_field, number_field
from tiler.vector.dust import scatter
from tiler.vector.grid import EXTENT
from tiler.vector.layer import Holds, TileSource, levels_at, search
from tiler.vector.levels import Level
from tiler.vector.quantise import clip, quantise, split_kinds
from tiler.vector.reach import Place, foreign_reach, own_reach, place_of
from tiler.vector.shapes import Shapes, boxes_of, pack_cells, take, unpack
from tiler.vector.space import BUFFER, query_box, to_tile
from tiler.vector.values import Values, encode_keys, ids_of, no_values

PLAN = "columns"
"""Name of the plan in Server-Timing and in the metrics, where a tile is drawn from shapes stored in its CRS."""

FOREIGN_PLAN = "reprojection"
"""The same where the shapes are those of another CRS."""

MAX_BYTES = 500_000
"""Size beyond which a tile is thinned, bytes before compression."""

MAX_FEATURES = 20_000
"""Features a tile holds at most."""

_LARGE = 500
"""Vertices from which a polygon is cut roughly first."""

_WINDOW = 512
"""Units beyond the tile's edges that such a cut leaves."""

_LAYER, _VERSION, _NAME, _EXTENT = 3, 15, 1, 5
"""Numbers of the fields of a tile and of a layer (clause 4.1)."""

_LOW, _HIGH = -BUFFER, EXTENT + BUFFER
_CLIP = (float(_LOW), float(_LOW), float(_HIGH), float(_HIGH))


class _Drawing(msgspec.Struct, frozen=True, eq=False):
    """Features as drawing commands."""

    rows: NDArray[np.uint32]
    kinds: NDArray[np.uint8]
    sizes: NDArray[np.int64]
    """Width or height of each in the layer, the larger, cells."""
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

    Features come in the order of their identifiers, which are those of their rows. Where
    there is too much to draw, the smallest go first, and always the same ones.

    Args:
        source: The layer.
        name: Its name in the tile.
        bounds: West, south, east, north of the tile, x then y of `crs`.
        crs: CRS of the tile.
        keys: Names of the attributes to give; None for all.
        holds: Tells which rows are drawn; None for all.
    """
    own = crs == source.grid.crs
    drawings = _draw_own(source, bounds, holds) if own else _draw_foreign(source, bounds, crs, holds)
    drawing, ids = _together(drawings, source.values)
    columns = np.array([n for n, key in enumerate(source.values.keys) if keys is None or key in keys], np.int64)
    count = len(ids)
    data = b""
    if count == 0:
        return data
    if count <= MAX_FEATURES:
        data = _write(source.values, drawing, ids, np.arange(count), columns, name)
        if len(data) <= MAX_BYTES:
            return data
    order = np.lexsort((scatter(ids), -drawing.sizes))
    while True:
        count = max(1, int(count * 0.9 * MAX_BYTES / len(data))) if data else MAX_FEATURES
        data = _write(source.values, drawing, ids, np.sort(order[:count]), columns, name)
        if len(data) <= MAX_BYTES or count == 1:
            return data


def _draw_own(source: TileSource, bounds: Bounds, holds: Holds | None) -> list[_Drawing]:
    """Draw a tile whose CRS is that of the shapes."""
    place = place_of(source.grid, bounds)
    reach = own_reach(place)
    drawings: list[_Drawing] = []
    for level, gone in levels_at(source, reach.unit):
        found = search(level, gone, reach.box, holds)
        if len(found) == 0:
            continue
        drawing, odd = _draw(level.shapes, level.boxes, found, place, sound=_is_sound(level, place))
        drawings.append(drawing)
        if len(odd):
            scale = 1.0 / place.unit
            geometries = shapely.transform(
                unpack(take(level.shapes, odd)), lambda xy, by=scale: (xy - [place.origin_x, place.origin_y]) * by
            )
            drawings.append(_draw_geometries(_near(geometries), level, odd, 0.0))
    return drawings


def _draw_foreign(source: TileSource, bounds: Bounds, crs: str, holds: Holds | None) -> list[_Drawing]:
    """Draw a tile of another CRS than that of the shapes."""
    grid = source.grid
    box = query_box(bounds, crs, grid.crs)
    if box is None:
        return []
    reach = foreign_reach(grid, box)
    origin = np.array([grid.origin_x, grid.origin_y])
    drawings: list[_Drawing] = []
    for level, gone in levels_at(source, reach.unit):
        found = search(level, gone, reach.box, holds)
        if len(found) == 0:
            continue
        stored = unpack(take(level.shapes, found))
        geometries = shapely.transform(stored, lambda xy: origin + xy * [grid.cell, -grid.cell])
        placed = to_tile(clip(geometries, box), bounds, crs, grid.crs)
        drawings.append(_draw_geometries(placed, level, found, 0.5))
    return drawings


def _is_sound(level: Level, place: Place) -> bool:
    """Tell whether rounding changes nothing of a level's shapes, which are valid."""
    unit = 2.0**level.shift
    return level.shift >= 0 and place.unit == unit and place.origin_x % unit == 0 and place.origin_y % unit == 0


def _draw(
    shapes: Shapes, boxes: NDArray[np.int32], found: NDArray[np.int64], place: Place, *, sound: bool
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


def _extents(boxes: NDArray[np.int32]) -> NDArray[np.int64]:
    wide = boxes.astype(np.int64)
    return np.asarray(np.maximum(wide[:, 2] - wide[:, 0], wide[:, 3] - wide[:, 1]))


def _near(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """Cut very large polygons roughly, well outside the tile: to look at all of them costs more than to draw them."""
    large = (shapely.get_num_coordinates(geometries) > _LARGE) & shapely.is_valid(geometries)
    result = geometries.copy()
    result[large] = shapely.clip_by_rect(geometries[large], -_WINDOW, -_WINDOW, EXTENT + _WINDOW, EXTENT + _WINDOW)
    return result


def _draw_geometries(
    geometries: NDArray[np.object_], level: Level, numbers: NDArray[np.int64], tolerance: float
) -> _Drawing:
    """Draw features that are given in units of the tile, by the slow and sure way.

    Args:
        geometries: What they look like, shape (n,).
        level: Where they are from.
        numbers: Their numbers there, shape (n,).
        tolerance: How far a simplified line may stray, tile units.
    """
    pieces, places = split_kinds(geometries)
    drawn = quantise(pieces, _CLIP, tolerance)
    seen = ~shapely.is_empty(drawn)
    origins = numbers[places[seen]]
    shapes = pack_cells(drawn[seen], np.arange(len(origins), dtype=np.uint32))
    drawing, _ = _draw(shapes, boxes_of(shapes), np.arange(shapes.count), Place(0.0, 0.0, 1.0), sound=True)
    origins = origins[drawing.rows]
    return msgspec.structs.replace(drawing, rows=level.shapes.rows[origins], sizes=_extents(level.boxes[origins]))


def _together(drawings: list[_Drawing], values: Values) -> tuple[_Drawing, NDArray[np.uint64]]:
    """Return all that is drawn in the order of the identifiers, and these."""
    if len(drawings) == 1 and values.more is None:
        return drawings[0], ids_of(values, drawings[0].rows)
    if not drawings:
        none = np.empty(0, np.int64)
        empty = np.empty(0, np.uint8)
        return _Drawing(none.astype(np.uint32), empty, none, none, none, empty), none.astype(np.uint64)
    rows, kinds = (np.concatenate([getattr(one, name) for one in drawings]) for name in ("rows", "kinds"))
    bases = np.cumsum([0, *(len(one.commands) for one in drawings)])
    ids = ids_of(values, rows)
    order = np.lexsort((kinds, ids))
    drawing = _Drawing(
        rows[order],
        kinds[order],
        np.concatenate([one.sizes for one in drawings])[order],
        np.concatenate([one.starts + base for one, base in zip(drawings, bases, strict=False)])[order],
        np.concatenate([one.stops + base for one, base in zip(drawings, bases, strict=False)])[order],
        np.concatenate([one.commands for one in drawings]),
    )
    return drawing, ids[order]


def _write(
    values: Values,
    drawing: _Drawing,
    ids: NDArray[np.uint64],
    kept: NDArray[np.int64],
    columns: NDArray[np.int64],
    name: str,
) -> bytes:
    """Return a tile of one layer."""
    key_ends, keys = encode_keys(values.keys)
    more = values.more if values.more is not None else no_values(values.fields)
    tags = len(kept) * len(columns)
    slots = 1 << max(4, int(tags + tags // 3).bit_length())
    room = int((drawing.stops - drawing.starts)[kept].sum()) + len(kept) * (48 + 6 * len(columns)) + 65_536
    while True:
        data = np.empty(room, np.uint8)
        size = write_layer(
            kept, drawing.rows, drawing.kinds, ids, drawing.starts, drawing.stops, drawing.commands, values.codes,
            columns, values.ends, values.messages, more.codes, more.ends, more.messages, key_ends, keys,
            np.zeros(2 * slots, np.uint32), np.full(len(values.fields), -1, np.int64), np.empty(tags + 1, np.int64),
            data,
        )  # fmt: skip
        if size >= 0:
            break
        room *= 2
    head = number_field(_VERSION, 2) + bytes_field(_NAME, name.encode())
    return bytes_field(_LAYER, head + data[:size].tobytes() + number_field(_EXTENT, EXTENT))
