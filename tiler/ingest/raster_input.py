"""A producer's raster: opened, looked at, and refused with a reason where it cannot be taken."""

import warnings
from pathlib import Path

import msgspec
import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds

from core.errors import InputRefused
from core.layer import Bounds

GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""What rasterio raises: its own errors, and GDAL's as they are from `copy` and some reads."""

_OTHER_KINDS = {".las": "points", ".laz": "points"} | dict.fromkeys(
    (".gpkg", ".shp", ".geojson", ".json", ".parquet", ".fgb", ".gml"), "vector"
)
"""The command that takes a file of this ending when GDAL finds no raster in it."""

MERCATOR_LATITUDE = 85.0511287798066
"""Where Web Mercator ends, degrees."""

_FARTHEST = 95.0
"""Latitude that is surely none, degrees: grids of the whole earth reach half a pixel beyond the poles."""


class RasterInput(msgspec.Struct, frozen=True):
    """What is known of a raster before its pixels are read."""

    path: str
    crs: str
    """CRS as WKT 2, declared by the producer or read from the file."""
    gcps: bool
    """Georeferenced by ground control points instead of a transform."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    dtypes: tuple[str, ...]
    """Sample type of each band."""
    nodata: float | None
    alpha: int
    """Number of the alpha band, from 1; 0 when there is none."""
    palette: dict[int, tuple[int, int, int, int]]
    """Colours by value of a paletted band; empty without a palette."""
    bbox: Bounds
    """West, south, east, north in degrees, within Web Mercator."""


def open_dataset(path: str) -> DatasetReader:
    """Open a raster.

    Raises:
        InputRefused: GDAL cannot read it.
    """
    name = Path(path).name
    if not Path(path).is_file():
        raise InputRefused(f"{path} is not a file", "give the path of a raster")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # `look_at` says it better
            return rasterio.open(path)
    except (*GDAL_ERRORS, ValueError) as err:
        reason = _one_line(err).replace(f"'{path}' ", "")
        raise InputRefused(f"{name} cannot be read as a raster ({reason})", _remedy(path)) from err


def unreadable(path: str, error: BaseException) -> InputRefused:
    """Return the refusal of a raster that opens and whose pixels do not come."""
    reason = _one_line(error.__cause__ or error)
    return InputRefused(f"{Path(path).name} is damaged: its pixels cannot be read ({reason})", "get the file again")


def _remedy(path: str) -> str:
    """Return what to do about a file that is no raster: often it is data of another kind, given with the rest."""
    other = _OTHER_KINDS.get(Path(path).suffix.lower())
    return f"give it to `geopf ingest {other}`" if other else "see `gdalinfo` for its state"


def look_at(path: str, declared_crs: str) -> RasterInput:
    """Read what the plan of an ingest needs.

    Args:
        path: Path of the raster.
        declared_crs: CRS given by the producer, empty for the file's own.

    Raises:
        InputRefused: The file is no raster, has no CRS, complex samples, or lies outside Web Mercator.
    """
    name = Path(path).name
    with open_dataset(path) as dataset:
        if dataset.count == 0:
            raise InputRefused(f"{name} holds no band", "if it is a container, name one of its subdatasets")
        if any(dtype.startswith("complex") for dtype in dataset.dtypes):
            raise InputRefused(f"{name} holds complex samples", "give the amplitude or another real band")
        crs, gcps = _crs(dataset, declared_crs, name)
        return RasterInput(
            path=path,
            crs=crs.to_wkt(version="WKT2_2019"),
            gcps=gcps,
            width=dataset.width,
            height=dataset.height,
            dtypes=tuple(dataset.dtypes),
            nodata=dataset.nodata,
            alpha=_alpha(dataset),
            palette=_palette(dataset),
            bbox=_bbox(dataset, crs, gcps=gcps, name=name),
        )


def union_box(inputs: tuple[RasterInput, ...]) -> Bounds:
    """Return the box around all inputs, degrees."""
    return (
        min(one.bbox[0] for one in inputs),
        min(one.bbox[1] for one in inputs),
        max(one.bbox[2] for one in inputs),
        max(one.bbox[3] for one in inputs),
    )


def _crs(dataset: DatasetReader, declared: str, name: str) -> tuple[CRS, bool]:
    points, points_crs = dataset.gcps
    gcps = bool(points) and dataset.transform.is_identity
    try:
        crs = CRS.from_user_input(declared) if declared else (points_crs if gcps else dataset.crs)
    except CRSError as err:
        raise InputRefused(f"{declared!r} is not a CRS ({_one_line(err)})", "declare it like --crs EPSG:2154") from err
    if crs is None or not crs.to_wkt():
        raise InputRefused(f"{name} has no CRS", "declare it, for instance --crs EPSG:2154")
    if crs.to_dict().get("proj") is None and not crs.is_valid:
        raise InputRefused(f"the CRS of {name} is not usable", "declare it, for instance --crs EPSG:2154")
    if not gcps and dataset.transform.is_identity:
        raise InputRefused(f"{name} is not georeferenced", "add a world file beside it or use gdal_translate -a_ullr")
    return crs, gcps


def _bbox(dataset: DatasetReader, crs: CRS, *, gcps: bool, name: str) -> Bounds:
    if gcps:
        points, _ = dataset.gcps
        xs, ys = [p.x for p in points], [p.y for p in points]
        bounds = (min(xs), min(ys), max(xs), max(ys))
    else:
        bounds = array_bounds(dataset.height, dataset.width, dataset.transform)
        bounds = (min(bounds[::2]), min(bounds[1::2]), max(bounds[::2]), max(bounds[1::2]))
    if crs.is_geographic and (max(map(abs, bounds[1::2])) > _FARTHEST or max(map(abs, bounds[::2])) > 6 * _FARTHEST):
        raise InputRefused(f"the bounds {bounds} of {name} are no degrees", "check its CRS or declare --crs")
    try:
        west, south, east, north = transform_bounds(crs, CRS.from_epsg(4326), *bounds, densify_pts=21)
    except (*GDAL_ERRORS, CRSError) as err:
        raise InputRefused(
            f"the bounds {bounds} of {name} mean nothing in its CRS ({_one_line(err)})", "check it or declare --crs"
        ) from err
    if west > east:
        west, east = -180.0, 180.0
    south, north = max(south, -MERCATOR_LATITUDE), min(north, MERCATOR_LATITUDE)
    if not (np.isfinite([west, south, east, north]).all() and south < north and west < east):
        raise InputRefused(f"{name} lies outside Web Mercator (bounds {bounds})", "check its CRS or declare --crs")
    return max(west, -180.0), south, min(east, 180.0), north


def _alpha(dataset: DatasetReader) -> int:
    for number, meaning in enumerate(dataset.colorinterp, start=1):
        if meaning == ColorInterp.alpha:
            return number
    return 0


def _palette(dataset: DatasetReader) -> dict[int, tuple[int, int, int, int]]:
    if dataset.count != 1 or dataset.colorinterp[0] != ColorInterp.palette:
        return {}
    return dict(dataset.colormap(1))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
