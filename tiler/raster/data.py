"""Values instead of pictures: samples in the layer's own type, as GeoTIFF, BIL or NumPy array."""

import math
from io import BytesIO
from typing import Any

import numpy as np

from core.layer import RasterSource
from tiler.raster.geotiff import encode_tiff
from tiler.raster.grid import PixelGrid
from tiler.raster.picture import Data, Samples
from tiler.raster.style import PreparedStyle, measure

DATA_TYPES = {
    "tif": "image/tiff; application=geotiff",
    "bil": "image/x-bil;bits=32",
    "npy": "application/x-npy",
}
"""Media types of the formats of values by file extension."""

BIL_NODATA = -99_999.0
"""What IGN's elevations have where there is none."""

_OWN_TYPES = frozenset({"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"})


def take_data(samples: Samples, prepared: PreparedStyle, source: RasterSource, grid: PixelGrid) -> Data:
    """Return samples as data: in the type of the layer, or in float32 where a style computes them.

    Samples of more than 24 bits come rounded to those, as blocks are decoded to float32. A
    value that is not missing and would read as if it were, by interpolation, is moved by one step.

    Args:
        samples: The style's bands on the grid, with its border around.
        prepared: The style.
        source: The layer.
        grid: Pixels of the result.
    """
    measured = measure(samples, prepared, grid)
    computed = prepared.expression is not None or prepared.style.relief is not None
    dtype = np.dtype(source.dtype if source.dtype in _OWN_TYPES and not computed else np.float32)
    if dtype.kind == "f":
        floats = np.ascontiguousarray(measured.values.astype(dtype))
        if measured.valid is not None:
            floats[measured.valid == 0] = np.nan
        return Data(floats, None, math.nan if computed or source.nodata is None else source.nodata)
    return _integers(measured, dtype, source.nodata)


def encode_data(data: Data, grid: PixelGrid, extension: str) -> bytes:
    """Encode data.

    Args:
        data: The values.
        grid: Where they lie.
        extension: Format, one of `DATA_TYPES`.
    """
    match extension:
        case "tif":
            return encode_tiff(data, grid)
        case "bil":
            return encode_bil(data)
    return encode_npy(data)


def encode_bil(data: Data) -> bytes:
    """Write values as band-interleaved lines: rows, in each of them bands, little-endian float32, no header.

    Missing values are `BIL_NODATA`.
    """
    values = data.values.astype("<f4")
    values[np.isnan(values)] = BIL_NODATA
    if data.valid is not None:
        values[data.valid == 0] = BIL_NODATA
    if data.nodata is not None and data.values.dtype.kind == "f":
        values[data.values == data.nodata] = BIL_NODATA  # in one band of several
    return values.transpose(0, 2, 1).tobytes()


def encode_npy(data: Data) -> bytes:
    """Write values as a NumPy array, format 1.0, of shape (bands, rows, cols).

    Missing is NaN in floats. Integers have one band more, the last: 0 where the pixel is
    missing, the largest value of the type (255 for bytes; less where an alpha band says so) elsewhere.
    """
    bands = np.moveaxis(data.values, 2, 0)
    if bands.dtype.kind != "f":
        full = np.iinfo(bands.dtype).max
        seen = np.full(bands.shape[1:], full, bands.dtype)
        if data.valid is not None:
            seen = data.valid if full == 255 else np.where(data.valid > 0, seen, 0)
        bands = np.concatenate([bands, seen[None]])
    file = BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(bands), version=(1, 0), allow_pickle=False)
    return file.getvalue()


def _integers(measured: Samples, dtype: np.dtype[Any], nodata: float | None) -> Data:
    limits, values, valid = np.iinfo(dtype), measured.values, measured.valid
    if values.dtype == np.uint8:
        whole, seen = values.astype(dtype), np.ones(values.shape, np.bool_)
        if valid is not None:
            seen &= (valid > 0)[..., None]
    else:
        seen = ~np.isnan(values)
        exact = np.rint(np.where(seen, values, 0.0).astype(np.float64))
        whole = np.clip(exact, limits.min, limits.max).astype(dtype)
        valid = None if seen.all() else seen.any(axis=2).astype(np.uint8) * np.uint8(255)
    if nodata is None or not float(nodata).is_integer() or not limits.min <= nodata <= limits.max:
        whole[~seen] = 0
        return Data(whole, valid, None)
    missing = dtype.type(int(nodata))
    confused = (whole == missing).all(axis=2, keepdims=True) & seen  # missing is what has this value in all bands
    whole[confused] = missing + 1 if missing < limits.max else missing - 1
    whole[~seen] = missing
    return Data(whole, valid, float(nodata))
