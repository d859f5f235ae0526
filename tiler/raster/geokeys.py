"""GeoTIFF keys: the CRS they name and the placement beside them (OGC 19-008r4, GeoTIFF 1.1)."""

import re
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.crs import GeographicCRS, ProjectedCRS
from pyproj.crs.coordinate_operation import (
    LambertConformalConic1SPConversion,
    LambertConformalConic2SPConversion,
    TransverseMercatorConversion,
)
from pyproj.exceptions import CRSError

from tiler.raster.tiff import Affine2

_MODEL, _RASTER, _GEOGRAPHIC, _DATUM, _ANGULAR = 1024, 1025, 2048, 2050, 2054
_SEMI_MAJOR, _INVERSE_FLATTENING = 2057, 2059
_PROJECTED, _PROJECTED_CITATION, _CITATION, _METHOD, _LINEAR = 3072, 3073, 1026, 3075, 3076
_PARALLEL_1, _PARALLEL_2, _ORIGIN_LON, _ORIGIN_LAT, _FALSE_EAST, _FALSE_NORTH = 3078, 3079, 3080, 3081, 3082, 3083
_FALSE_LON, _FALSE_LAT, _FALSE_ORIGIN_EAST, _FALSE_ORIGIN_NORTH, _CENTER_LON = 3084, 3085, 3086, 3087, 3088
_SCALE = 3092

_USER_DEFINED = 32767
_METRE, _DEGREE = 9001, 9102
_POINT = 2
_PROJECTED_MODEL, _GEOGRAPHIC_MODEL = 1, 2
_ESRI = "ESRI PE String = "
_CODE = re.compile(r"(?i:epsg):[1-9][0-9]{3,5}")


def read_crs(numbers: NDArray[Any], doubles: NDArray[Any], words: bytes) -> tuple[str, bool]:
    """Return the CRS as `EPSG:code` or WKT 2, and whether the pixels are points.

    Args:
        numbers: Tag 34735: a header of four, then four for each key, shape (4·(keys+1),).
        doubles: Tag 34736.
        words: Tag 34737.

    The CRS is empty when there is none, or it is defined in a way the engine does not build.
    """
    keys = _keys(numbers, doubles, words)
    point = keys.get(_RASTER) == _POINT
    code = keys.get(_PROJECTED) if keys.get(_MODEL) == _PROJECTED_MODEL else keys.get(_GEOGRAPHIC)
    if keys.get(_MODEL) not in {_PROJECTED_MODEL, _GEOGRAPHIC_MODEL} or not isinstance(code, int):
        return "", point
    if code != _USER_DEFINED:
        return _known(f"EPSG:{code}"), point
    for citation in (keys.get(_PROJECTED_CITATION), keys.get(_CITATION)):
        named = _named(citation) if isinstance(citation, str) else ""
        if named:
            return named, point
    return _built(keys) if keys.get(_MODEL) == _PROJECTED_MODEL else "", point


def read_placement(
    scale: NDArray[Any] | None, tiepoints: NDArray[Any] | None, matrix: NDArray[Any] | None, *, is_point: bool
) -> Affine2 | None:
    """Return where a grid lies when its rows go east and its columns north or south, else None.

    Args:
        scale: Tag 33550: pixel width, height.
        tiepoints: Tag 33922: six numbers a point.
        matrix: Tag 34264: sixteen numbers.
        is_point: The coordinates are those of pixel centres.
    """
    if scale is not None and scale.size >= 2 and tiepoints is not None and tiepoints.size == 6:
        cell_x, cell_y = float(scale[0]), abs(float(scale[1]))  # a height below zero is a slip of old writers
        west, north = float(tiepoints[3] - tiepoints[0] * cell_x), float(tiepoints[4] + tiepoints[1] * cell_y)
    elif matrix is not None and matrix.size == 16 and matrix[1] == 0 and matrix[4] == 0:
        cell_x, cell_y = float(matrix[0]), -float(matrix[5])
        west, north = float(matrix[3]), float(matrix[7])
    else:
        return None
    if not (cell_x > 0 and cell_y != 0 and np.isfinite([west, north, cell_x, cell_y]).all()):
        return None
    if is_point:
        west, north = west - cell_x / 2, north + cell_y / 2
    return Affine2(west, north, cell_x, cell_y)


