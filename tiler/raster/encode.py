"""Pictures become bytes, by encoders that release the interpreter lock."""

import imagecodecs
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from tiler.raster.picture import Picture, without_palette
from tiler.raster.png import encode_indexed_png, encode_png

PICTURE_TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}
"""Media types by file extension."""

SEEDED_TYPES = frozenset({"avif"})
"""Formats of stored tiles alone: encoding one takes ten times as long as WebP."""

LOSSLESS = frozenset({"png", "webp"})
"""Formats that can keep every value."""

_JPEG_QUALITY = 85
_WEBP_QUALITY, _WEBP_METHOD = 80, 1
"""Method 1 costs 1.3 times method 0 and gives files 5 % smaller; the default, 4, costs four times as much."""
_WEBP_LOSSLESS_EFFORT = 20


def encode_picture(picture: Picture, extension: str, *, lossless: bool = False) -> bytes:
    """Encode a picture.

    JPEG has no transparency: what is missing becomes white.

    Args:
        picture: The picture.
        extension: Format, one of `PICTURE_TYPES`.
        lossless: Keep every value, one of `LOSSLESS` only.
    """
    if extension == "png":
        if picture.palette:
            return encode_indexed_png(picture.pixels[..., 0], picture.palette)
        return encode_png(picture.pixels)
    pixels = without_palette(picture)
    if extension == "webp":
        return _encode_webp(pixels, lossless=lossless)
    if pixels.shape[2] in {2, 4}:
        pixels = _on_white(pixels)
    space = "GRAY" if pixels.shape[2] == 1 else "RGB"
    return bytes(simplejpeg.encode_jpeg(pixels, quality=_JPEG_QUALITY, colorspace=space, colorsubsampling="420"))


def _encode_webp(pixels: NDArray[np.uint8], *, lossless: bool) -> bytes:
    if pixels.shape[2] < 3:
        grey = np.repeat(pixels[..., :1], 3, axis=2)
        pixels = np.concatenate([grey, pixels[..., 1:]], axis=2)
    if lossless:
        return bytes(imagecodecs.webp_encode(pixels, level=_WEBP_LOSSLESS_EFFORT, method=0, lossless=True))
    return bytes(imagecodecs.webp_encode(pixels, level=_WEBP_QUALITY, method=_WEBP_METHOD, lossless=False))


def _on_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = pixels[..., -1:].astype(np.uint16)
    blended = (pixels[..., :-1] * alpha + 255 * (255 - alpha) + 127) // 255
    return np.ascontiguousarray(blended.astype(np.uint8))
