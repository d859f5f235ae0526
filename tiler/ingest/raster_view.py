"""A small view of a stored raster: where it has data, and which values are worth showing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import transform

from core.errors import InputRefused
from tiler.ingest.raster_input import GDAL_ERRORS, unreadable


def small_view(dataset: DatasetReader, bands: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[np.bool_], float]:
    """Return samples (bands, rows, cols), validity (rows, cols) and the reduction of a small view of the COG.

    Raises:
        InputRefused: Its pixels cannot be read.
    """
    factor = max(dataset.width, dataset.height) / 1024
    shape = (max(1, round(dataset.height / max(factor, 1))), max(1, round(dataset.width / max(factor, 1))))
    try:
        samples = dataset.read(bands, out_shape=(len(bands), *shape), resampling=Resampling.nearest)
        return samples, dataset.dataset_mask(out_shape=shape) > 0, max(factor, 1)
    except GDAL_ERRORS as err:
        raise unreadable(dataset.name, err) from err


def find_sample(dataset: DatasetReader, crs: CRS) -> tuple[float, float]:
    """Return longitude and latitude of the valid pixel nearest to the middle of the data.

    Raises:
        InputRefused: No pixel is valid.
    """
    _, valid, factor = small_view(dataset, (1,))
    rows, cols = np.nonzero(valid)
    row, col = nearest_valid(valid, rows.mean() if rows.size else 0, cols.mean() if cols.size else 0)
    x, y = dataset.transform @ ((col + 0.5) * factor, (row + 0.5) * factor)
    (lon,), (lat,) = transform(crs, CRS.from_epsg(4326), [x], [y])
    return lon, lat


def find_rescale(dataset: DatasetReader, bands: tuple[int, ...]) -> tuple[float, float] | None:
    """Return the values to show as black and white: the 2nd and 98th percentile, or all of a few classes."""
    dtype = dataset.dtypes[bands[0] - 1]
    if len(bands) >= 3 and dtype == "uint8":
        return None
    samples, valid, _ = small_view(dataset, bands)
    return limits_of(samples[:, valid].ravel(), dtype)


def nearest_valid(valid: NDArray[np.bool_], row: float, col: float) -> tuple[int, int]:
    """Return row and column of the valid pixel nearest to a place.

    Raises:
        InputRefused: No pixel is valid.
    """
    rows, cols = np.nonzero(valid)
    if rows.size == 0:
        raise InputRefused("every pixel is missing", "check the nodata value and the mask of the files")
    nearest = np.argmin((rows - row) ** 2 + (cols - col) ** 2)
    return int(rows[nearest]), int(cols[nearest])


def limits_of(values: NDArray[Any], dtype: str) -> tuple[float, float] | None:
    """Return the values to show as black and white, of one band or several that are no imagery of bytes.

    Args:
        values: Valid samples, shape (n,).
        dtype: Their type as stored.
    """
    values = values.astype(np.float64)
    if dtype == "uint8":
        highest = float(values.max())
        return (0.0, max(highest, 1.0)) if highest < 32 else None
    low, high = (float(value) for value in np.percentile(values, (2, 98)))
    return (low, high) if high > low else (low, low + 1.0)
