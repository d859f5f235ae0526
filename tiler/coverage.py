"""Where a layer has tiles: the sets it is offered in and the limits of each level."""

from functools import lru_cache

from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from core.layer import Bounds, PublishedLayer
from tiler.matrix import (
    TileLimits,
    tile_at,
    tile_limits,
    tile_matrix_set,
    tile_matrix_sets,
)

_EDGE_POINTS = 21
"""Points a side when a box is transformed, so that curved edges stay inside."""


@lru_cache(maxsize=4096)
def bounds_in(bbox: Bounds, crs: str) -> Bounds | None:
    """Return a box given in degrees (EPSG:4326) as the box around it in `crs`, x then y.

    None when the CRS cannot express any of it.
    """
    transformer = _from_degrees(crs)
    try:
        west, south, east, north = transformer.transform_bounds(*_mercator_safe(bbox, crs), densify_pts=_EDGE_POINTS)
    except ProjError:
        return None
    if not all(abs(value) < float("inf") for value in (west, south, east, north)):
        return None
    return west, south, east, north


@lru_cache(maxsize=8192)
def layer_limits(bbox: Bounds, tms_id: str, matrix_id: str) -> TileLimits | None:
    """Return the tiles of one level that a layer's box touches, None when there are none."""
    tms = tile_matrix_set(tms_id)
    bounds = bounds_in(bbox, tms.crs)
    return None if bounds is None else tile_limits(tms.by_id[matrix_id], bounds)


@lru_cache(maxsize=4096)
def offered_sets(bbox: Bounds) -> tuple[str, ...]:
    """Return the sets whose CRS is meant for the place, PM first.

    A set is offered when the area of use of its CRS meets the box and its finest
    level reaches it. Others answer too when they are asked for.
    """
    names = [
        tms.id
        for tms in tile_matrix_sets().values()
        if _meets(_area(tms.crs), bbox) and layer_limits(bbox, tms.id, tms.matrices[-1].id) is not None
    ]
    first = [name for name in ("PM", "WebMercatorQuad", "WGS84G") if name in names]
    return (*first, *sorted(set(names) - set(first)))


def sample_tile(layer: PublishedLayer, zoom: int) -> tuple[int, int, int]:
    """Return the PM tile (z, x, y) of a level that holds the layer's sample point."""
    tms = tile_matrix_set("PM")
    matrix = tms.by_id[str(min(max(zoom, 0), len(tms.matrices) - 1))]
    x, y = _from_degrees(tms.crs).transform(*layer.sample)
    return int(matrix.id), *tile_at(matrix, x, y)


@lru_cache(maxsize=256)
def _from_degrees(crs: str) -> Transformer:
    return Transformer.from_crs("EPSG:4326", crs, always_xy=True)


@lru_cache(maxsize=256)
def _area(crs: str) -> Bounds:
    """Return the area of use of a CRS in degrees; a projection for the whole world has the whole world."""
    area = CRS.from_user_input(crs).area_of_use
    return (-180.0, -90.0, 180.0, 90.0) if area is None else area.bounds


def _meets(one: Bounds, other: Bounds) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _mercator_safe(bbox: Bounds, crs: str) -> Bounds:
    """Keep a box off the poles for Web Mercator, which does not reach them."""
    if crs != "EPSG:3857":
        return bbox
    west, south, east, north = bbox
    return west, max(south, -85.051129), east, min(north, 85.051129)
