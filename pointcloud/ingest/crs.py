"""The coordinate reference system of a LAS file: declared, or read from its WKT or GeoTIFF keys."""

import struct

import msgspec
import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from core.errors import InputRefused
from core.layer import Bounds
from pointcloud.copc.vlr import GEO_KEYS, WKT
from pointcloud.ingest.guard import GetBytes, LasFile

DECLARE = "declare it with --crs, for example --crs EPSG:2154"

_GEOGRAPHIC, _PROJECTED, _VERTICAL = 2048, 3072, 4096
_USER_DEFINED = 32767
_MAX_WKT = 65_534
"""Bytes of WKT, without its NUL, that fit into a record before the points."""
_EDGE_POINTS = 21
"""Points added along an edge when a box changes its CRS."""

_WGS84 = "EPSG:4326"

Box = tuple[float, float, float, float, float, float]
"""Minimum x, y, z, maximum x, y, z."""


class CloudCrs(msgspec.Struct, frozen=True):
    """A CRS as a file and as a layer name it."""

    name: str
    """Authority and code, `EPSG:2154` or `EPSG:2154+5720`; WKT when it has none."""

    wkt: bytes
    """What the WKT record of the COPC file holds, without its NUL."""


def find_crs(las: LasFile, get: GetBytes, declared: str = "") -> CloudCrs:
    """Return the CRS of a file; a declared one wins over what the file says.

    Raises:
        InputRefused: There is none, or it cannot be understood.
    """
    if declared:
        crs = _parse(declared, las.name)
        return CloudCrs(name_of(crs), wkt_of(crs))
    for place in las.records:
        if place.kind == WKT and place.length <= _MAX_WKT:
            kept = get(place.offset, place.length).rstrip(b"\0 \r\n")
            if kept:
                return CloudCrs(name_of(_parse(kept.decode("utf-8", "replace"), las.name)), kept)
    for place in las.records:
        if place.kind == GEO_KEYS and place.length <= _MAX_WKT:
            code = _code_of_geo_keys(get(place.offset, place.length), las.name)
            if code:
                crs = _parse(code, las.name)
                return CloudCrs(name_of(crs), wkt_of(crs))
    raise InputRefused(f"{las.name}: it does not say its coordinate reference system", DECLARE)


def name_of(crs: CRS) -> str:
    """Return authority and code of a CRS, those of its parts when only they have some, else its WKT."""
    for parts in ([crs], crs.sub_crs_list):
        known = [part.to_authority() for part in parts]
        if known and all(known):
            authority = known[0][0]
            if all(one[0] == authority for one in known):
                return f"{authority}:" + "+".join(code for _, code in known)
    return crs.to_wkt()


def wkt_of(crs: CRS) -> bytes:
    """Return a CRS as WKT 1, which LAS 1.4 asks, or as WKT 2 when the older form cannot hold it."""
    try:
        text = crs.to_wkt("WKT1_GDAL")
    except CRSError:
        text = crs.to_wkt()
    return text.encode()


def to_degrees(crs_name: str, box: Box, what: str) -> Bounds:
    """Return west, south, east, north of a box, its edges densified.

    Raises:
        InputRefused: The box has no place on Earth in this CRS.
    """
    crs = _parse(crs_name, what)
    try:
        transformer = Transformer.from_crs(crs, _WGS84, always_xy=True)
        x, y, z = np.meshgrid(box[0::3], box[1::3], box[2::3])
        lon, lat, *_ = transformer.transform(x, y, z)
        bounds = (float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max()))
        if not crs.is_geocentric and np.isfinite(bounds).all():
            bounds = transformer.transform_bounds(box[0], box[1], box[3], box[4], densify_pts=_EDGE_POINTS)
    except ProjError as err:
        raise InputRefused(f"{what}: {_short(crs_name)} does not lead to WGS 84 ({err})", DECLARE) from err
    west, south, east, north = bounds
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        shown = ", ".join(f"{value:.2f}" for value in box)
        raise InputRefused(f"{what}: its bounds ({shown}) are not on Earth in {_short(crs_name)}", DECLARE)
    return west, south, east, north


def is_out_of_area(crs_name: str, bbox: Bounds) -> bool:
    """Tell whether a box in degrees lies outside the area a CRS is made for, which hints at a wrong CRS."""
    crs = CRS.from_user_input(crs_name)
    area = next((part.area_of_use for part in (crs, *crs.sub_crs_list) if part.area_of_use), None)
    if area is None or area.west > area.east:  # unknown, or across the antimeridian
        return False
    west, south, east, north = bbox
    return east < area.west or west > area.east or north < area.south or south > area.north


def point_to_degrees(crs_name: str, point: tuple[float, float, float]) -> tuple[float, float]:
    """Return longitude and latitude of a point that lies in a box `to_degrees` accepted."""
    transformer = Transformer.from_crs(crs_name, _WGS84, always_xy=True)
    lon, lat, *_ = transformer.transform(*point)
    return lon, lat


def _parse(text: str, what: str) -> CRS:
    try:
        return CRS.from_user_input(text)
    except CRSError as err:
        raise InputRefused(f"{what}: {_short(text)!r} is not a known coordinate reference system", DECLARE) from err


def _code_of_geo_keys(payload: bytes, what: str) -> str:
    """Return the CRS that a GeoKeyDirectory names (OGC GeoTIFF 1.1, section 7.1), empty when it names none."""
    values = struct.unpack_from(f"<{len(payload) // 2}H", payload)
    keys = {values[i]: values[i + 3] for i in range(4, len(values) - 3, 4) if values[i + 1] == 0}
    horizontal = keys.get(_PROJECTED) or keys.get(_GEOGRAPHIC) or 0
    if horizontal == _USER_DEFINED:
        raise InputRefused(f"{what}: its GeoTIFF keys describe a CRS without an EPSG code", DECLARE)
    if not horizontal:
        return ""
    vertical = keys.get(_VERTICAL, 0)
    return f"EPSG:{horizontal}" + (f"+{vertical}" if 0 < vertical < _USER_DEFINED else "")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:80] + "…"
