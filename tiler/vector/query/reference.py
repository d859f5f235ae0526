"""Coordinate reference systems as requests name them, and the way between two of them."""

import re
from functools import lru_cache

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from core.errors import BadRequest

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
"""Longitude and latitude: what is meant where no CRS is named."""

_URI = re.compile(r"https?://www\.opengis\.net/def/crs/([A-Za-z]+)/[0-9.]+/([A-Za-z0-9]+)")
_URN = re.compile(r"urn:ogc:def:crs:([A-Za-z]+):[0-9.]*:([A-Za-z0-9]+)")
_SHORT = re.compile(r"\[?([A-Za-z]+):([A-Za-z0-9]+)\]?")
_LONGEST = 200
_DEGREES = CRS.from_authority("OGC", "CRS84")
_MARGIN = 1.0
"""Degrees around the area that a projection is made for, in which it still holds."""

_PIECES = 32
"""Pieces in which the longest side of a figure is cut before it is transformed, so that its edges bend."""


class Reference(msgspec.Struct, frozen=True, eq=False):
    """A CRS of a request."""

    crs: CRS
    """Read as x (east) then y (north), whatever its axes."""

    north_first: bool
    """Coordinates of requests and of texts come north (latitude) first, as the CRS says."""


def parse_reference(name: str) -> Reference:
    """Return the CRS of a URI, a URN, `EPSG:2154` or `[EPSG:2154]`.

    Raises:
        BadRequest: It is none that is known.
    """
    match = next((found for form in (_URI, _URN, _SHORT) if (found := form.fullmatch(name[:_LONGEST].strip()))), None)
    try:
        if match is None:
            raise CRSError(name)
        return _reference(match[1].upper(), match[2])
    except CRSError:
        raise BadRequest(
            f"the CRS {name[:_LONGEST]!r} is not known", f"name it as EPSG:2154 or by its URI, such as {CRS84}"
        ) from None


def stored_crs(name: str) -> CRS:
    """Return the CRS of a layer, from authority:code or WKT."""
    return CRS.from_user_input(name)


def move(geometries: NDArray[np.object_], source: CRS, target: CRS) -> NDArray[np.object_]:
    """Return geometries in another CRS, x then y, Z as it was.

    Args:
        geometries: In `source`, shape (n,).
        source: CRS they are in.
        target: CRS wanted.
    """
    if source.equals(target, ignore_axis_order=True):
        return geometries
    way = Transformer.from_crs(source, target, always_xy=True)

    def there(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = way.transform(points[:, 0], points[:, 1])
        return np.column_stack([x, y, points[:, 2:]])

    moved = geometries.copy()
    deep = shapely.has_z(geometries)
    for chosen, include_z in ((deep, True), (~deep, False)):
        moved[chosen] = shapely.transform(geometries[chosen], there, include_z=include_z)
    return moved


def flip(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return geometries with y before x; Z stays."""
    flipped = geometries.copy()
    deep = shapely.has_z(geometries)
    flipped[deep] = shapely.transform(geometries[deep], lambda points: points[:, [1, 0, 2]], include_z=True)
    flipped[~deep] = shapely.transform(geometries[~deep], lambda points: points[:, ::-1])
    return flipped


def place(figure: shapely.Geometry, reference: Reference, target: CRS) -> shapely.Geometry:
    """Return a figure of a request in the CRS of a layer, its long edges bent as they should.

    Raises:
        BadRequest: It has no place there.
    """
    figure = shapely.force_2d(figure)
    if reference.north_first:
        figure = flip(np.array([figure], object))[0]
    if reference.crs.equals(target, ignore_axis_order=True):
        return figure
    try:
        degrees = _bent(figure, reference.crs, _DEGREES)
        moved = _bent(_clip(degrees, target), _DEGREES, target)
    except ProjError:
        raise BadRequest(
            f"the figure {shapely.to_wkt(figure)[:80]} has no place in {target.name}",
            "check its coordinates, their order and their CRS",
        ) from None
    return moved


def parse_bbox(text: str, reference: Reference) -> shapely.Geometry:
    """Return the rectangle of `bbox`: four numbers, or six of which the heights are not looked at.

    One whose west is east of its east crosses the antimeridian (degrees alone).

    Raises:
        BadRequest: It is none.
    """
    try:
        numbers = [float(part) for part in text[:_LONGEST].split(",")]
        if len(numbers) not in {4, 6} or not np.isfinite(numbers).all():
            raise ValueError(text)
    except ValueError:
        raise BadRequest(
            f"the bbox {text[:_LONGEST]!r} is not four numbers", "give lowest x, lowest y, highest x, highest y"
        ) from None
    return box_of(numbers, reference)


def box_of(numbers: list[float], reference: Reference) -> shapely.Geometry:
    """Return a rectangle, its coordinates in the order of the CRS.

    Args:
        numbers: Lowest then highest corner, two or three each, finite.
        reference: CRS they are in.

    Raises:
        BadRequest: The highest is below the lowest.
    """
    half = len(numbers) // 2
    (left, low), (right, high) = numbers[:2], numbers[half : half + 2]
    if reference.north_first:
        left, low, right, high = low, left, high, right
    degrees = reference.crs.is_geographic
    if low > high or (left > right and not degrees):
        raise BadRequest(f"the bbox {numbers} ends before it begins", "give the lowest corner first")
    if left <= right:
        box = shapely.box(left, low, right, high)
    else:
        box = shapely.union(shapely.box(left, low, 180.0, high), shapely.box(-180.0, low, right, high))
    return flip(np.array([box], object))[0] if reference.north_first else box


def _clip(figure: shapely.Geometry, target: CRS) -> shapely.Geometry:
    """Return what of a figure in degrees a projection is made for: far away from there it folds."""
    area = target.area_of_use
    if target.is_geographic or area is None or area.west >= area.east:
        return figure
    window = shapely.box(area.west - _MARGIN, area.south - _MARGIN, area.east + _MARGIN, area.north + _MARGIN)
    return figure if shapely.covers(window, figure) else shapely.intersection(shapely.make_valid(figure), window)


def _bent(figure: shapely.Geometry, source: CRS, target: CRS) -> shapely.Geometry:
    """Return a figure in another CRS, with places on its edges as well.

    Raises:
        ProjError: A coordinate has no place there.
    """
    west, south, east, north = shapely.bounds(figure)
    side = max(east - west, north - south)
    if side > 0 and not source.equals(target, ignore_axis_order=True):
        figure = shapely.segmentize(figure, side / _PIECES)
    moved = move(np.array([figure], object), source, target)[0]
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise ProjError(target.name)
    return moved


@lru_cache(256)
def _reference(authority: str, code: str) -> Reference:
    crs = CRS.from_authority(authority, code)
    if crs.is_vertical or crs.is_geocentric:
        raise CRSError(code)
    return Reference(crs=crs, north_first=crs.axis_info[0].direction.lower() == "north")
