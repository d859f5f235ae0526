"""Where a producer's raster lies in a CRS: its box, and the size of its pixels."""

import math
from pathlib import Path

from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.transform import from_gcps
from rasterio.warp import transform, transform_bounds

from core.errors import InputRefused
from core.layer import Bounds
from tiler.ingest.raster_input import GDAL_ERRORS, RasterInput, open_dataset

MERCATOR = CRS.from_epsg(3857)
_DEGREES = CRS.from_epsg(4326)


def bounds_in(one: RasterInput, crs: CRS) -> Bounds:
    """Return the box around an input: west, south, east, north, units of `crs`.

    Raises:
        InputRefused: The CRS has no place for it.
    """
    try:
        box = transform_bounds(_DEGREES, crs, *one.bbox)
    except (*GDAL_ERRORS, CRSError) as err:
        raise _beyond(one, crs) from err
    if not all(map(math.isfinite, box)) or box[0] >= box[2] or box[1] >= box[3]:
        raise _beyond(one, crs)
    return (box[0], box[1], box[2], box[3])


def cell_in(one: RasterInput, crs: CRS) -> float:
    """Return the size of an input's pixels at its middle, units of `crs`."""
    with open_dataset(one.path) as dataset:
        affine = from_gcps(dataset.gcps[0]) if one.gcps else dataset.transform
    west, south, east, north = one.bbox
    own = CRS.from_wkt(one.crs)
    (x,), (y,) = transform(_DEGREES, own, [(west + east) / 2], [(south + north) / 2])
    xs, ys = transform(own, crs, [x, x + affine.a, x + affine.b], [y, y + affine.d, y + affine.e])
    area = abs((xs[1] - xs[0]) * (ys[2] - ys[0]) - (xs[2] - xs[0]) * (ys[1] - ys[0]))
    return math.sqrt(area) if math.isfinite(area) and area > 0 else 1.0


def mercator_cell(one: RasterInput) -> float:
    """Return the size of an input's pixels in Web Mercator at the middle of the input, metres."""
    return cell_in(one, MERCATOR)


def _beyond(one: RasterInput, crs: CRS) -> InputRefused:
    return InputRefused(
        f"{Path(one.path).name} lies outside what {crs.to_string()[:60]} is made for (bounds {one.bbox} in degrees)",
        "leave that tile matrix set out, or check the CRS of the file",
    )
