"""Places of features compared with figures of requests: the spatial operators of CQL2."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from core.errors import BadRequest
from core.layer import Bounds
from tiler.vector.query.filter_read import Node
from tiler.vector.query.footer import GroupStatistics
from tiler.vector.query.reference import Reference, box_of, place
from tiler.vector.query.values import Rows

_TESTS: dict[str, Callable[..., Any]] = {
    "s_intersects": shapely.intersects,
    "s_disjoint": shapely.disjoint,
    "s_equals": shapely.equals,
    "s_touches": shapely.touches,
    "s_crosses": shapely.crosses,
    "s_overlaps": shapely.overlaps,
    "s_within": shapely.within,
    "s_contains": shapely.contains,
}
_MIRRORED = {"s_within": "s_contains", "s_contains": "s_within"}


class Place(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """The geometries of a layer."""

    column: str
    """Their column."""

    crs: CRS | None
    """What they are in."""

    reference: Reference | None
    """CRS of the figures of the filter."""


class SpatialTest(msgspec.Struct, frozen=True, eq=False):
    """A comparison of geometries with one figure."""

    holds: Callable[[Rows], NDArray[np.bool_]]
    may: Callable[[GroupStatistics], bool]
    box: Bounds | None
    """Box of the figure, where features have to meet it."""


def find_place(operator: str, left: Node, right: Node, where: Place) -> SpatialTest:
    """Return the test of a spatial operation.

    Raises:
        BadRequest: The operator is not known, or no side is the geometry, or the other is no figure.
    """
    if operator not in _TESTS:
        raise BadRequest(f"the operator {operator!r:.60} is not known", f"known are {', '.join(_TESTS)}")
    ours = ({"property": where.column}, {"property": "geometry"})
    if left in ours:
        other = right
    elif right in ours:
        other, operator = left, _MIRRORED.get(operator, operator)
    else:
        raise BadRequest(
            f"{operator} compares {left!r:.60} with {right!r:.60}", f"one side has to be the geometry, {where.column}"
        )
    assert where.reference is not None
    assert where.crs is not None
    return compare_places(operator, place(_figure(other, where.reference), where.reference, where.crs))


def compare_places(operator: str, figure: shapely.Geometry) -> SpatialTest:
    """Return the test of geometries against a figure in the CRS of the layer.

    Args:
        operator: Name of CQL2, such as `s_within`: what a geometry has to be to the figure.
        figure: Valid.
    """
    shapely.prepare(figure)
    test = _TESTS[_MIRRORED.get(operator, operator)]  # the prepared figure has to come first to be of use
    west, south, east, north = shapely.bounds(figure)

    def holds(rows: Rows) -> NDArray[np.bool_]:
        geometries = rows.geometries
        found = np.zeros(len(geometries), np.bool_)
        x0, y0, x1, y1 = shapely.bounds(geometries).reshape(-1, 4).T
        near = (x0 <= east) & (x1 >= west) & (y0 <= north) & (y1 >= south)
        if operator == "s_disjoint":
            found[:] = ~near & ~shapely.is_missing(geometries)
        found[near] = _test(test, geometries[near], figure)
        return found

    def may(group: GroupStatistics) -> bool:
        box = None if operator == "s_disjoint" else group.box()
        return box is None or (box[0] <= east and box[2] >= west and box[1] <= north and box[3] >= south)

    meeting = operator != "s_disjoint"
    return SpatialTest(holds, may, (float(west), float(south), float(east), float(north)) if meeting else None)


def _test(test: Callable[..., Any], geometries: NDArray[np.object_], figure: shapely.Geometry) -> NDArray[np.bool_]:
    try:
        return np.asarray(test(figure, geometries), dtype=np.bool_)
    except shapely.errors.GEOSException:  # a stored geometry that is not valid
        return np.asarray(test(figure, shapely.make_valid(geometries)), dtype=np.bool_)


def _figure(node: Node, reference: Reference) -> shapely.Geometry:
    """Return the figure of GeoJSON or of a box.

    Raises:
        BadRequest: It is none, or it crosses itself.
    """
    try:
        if isinstance(node, dict) and isinstance(node.get("bbox"), list):
            numbers = [float(value) for value in node["bbox"]]
            if len(numbers) not in {4, 6} or not np.isfinite(numbers).all():
                raise ValueError(numbers)
            return box_of(numbers, reference)
        figure = shapely.from_geojson(msgspec.json.encode(node).decode())
    except (shapely.errors.ShapelyError, ValueError, TypeError, OverflowError):
        raise BadRequest(f"{node!r:.80} is no geometry", "write it as WKT, as GeoJSON or as BBOX(...)") from None
    if figure is None or figure.is_empty or not shapely.is_valid(figure):
        raise BadRequest(
            f"the geometry {shapely.to_wkt(figure)[:80] if figure else node!r} cannot be compared"
            f" ({shapely.is_valid_reason(figure) if figure else 'empty'})",
            "give one that is valid and not empty",
        )
    return figure
