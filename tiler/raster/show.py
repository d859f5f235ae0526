"""From samples to a picture: values stretched to black and white, classes to their colours."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.layer import RasterSource
from tiler.raster.picture import Picture, Samples


def show(samples: Samples, source: RasterSource, palette: bytes = b"") -> Picture:
    """Return what is seen of samples.

    Args:
        samples: One band (grey) or three (red, green, blue).
        source: How they are shown.
        palette: Red, green, blue of each value of the only band; empty without one.
    """
    values, valid = samples.values, samples.valid
    if palette and values.shape[2] == 1 and values.dtype == np.uint8:
        return _coloured(values, valid, palette)
    if values.dtype != np.uint8:
        valid = np.where(np.isnan(values).all(axis=2), np.uint8(0), np.uint8(255))
        valid = None if valid.all() else valid
    if source.rescale is not None or values.dtype != np.uint8:
        values = _stretched(values, source.rescale or (0.0, 255.0))
    if valid is None:
        return Picture(np.ascontiguousarray(values))
    return Picture(np.concatenate([values, valid[..., None]], axis=2))


def _stretched(values: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = limits
    share = (values.astype(np.float32) - np.float32(low)) * np.float32(255.0 / (high - low))
    stretched: NDArray[np.uint8] = np.nan_to_num(np.clip(share, 0, 255)).astype(np.uint8)
    return stretched


def _coloured(values: NDArray[np.uint8], valid: NDArray[np.uint8] | None, palette: bytes) -> Picture:
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    if valid is None:
        opaque = np.full((len(colours), 1), 255, np.uint8)
        return Picture(values, np.concatenate([colours, opaque], axis=1).tobytes())
    return Picture(np.concatenate([colours[np.minimum(values[..., 0], len(colours) - 1)], valid[..., None]], axis=2))
