"""Samples of a tile through rio-tiler: slow, and able to read whatever GDAL can."""

import math
from contextlib import AbstractContextManager, nullcontext
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import DatasetReader
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window
from rio_tiler.errors import RioTilerError
from rio_tiler.io import Reader

from core.errors import BadSource
from core.layer import RasterSource
from tiler.raster.around import first_taps, taps
from tiler.raster.grid import PixelGrid
from tiler.raster.picture import Samples

_GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_TIMEOUT": "15",
    "GDAL_HTTP_CONNECTTIMEOUT": "5",
    "CPL_VSIL_CURL_CHUNK_SIZE": "65536",
}
"""What GDAL needs for COGs on an object store: no directory listing, few and bounded requests."""


def gdal_location(location: str) -> str:
    """Return the name by which GDAL opens what a store locates (`s3://bucket/key` or a path)."""
    return f"/vsis3/{location.removeprefix('s3://')}" if location.startswith("s3://") else location


def read_samples(location: str, source: RasterSource, bands: tuple[int, ...], grid: PixelGrid) -> Samples | None:
    """Read the pixels of a grid from a raster of any kind.

    Args:
        location: Where the store keeps the file.
        source: How it is to be read.
        bands: Bands to read, numbered from 1.
        grid: The pixels wanted.

    Returns:
        The samples, or None when no pixel has data.

    Raises:
        BadSource: The file is missing or damaged.
    """
    target = CRS.from_user_input(grid.crs)
    try:
        with rasterio.Env(**_GDAL), Reader(gdal_location(location)) as reader:
            image = reader.part(
                grid.bounds,
                dst_crs=target,
                bounds_crs=target,
                indexes=bands,
                width=grid.cols,
                height=grid.rows,
                nodata=source.nodata,
                resampling_method=source.resampling,
                reproject_method=source.resampling,
            )
    except (RasterioError, CPLE_BaseError, RioTilerError) as err:
        raise BadSource(f"{PurePosixPath(source.href).name} cannot be read ({_first_line(err)})") from err
    seen = image.mask > 0
    if not seen.any():
        return None
    values = np.ascontiguousarray(np.moveaxis(image.array.data, 0, 2))
    if values.dtype == np.uint8:
        return Samples(values, None if seen.all() else image.mask.astype(np.uint8))
    floats = values.astype(np.float32)
    floats[~seen] = np.nan
    return Samples(floats)


def read_around(
    location: str, source: RasterSource, bands: tuple[int, ...], places: tuple[NDArray[Any], NDArray[Any]], kind: int
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64], tuple[float, float]]:
    """Read the pixels around points from a raster of any kind.

    Args:
        location: Where the store keeps the file.
        source: How it is to be read.
        bands: Bands to read, numbered from 1.
        places: Easting and northing of each point, units of the file's CRS, each of shape (n,).
        kind: How a point sees them, as `tiler.raster.around.taps` knows it.

    Returns:
        The pixels (NaN where missing, shape (n, rows, cols, bands)), column and row of each point, and the size of a
        pixel.

    Raises:
        BadSource: The file is missing or damaged.
    """
    height, width = taps(kind)
    patches = np.full((len(places[0]), height, width, len(bands)), np.nan, np.float32)
    try:
        with rasterio.Env(**_GDAL), rasterio.open(gdal_location(location)) as dataset, _placed(dataset) as file:
            inverse, forth = ~file.transform, file.transform
            col = inverse.a * places[0] + inverse.b * places[1] + inverse.c
            row = inverse.d * places[0] + inverse.e * places[1] + inverse.f
            near = (col > -width) & (row > -height) & (col < file.width + width) & (row < file.height + height)
            for point in np.flatnonzero(near).tolist():
                first_col, first_row = (int(one[0]) for one in first_taps(col[[point]], row[[point]], kind))
                left, top = max(first_col, 0), max(first_row, 0)
                right, bottom = min(first_col + width, file.width), min(first_row + height, file.height)
                if left >= right or top >= bottom:
                    continue
                window = Window(left, top, right - left, bottom - top)
                read = file.read(bands, window=window, masked=True)
                missing = np.ma.getmaskarray(read) | (
                    read.data == source.nodata if source.nodata is not None else False
                )
                values = np.where(missing, np.nan, read.data).astype(np.float32)
                here = slice(top - first_row, bottom - first_row), slice(left - first_col, right - first_col)
                patches[point][here] = np.moveaxis(values, 0, 2)
    except (RasterioError, CPLE_BaseError) as err:
        raise BadSource(f"{PurePosixPath(source.href).name} cannot be read ({_first_line(err)})") from err
    return patches, col, row, (math.hypot(forth.a, forth.d), math.hypot(forth.b, forth.e))


def _placed(dataset: DatasetReader) -> AbstractContextManager[DatasetReader | WarpedVRT]:
    """Return a raster that a transform places: itself, or one made by its control points."""
    return WarpedVRT(dataset, src_crs=dataset.gcps[1]) if dataset.gcps[0] else nullcontext(dataset)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
