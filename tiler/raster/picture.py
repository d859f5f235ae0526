"""Pixels on their way to a tile: samples as they are stored, a picture as it is seen, and data as they are given."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


class Samples(msgspec.Struct, frozen=True, gc=False):
    """Pixels as the source stores them, in one of two forms.

    8-bit samples say beside them which pixels are missing; all other types become
    float32, in which a missing sample is NaN.
    """

    values: NDArray[Any]
    """Shape (rows, cols, bands), C order, uint8 or float32."""

    valid: NDArray[np.uint8] | None = None
    """Shape (rows, cols): 255 where the pixel has data, 0 where it has none, between them where an alpha band says so.
    None when all pixels have data, and always for float32."""


class Picture(msgspec.Struct, frozen=True, gc=False):
    """Pixels as they are seen."""

    pixels: NDArray[np.uint8]
    """Shape (rows, cols, channels), C order: grey, grey and alpha, RGB or RGBA; one with a palette."""

    palette: bytes = b""
    """Red, green, blue, alpha of each index, 256 entries at most; empty without a palette."""


class Data(msgspec.Struct, frozen=True, gc=False):
    """Values as they are given to those who compute with them."""

    values: NDArray[Any]
    """Shape (rows, cols, bands), C order, of the layer's own type; NaN where floats are missing."""

    valid: NDArray[np.uint8] | None
    """Shape (rows, cols), above 0 where the pixel has data; None when all pixels have data, and always for floats."""

    nodata: float | None
    """What a file has in the place of missing values; None for integers of which a mask alone tells."""


def without_palette(picture: Picture) -> NDArray[np.uint8]:
    """Return the pixels of a picture in colours of their own: with a palette RGB, or RGBA where one is not opaque."""
    if not picture.palette:
        return picture.pixels
    colours = np.frombuffer(picture.palette, np.uint8).reshape(-1, 4)
    channels = 3 if (colours[:, 3] == 255).all() else 4
    return np.ascontiguousarray(colours[picture.pixels[..., 0], :channels])
