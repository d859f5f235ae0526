"""Pictures become bytes, by encoders that release the interpreter lock."""

import imagecodecs
import msgspec
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


_AVIF_QUALITY = 60


class Effort(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How much time goes into small files."""

    quality: int = 0
    """Of lossy formats, 1 to 100; 0 for what suits the format."""
    webp_method: int = _WEBP_METHOD
    """0 fast to 6 small."""
    avif_speed: int = 9
    """0 small to 10 fast."""
    gzip_level: int = 1
    """Of vector tiles, 1 fast to 12 small."""


SERVING = Effort()
"""For tiles that somebody waits for."""


def encode_picture(picture: Picture, extension: str, *, lossless: bool = False, effort: Effort = SERVING) -> bytes:
    """Encode a picture.

    JPEG has no transparency: what is missing becomes white.

    Args:
        picture: The picture.
        extension: Format, one of `PICTURE_TYPES`, or `avif` for archives.
        lossless: Keep every value, one of `LOSSLESS` only.
        effort: How much time to take.
    """
    if extension == "png":
        if picture.palette:
            return encode_indexed_png(picture.pixels[..., 0], picture.palette)
        return encode_png(picture.pixels)
    pixels = without_palette(picture)
    if extension == "webp":
        return _encode_webp(pixels, lossless=lossless, effort=effort)
    if extension == "avif":
        colours = pixels if pixels.shape[2] > 2 else _in_colours(pixels)
        quality, speed = effort.quality or _AVIF_QUALITY, effort.avif_speed
        return bytes(imagecodecs.avif_encode(colours, level=quality, speed=speed, numthreads=1))
    if pixels.shape[2] in {2, 4}:
        pixels = _on_white(pixels)
    space = "GRAY" if pixels.shape[2] == 1 else "RGB"
    quality = effort.quality or _JPEG_QUALITY
    return bytes(simplejpeg.encode_jpeg(pixels, quality=quality, colorspace=space, colorsubsampling="420"))


def _encode_webp(pixels: NDArray[np.uint8], *, lossless: bool, effort: Effort) -> bytes:
    if pixels.shape[2] < 3:
        pixels = _in_colours(pixels)
    if lossless:
        return bytes(imagecodecs.webp_encode(pixels, level=_WEBP_LOSSLESS_EFFORT, method=0, lossless=True))
    quality = effort.quality or _WEBP_QUALITY
    return bytes(imagecodecs.webp_encode(pixels, level=quality, method=effort.webp_method, lossless=False))


def _in_colours(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = np.repeat(pixels[..., :1], 3, axis=2)
    return np.concatenate([grey, pixels[..., 1:]], axis=2)


def _on_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = pixels[..., -1:].astype(np.uint16)
    blended = (pixels[..., :-1] * alpha + 255 * (255 - alpha) + 127) // 255
    return np.ascontiguousarray(blended.astype(np.uint8))
