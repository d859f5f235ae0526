"""The `geo` metadata of GeoParquet 1.1: what a Parquet file says of its geometries."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from core.errors import BadSource

VERSION = "1.1.0"
KEY = b"geo"

COVERING = ("xmin", "ymin", "xmax", "ymax")
"""Fields of the struct column that covers the geometries with their boxes."""


BOX = pa.struct([pa.field(corner, pa.float64(), nullable=False) for corner in COVERING])
"""Its type."""


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a name for a column that no other has, whatever the case: the one wished, else that with a number."""
    lowered = {one.lower() for one in taken}
    candidates = (name, *(f"{name}_{number}" for number in range(1, len(lowered) + 2)))
    return next(one for one in candidates if one not in lowered)


class GeoColumn(msgspec.Struct, frozen=True):
    """The primary geometry column of a GeoParquet file."""

    name: str
    encoding: str
    """`WKB`, or a GeoArrow name such as `point`."""
    crs: CRS | None
    """None when the file says that it is unknown."""
    covering: str
    """Column of boxes that only repeats the geometries; empty when there is none."""


def parse_geo(metadata: Mapping[bytes, bytes] | None) -> GeoColumn:
    """Read the metadata of a Parquet schema.

    Raises:
        BadSource: It is missing or not as GeoParquet 1.x says.
    """
    text = (metadata or {}).get(KEY)
    if text is None:
        raise BadSource("the Parquet file has no `geo` metadata", "write it as GeoParquet, with its CRS")
    try:
        document = msgspec.json.decode(text)
        name = document["primary_column"]
        column: dict[str, Any] = document["columns"][name]
        crs = _crs(column)
        covering = column.get("covering", {}).get("bbox", {}).get("xmin", [""])[0]
        return GeoColumn(name=str(name), encoding=str(column["encoding"]), crs=crs, covering=str(covering))
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, IndexError, CRSError) as err:
        raise BadSource(f"the `geo` metadata of the Parquet file cannot be read ({err!r:.200})") from err


def encode_geo(
    *,
    column: str,
    covering: str,
    crs: CRS,
    geometry_types: Sequence[str],
    bbox: Sequence[float],
) -> bytes:
    """Write the metadata of a file with one geometry column in WKB.

    Args:
        column: Name of the geometry column.
        covering: Name of its box column, a struct of `COVERING`.
        crs: CRS of the geometries; coordinates are x (east) then y (north) whatever its axes.
        geometry_types: Types present, such as `Point` or `MultiPolygon Z`.
        bbox: Lowest then highest coordinates, 2 or 3 each, in the CRS.
    """
    described = {
        "encoding": "WKB",
        "geometry_types": sorted(geometry_types),
        "crs": crs.to_json_dict(),
        "bbox": list(bbox),
        "covering": {"bbox": {corner: [covering, corner] for corner in COVERING}},
    }
    return msgspec.json.encode({"version": VERSION, "primary_column": column, "columns": {column: described}})


def geometry_kinds(geometries: NDArray[np.object_]) -> set[str]:
    """Return the types present, as GeoParquet names them."""
    present = geometries[~shapely.is_missing(geometries)]
    pairs = set(zip(shapely.get_type_id(present).tolist(), shapely.has_z(present).tolist(), strict=True))
    names = ("Point", "LineString", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
    return {(*names, "GeometryCollection")[kind] + (" Z" if deep else "") for kind, deep in pairs}


def _crs(column: Mapping[str, Any]) -> CRS | None:
    """Return the CRS of a column: longitude and latitude when the key is absent (clause `crs`)."""
    if "crs" not in column:
        return CRS.from_user_input("OGC:CRS84")
    stated = column["crs"]
    return None if stated is None else CRS.from_user_input(stated)
