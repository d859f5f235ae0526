"""One vector tile through mapbox-vector-tile: clear rather than fast, bounded in features and bytes."""

import math
from typing import Any

import mapbox_vector_tile
import numpy as np
import shapely
from numpy.typing import NDArray

from core.layer import Bounds
from tiler.vector.quantise import clip, quantise, split_kinds
from tiler.vector.source import LoadedVectors
from tiler.vector.space import BUFFER, EXTENT, boxes_to_tile, query_box, to_tile

PLAN = "mapbox-vector-tile"
"""Name of the plan in Server-Timing and in the metrics."""

MAX_BYTES = 500_000
"""Size beyond which a tile is simplified, then thinned, bytes before compression."""

MAX_FEATURES = 20_000
"""Features a tile holds at most."""

_THIN_ABOVE = 1_000
"""Features of a tile below which the small ones are all drawn."""

_TINY = 8
"""Half a pixel of 256, tile units: of features no larger, one a cell of this size is drawn where there are many."""

_TOLERANCES = (0.5, 4.0, 8.0)
"""How far simplified lines may stray, tile units, tried in turn until the tile is within `MAX_BYTES`."""

_CLIP = (-float(BUFFER), -float(BUFFER), float(EXTENT + BUFFER), float(EXTENT + BUFFER))


def encode_tile(vectors: LoadedVectors, name: str, *, bounds: Bounds, crs: str) -> bytes:
    """Encode a tile of a layer (Vector Tile Specification 2.1), empty when nothing lies in it.

    The identifier of a feature is its row in the layer. Where there is too much
    to draw, the smallest features go first, and always the same ones.

    Args:
        vectors: The layer.
        name: Its name in the tile.
        bounds: West, south, east, north of the tile, x then y of `crs`.
        crs: CRS of the tile.
    """
    box = query_box(bounds, crs, vectors.crs)
    if box is None:
        return b""
    rows = np.sort(vectors.tree.query(shapely.box(*box)))
    boxes = boxes_to_tile(vectors.bounds[rows], bounds, crs, vectors.crs)
    rows = rows[choose(boxes, shapely.get_dimensions(vectors.geometries[rows]), rows)]
    geometries, places = split_kinds(vectors.geometries[rows])
    rows = rows[places]
    placed = to_tile(clip(geometries, box), bounds, crs, vectors.crs)
    data, drawn = b"", np.empty(0, object)
    for tolerance in _TOLERANCES:
        drawn = quantise(placed, _CLIP, tolerance)
        data = _encode(vectors, name, drawn, rows)
        if len(data) <= MAX_BYTES:
            return data
        if len(data) - 2 * int(shapely.get_num_coordinates(drawn).sum()) > MAX_BYTES:
            break  # the attributes alone are too many: simpler lines would not help
    order = np.argsort(_importance(drawn, rows), kind="stable")[::-1]
    kept = np.flatnonzero(~shapely.is_empty(drawn[order]))
    while len(data) > MAX_BYTES and len(kept) > 1:
        kept = kept[: max(1, int(len(kept) * 0.9 * MAX_BYTES / len(data)))]
        chosen = np.sort(order[kept])
        data = _encode(vectors, name, drawn[chosen], rows[chosen])
    return data


def choose(
    boxes: NDArray[np.float64], dimensions: NDArray[np.int32], rows: NDArray[np.int64]
) -> NDArray[np.int64] | slice:
    """Return which features are worth drawing, in their order.

    All of them in a tile of few. Else, of the tiny ones of a kind only the largest
    in each small cell, and `MAX_FEATURES` of all, the largest, points evenly.

    Args:
        boxes: Lowest x, lowest y, highest x, highest y, tile units, not finite where
            the tile has no such place, shape (n, 4).
        dimensions: 0 for points, 1 for lines, 2 for areas, -1 for collections, shape (n,).
        rows: Rows of the features in the layer, shape (n,).
    """
    if len(rows) <= _THIN_ABOVE:
        return slice(None)
    drawable = np.isfinite(boxes).all(axis=1)
    drawable &= (boxes[:, :2] <= EXTENT + BUFFER).all(axis=1) & (boxes[:, 2:] >= -BUFFER).all(axis=1)
    candidates = np.flatnonzero(drawable)
    boxes = boxes[candidates]
    size = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    order = np.lexsort((_scatter(rows[candidates]), -size))
    tiny = order[size[order] <= _TINY]
    col, row = np.floor((boxes[tiny, :2] + boxes[tiny, 2:]) / (2 * _TINY)).astype(np.int64).T
    _, first = np.unique((row * EXTENT + col) * 4 + dimensions[candidates[tiny]], return_index=True)
    kept = np.concatenate([order[size[order] > _TINY], tiny[np.sort(first)]])[:MAX_FEATURES]
    return np.sort(candidates[kept])


def _importance(drawn: NDArray[np.object_], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what is compared when a tile must lose features: size first, then chance that is always the same."""
    boxes = shapely.bounds(drawn).reshape(-1, 4)
    size = np.nan_to_num(boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    return np.asarray(size + _scatter(rows) / 2.0**33)


def _scatter(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number below 2^32 for each row, such that the lowest ones lie all over the layer."""
    return np.asarray((rows.astype(np.uint64) * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF), dtype=np.int64)


def _encode(vectors: LoadedVectors, name: str, drawn: NDArray[np.object_], rows: NDArray[np.int64]) -> bytes:
    seen = np.flatnonzero(~shapely.is_empty(drawn))
    if seen.size == 0:
        return b""
    attributes = vectors.attributes.take(rows[seen]).to_pylist() if vectors.attributes.num_columns else [{}] * len(seen)
    features = [
        {"id": int(rows[place]), "geometry": drawn[place], "properties": _properties(values)}
        for place, values in zip(seen, attributes, strict=True)
    ]
    options = {"extents": EXTENT, "y_coord_down": True, "check_winding_order": False}
    encoded: bytes = mapbox_vector_tile.encode([{"name": name, "features": features}], default_options=options)
    return encoded


def _properties(values: dict[str, Any]) -> dict[str, bool | int | float | str]:
    """Leave out what MVT has no value for: missing ones and numbers that are none."""
    return {
        key: value
        for key, value in values.items()
        if value is not None and not (isinstance(value, float) and math.isnan(value))
    }