def _keys(numbers: NDArray[Any], doubles: NDArray[Any], words: bytes) -> dict[int, int | float | str]:
    keys: dict[int, int | float | str] = {}
    for key, place, count, value in numbers[4 : 4 + (numbers.size - 4) // 4 * 4].reshape(-1, 4).tolist():
        if place == 0:
            keys[key] = value
        elif place == 34736 and value < doubles.size:
            keys[key] = float(doubles[value])
        elif place == 34737:
            keys[key] = words[value : value + count].decode("latin-1").rstrip("|\0 ")
    return keys


def _named(citation: str) -> str:
    """Return the CRS that a citation spells out as WKT, or names by its code though the keys do not."""
    if _ESRI in citation:
        return _known(citation.split(_ESRI, 1)[1])
    return _known(citation.upper()) if _CODE.fullmatch(citation) else ""


@lru_cache(maxsize=256)
def _known(definition: str) -> str:
    """Return a definition as it is kept, empty when PROJ does not know it."""
    try:
        crs = CRS.from_user_input(definition)
    except CRSError:
        return ""
    return definition if definition.startswith("EPSG:") else str(crs.to_wkt())


def _built(keys: dict[int, int | float | str]) -> str:
    """Build the projections in which national data come without a code; metres and degrees only."""
    base = _base(keys)
    if keys.get(_LINEAR, _METRE) != _METRE or keys.get(_ANGULAR, _DEGREE) != _DEGREE or not base:
        return ""

    def number(*names: int, default: float = 0.0) -> float:
        return next((float(keys[name]) for name in names if isinstance(keys.get(name), int | float)), default)

    lat, lon = number(_FALSE_LAT, _ORIGIN_LAT), number(_FALSE_LON, _ORIGIN_LON, _CENTER_LON)
    east, north = number(_FALSE_ORIGIN_EAST, _FALSE_EAST), number(_FALSE_ORIGIN_NORTH, _FALSE_NORTH)
    scale = number(_SCALE, default=1.0)
    try:
        match keys.get(_METHOD):
            case 1:  # transverse Mercator
                conversion: Any = TransverseMercatorConversion(lat, lon, east, north, scale)
            case 8:  # Lambert conformal conic, two standard parallels
                conversion = LambertConformalConic2SPConversion(
                    number(_PARALLEL_1), number(_PARALLEL_2), lat, lon, east, north
                )
            case 9:  # Lambert conformal conic, one standard parallel
                conversion = LambertConformalConic1SPConversion(lat, lon, east, north, scale)
            case _:
                return ""
        return str(ProjectedCRS(conversion, geodetic_crs=GeographicCRS.from_user_input(base)).to_wkt())
    except CRSError:
        return ""


def _base(keys: dict[int, int | float | str]) -> str:
    """Return the geographic CRS under a projection; an unnamed one on the ellipsoid of WGS 84 or GRS 80 is WGS 84."""
    code, datum = keys.get(_GEOGRAPHIC), keys.get(_DATUM)
    if isinstance(code, int) and code != _USER_DEFINED:
        return f"EPSG:{code}"
    if isinstance(datum, int) and 6000 < datum < 7000:
        return f"EPSG:{datum - 2000}"  # EPSG numbers a datum 2000 above its geographic CRS
    axis, flattening = keys.get(_SEMI_MAJOR), keys.get(_INVERSE_FLATTENING)
    if axis == 6378137.0 and isinstance(flattening, float) and 298.2570 < flattening < 298.2574:
        return "EPSG:4326"
    return ""
