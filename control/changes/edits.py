"""Edits as people send them: a GeoJSON FeatureCollection, checked and brought into the CRS of the data."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from core.changes import Scalar
from core.errors import BadRequest
from core.layer import VectorSource

MAX_EDITS = 5_000
"""Edits of one request at most."""

MAX_BYTES = 64 << 20
"""Bytes of one request at most."""

MAX_VERTICES = 100_000
"""Vertices of a feature at most."""

CRS84 = "OGC:CRS84"
"""Longitude and latitude: what GeoJSON is in (RFC 7946, clause 4)."""


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """A feature to be added, put in the place of another, or removed."""

    id: int | None
    """Identifier of a feature that is there; None for a new one."""

    geometry: bytes
    """Well-known binary in the CRS of the data, valid; empty to remove the feature."""

    properties: dict[str, Scalar]


class Edits(msgspec.Struct, frozen=True, kw_only=True):
    """Edits that were read."""

    edits: tuple[Edit, ...]
    mended: int
    """Areas that were not valid and are now."""

    bbox: tuple[float, float, float, float] | None
    """West, south, east, north in degrees of what is not removed."""


def read_edits(data: bytes, source: VectorSource, crs: str = CRS84) -> Edits:
    """Read edits from GeoJSON.

    A feature with an `id` takes the place of the one that has it, attributes included;
    with an `id` and no geometry it removes it; without an `id` it is added.

    Args:
        data: A FeatureCollection, or one Feature.
        source: The data that are edited.
        crs: CRS of the coordinates, x (east) then y (north).

    Raises:
        BadRequest: They are too many, or one cannot be taken: it is named.
    """
    if len(data) > MAX_BYTES:
        raise BadRequest(f"the edits have {len(data):,} bytes", f"send {MAX_BYTES:,} at most")
    features = _features(data)
    if not 1 <= len(features) <= MAX_EDITS:
        raise BadRequest(f"there are {len(features):,} edits", f"send 1 to {MAX_EDITS:,} at a time")
    way = _way(crs, source.crs)
    edits, mended = [], 0
    for number, feature in enumerate(features, 1):
        try:
            edit, was_mended = _edit(feature, source, way)
        except BadRequest as err:
            raise BadRequest(f"edit {number}: {err.message}", err.remedy) from err
        edits.append(edit)
        mended += was_mended
    return Edits(edits=tuple(edits), mended=mended, bbox=_bbox(edits, source.crs))


def _features(data: bytes) -> list[Any]:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise BadRequest(f"the edits are no JSON ({err})", "send a GeoJSON FeatureCollection") from err
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "Feature":
        return [document]
    if kind != "FeatureCollection" or not isinstance(document.get("features"), list):
        raise BadRequest("the edits are no GeoJSON FeatureCollection", 'send {"type": "FeatureCollection", ...}')
    features: list[Any] = document["features"]
    return features


def _edit(feature: Any, source: VectorSource, way: Transformer) -> tuple[Edit, bool]:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise BadRequest("it is no GeoJSON Feature")
    identifier = _identifier(feature.get("id"))
    if feature.get("geometry") is None:
        if identifier is None:
            raise BadRequest("it has neither an id nor a geometry", "name the feature that is to be removed")
        return Edit(id=identifier, geometry=b"", properties={}), False
    geometry, mended = _geometry(feature["geometry"], way)
    properties = _properties(feature.get("properties") or {}, source.fields)
    return Edit(id=identifier, geometry=shapely.to_wkb(geometry), properties=properties), mended


def _identifier(given: Any) -> int | None:
    if given is None:
        return None
    if isinstance(given, str) and given.isascii() and given.isdigit():
        given = int(given[:20])
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < 2**32 - 1:
        raise BadRequest(f"id {str(given)[:40]!r} is that of no feature", "take it from a tile or a query")
    return given


def _geometry(given: Any, way: Transformer) -> tuple[shapely.Geometry, bool]:
    try:
        geometry = shapely.from_geojson(msgspec.json.encode(given))
    except shapely.errors.GEOSException as err:
        raise BadRequest(f"its geometry cannot be read ({' '.join(str(err).split())[:100]})") from err
    if shapely.is_empty(geometry):
        raise BadRequest("its geometry is empty", "give null to remove the feature")
    vertices = int(shapely.get_num_coordinates(geometry))
    if vertices > MAX_VERTICES:
        raise BadRequest(f"its geometry has {vertices:,} vertices", f"send {MAX_VERTICES:,} at most")
    moved = shapely.transform(geometry, way.transform, include_z=bool(shapely.has_z(geometry)), interleaved=False)
    if not all(map(math.isfinite, shapely.bounds(moved))):
        raise BadRequest("its coordinates mean nothing in the CRS of the layer", "declare the CRS they are in")
    if shapely.get_dimensions(moved) < 2 or shapely.is_valid(moved):
        return moved, False
    mended = shapely.make_valid(moved, method="structure", keep_collapsed=False)
    if shapely.is_empty(mended):
        raise BadRequest("its area has no inside")
    return mended, True


def _properties(given: Any, fields: Mapping[str, str]) -> dict[str, Scalar]:
    if not isinstance(given, dict):
        raise BadRequest("its properties are no object")
    unknown = [name for name in given if name not in fields]
    if unknown:
        raise BadRequest(f"the layer has no attribute {unknown[0][:80]!r}", f"it has {', '.join(fields) or 'none'}")
    for name, value in given.items():
        if value is not None and not _is_of(value, fields[name]):
            raise BadRequest(f"{name} is {str(value)[:80]!r}, which is no {fields[name]}")
    return {name: value for name, value in given.items() if value is not None}


def _is_of(value: Any, kind: str) -> bool:
    if kind == "Boolean":
        return isinstance(value, bool)
    if kind == "Number":
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, str)


def _way(crs: str, target: str) -> Transformer:
    try:
        return Transformer.from_crs(CRS.from_user_input(crs), target, always_xy=True)
    except (CRSError, ProjError) as err:
        raise BadRequest(f"the CRS {crs[:100]!r} is not known", "name it as EPSG:2154") from err


def _bbox(edits: list[Edit], crs: str) -> tuple[float, float, float, float] | None:
    there = shapely.from_wkb([edit.geometry for edit in edits if edit.geometry])
    if len(there) == 0:
        return None
    box = shapely.total_bounds(there).tolist()
    way = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    west, south, east, north = way.transform_bounds(box[0], box[1], box[2], box[3], densify_pts=21)
    if west > east:
        west, east = -180.0, 180.0
    return max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)
