"""Samples of a tile through rio-tiler: slow, and able to read whatever GDAL can."""

from pathlib import PurePosixPath

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rio_tiler.errors import RioTilerError
from rio_tiler.io import Reader

from core.errors import BadSource
from core.layer import RasterSource
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


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
