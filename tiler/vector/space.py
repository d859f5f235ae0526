"""From the CRS of a layer to the coordinates of a tile, and back to what the tile covers."""

from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from core.layer import Bounds
from tiler.vector.grid import EXTENT, MERCATOR, MERCATOR_EDGE_M

BUFFER = 64
"""Units beyond the edges that are still drawn, so that strokes do not end there: four pixels of 256."""

_STEPS = 17
"""Points a side of the grid by which a tile's box is found in another CRS."""


def query_box(bounds: Bounds, crs: str, source_crs: str) -> Bounds | None:
    """Return a box in the CRS of a layer that holds all a tile and its buffer can show.

    It is found from a grid of points, inside points too (a pole may lie there),
    widened by a sixteenth. None when the tile lies where the CRS of the layer has
    no coordinates.

    Args:
        bounds: West, south, east, north of the tile, in `crs`.
        crs: CRS of the tile.
        source_crs: CRS of the layer.
    """
    west, south, east, north = _buffered(bounds, crs)
    xs, ys = np.meshgrid(np.linspace(west, east, _STEPS), np.linspace(south, north, _STEPS))
    x, y = transformer(crs, source_crs).transform(xs.ravel(), ys.ravel())
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.any():
        return None
    x, y = x[finite], y[finite]
    pad_x, pad_y = np.ptp(x) / (_STEPS - 1), np.ptp(y) / (_STEPS - 1)
    low_x, low_y, high_x, high_y = domain(crs, source_crs)
    box = (
        max(float(x.min() - pad_x), low_x),
        max(float(y.min() - pad_y), low_y),
        min(float(x.max() + pad_x), high_x),
        min(float(y.max() + pad_y), high_y),
    )
    return box if box[0] <= box[2] and box[1] <= box[3] else None


def to_tile(geometries: NDArray[np.object_], bounds: Bounds, crs: str, source_crs: str) -> NDArray[np.object_]:
    """Return geometries in tile units.

    Args:
        geometries: Shapely geometries in the CRS of the layer, x then y.
        bounds: West, south, east, north of the tile, in `crs`.
        crs: CRS of the tile.
        source_crs: CRS of the layer.
    """
    moved: NDArray[np.object_] = shapely.transform(geometries, lambda xy: _place(xy, bounds, crs, source_crs))
    return moved


@lru_cache(maxsize=256)
def transformer(crs: str, target: str) -> Transformer:
    """Return the way from one CRS to another, x then y on both sides."""
    return Transformer.from_crs(crs, target, always_xy=True)


@lru_cache(maxsize=256)
def domain(crs: str, source_crs: str) -> Bounds:
    """Return the part of a layer's coordinates that a tile's CRS is made for: its area of use, where that is a box."""
    everywhere = (-np.inf, -np.inf, np.inf, np.inf)
    area = CRS.from_user_input(crs).area_of_use
    if area is None or not CRS.from_user_input(source_crs).is_geographic:
        return everywhere
    if area.west >= area.east:
        return (-180.0, area.south, 180.0, area.north)
    return area.bounds


def _buffered(bounds: Bounds, crs: str) -> Bounds:
    west, south, east, north = bounds
    pad_x, pad_y = (east - west) * BUFFER / EXTENT, (north - south) * BUFFER / EXTENT
    edge_x, edge_y = _edges(crs)
    return (
        max(west - pad_x, -edge_x),
        max(south - pad_y, -edge_y),
        min(east + pad_x, edge_x),
        min(north + pad_y, edge_y),
    )


@lru_cache(maxsize=256)
def _edges(crs: str) -> tuple[float, float]:
    """Return how far from 0 the coordinates of a CRS go before longitudes come round again."""
    if CRS.from_user_input(crs).is_geographic:
        return 180.0, 90.0
    return (MERCATOR_EDGE_M, MERCATOR_EDGE_M) if crs == MERCATOR else (np.inf, np.inf)


def _place(xy: NDArray[np.float64], bounds: Bounds, crs: str, source_crs: str) -> NDArray[np.float64]:
    west, south, east, north = bounds
    x, y = transformer(source_crs, crs).transform(xy[:, 0], xy[:, 1])
    return np.column_stack([(x - west) * (EXTENT / (east - west)), (north - y) * (EXTENT / (north - south))])
