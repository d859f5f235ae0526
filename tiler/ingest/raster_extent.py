"""Where thousands of rasters lie: their boxes in degrees and their pixels in Web Mercator, all at once."""

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from core.layer import Bounds
from tiler.ingest.raster_input import MERCATOR_LATITUDE

_STOPS = 21
"""Places looked at along each side of a box: straight lines of one CRS bend in another."""

_AT_A_TIME = 4096
"""Boxes transformed together."""


def degree_boxes(crs: str, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return boxes in degrees, those parts of them that Web Mercator shows.

    Args:
        crs: CRS of the boxes.
        boxes: West, south, east, north, units of the CRS, shape (n, 4).

    Returns:
        The same, degrees; NaN, or with no room between the sides, where a box does not lie on the map. Shape (n, 4).
    """
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    result = np.empty_like(boxes)
    for start in range(0, len(boxes), _AT_A_TIME):
        part = boxes[start : start + _AT_A_TIME]
        lon, lat = to_degrees.transform(*_outline(part))
        lon, lat = (np.where(np.isfinite(one), one, np.nan) for one in (lon, lat))
        west, east = np.clip(lon.min(axis=1), -180.0, 180.0), np.clip(lon.max(axis=1), -180.0, 180.0)
        south, north = lat.min(axis=1), lat.max(axis=1)
        result[start : start + _AT_A_TIME] = np.stack(
            [west, np.maximum(south, -MERCATOR_LATITUDE), east, np.minimum(north, MERCATOR_LATITUDE)], axis=1
        )
    return result


def union(boxes: NDArray[np.float64]) -> Bounds:
    """Return the box around boxes, shape (n, 4)."""
    west, south = boxes[:, :2].min(axis=0)
    east, north = boxes[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)


def finest_cell(crs: str, boxes: NDArray[np.float64], cells: NDArray[np.float64]) -> float:
    """Return the size that the smallest pixels have in Web Mercator, at the middle of their file, metres.

    Args:
        crs: CRS of the boxes.
        boxes: West, south, east, north of the files, units of the CRS, shape (n, 4).
        cells: Width and height of their pixels, units of the CRS, shape (n, 2).
    """
    to_mercator = Transformer.from_crs(crs, "EPSG:3857", always_xy=True)
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    places = np.stack([x, x + cells[:, 0], x]), np.stack([y, y, y + cells[:, 1]])
    xs, ys = to_mercator.transform(*places)
    areas = np.abs((xs[1] - xs[0]) * (ys[2] - ys[0]) - (xs[2] - xs[0]) * (ys[1] - ys[0]))
    areas = areas[np.isfinite(areas) & (areas > 0)]
    return float(np.sqrt(areas.min())) if areas.size else 1.0


def _outline(boxes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return places along the sides of boxes, x and y, each of shape (n, 4·_STOPS)."""
    west, south, east, north = (boxes[:, side : side + 1] for side in range(4))
    share = np.linspace(0.0, 1.0, _STOPS)
    along_x, along_y = west + share * (east - west), south + share * (north - south)
    still = np.ones(_STOPS)
    x = np.concatenate([along_x, along_x, west * still, east * still], axis=1)
    y = np.concatenate([south * still, north * still, along_y, along_y], axis=1)
    return x, y
