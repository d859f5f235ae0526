"""One raster tile through rio-tiler: the plan that can do everything."""

from pathlib import PurePosixPath
from typing import Any

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rio_tiler.errors import RioTilerError
from rio_tiler.io import Reader
from rio_tiler.models import ImageData

from core.errors import BadSource
from core.layer import Bounds, RasterSource

PLAN = "rio-tiler"
"""Name of the plan in Server-Timing and in the metrics."""

DRIVERS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}
"""GDAL driver by file extension."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"ZLEVEL": 6},
    "JPEG": {"QUALITY": 85},
    "WEBP": {"QUALITY": 80},
}

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


def render_tile(
    location: str, source: RasterSource, *, bounds: Bounds, crs: str, size: int, extension: str
) -> bytes | None:
    """Render a tile of a COG.

    Args:
        location: Where the store keeps the COG.
        source: How it is to be shown.
        bounds: West, south, east, north of the tile, x then y of `crs`.
        crs: CRS of the tile.
        size: Width and height of the tile, pixels.
        extension: One of `DRIVERS`.

    Returns:
        The encoded image, or None when no pixel of the tile has data.

    Raises:
        BadSource: The COG is missing or damaged.
    """
    target = CRS.from_user_input(crs)
    try:
        with rasterio.Env(**_GDAL), Reader(gdal_location(location)) as reader:
            image = reader.part(
                bounds,
                dst_crs=target,
                bounds_crs=target,
                indexes=source.bands,
                width=size,
                height=size,
                nodata=source.nodata,
                resampling_method="bilinear",
                reproject_method="bilinear",
            )
    except (RasterioError, CPLE_BaseError, RioTilerError) as err:
        raise BadSource(f"{PurePosixPath(source.href).name} cannot be read ({_first_line(err)})") from err
    if not image.mask.any():
        return None
    return _encode(image, source, DRIVERS[extension])


def _encode(image: ImageData, source: RasterSource, driver: str) -> bytes:
    if source.rescale is not None:
        image.rescale(in_range=(source.rescale,))
    elif image.array.dtype != np.uint8:
        image.array = np.ma.MaskedArray(image.array.data.astype(np.uint8), mask=image.array.mask)
    if driver == "JPEG":
        _whiten(image)
    encoded: bytes = image.render(img_format=driver, add_mask=driver != "JPEG", **_OPTIONS[driver])
    return encoded


def _whiten(image: ImageData) -> None:
    """Paint missing pixels white: JPEG has no transparency."""
    image.array = np.ma.MaskedArray(image.array.filled(255), mask=image.array.mask)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
