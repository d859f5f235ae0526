"""Pictures become bytes, by encoders that release the interpreter lock."""

import imagecodecs
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from tiler.raster.picture import Picture

PICTURE_TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}
"""Media types by file extension."""


def encode_picture(picture: Picture, extension: str) -> bytes:
    """Encode a picture in the format of a file extension, one of `PICTURE_TYPES`."""
    pixels = _direct(picture)
    if extension == "png":
        return bytes(imagecodecs.png_encode(pixels if pixels.shape[2] > 1 else pixels[..., 0], level=1))
    if extension == "webp":
        rgb = pixels if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
        if pixels.shape[2] == 2:
            rgb = np.concatenate([rgb, pixels[..., 1:]], axis=2)
        return bytes(imagecodecs.webp_encode(np.ascontiguousarray(rgb), level=80, method=1, lossless=False))
    if pixels.shape[2] in {2, 4}:
        pixels = _on_white(pixels)
    space = "GRAY" if pixels.shape[2] == 1 else "RGB"
    return bytes(simplejpeg.encode_jpeg(pixels, quality=85, colorspace=space, colorsubsampling="420"))


def _direct(picture: Picture) -> NDArray[np.uint8]:
    """Return pixels without a palette."""
    if not picture.palette:
        return picture.pixels
    colours = np.frombuffer(picture.palette, np.uint8).reshape(-1, 4)
    opaque = bool((colours[:, 3] == 255).all())
    return np.ascontiguousarray(colours[picture.pixels[..., 0], : 3 if opaque else 4])


def _on_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = pixels[..., -1:].astype(np.uint16)
    blended = (pixels[..., :-1] * alpha + 255 * (255 - alpha) + 127) // 255
    return np.ascontiguousarray(blended.astype(np.uint8))
