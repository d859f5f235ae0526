"""tiler.raster.encode: other programs read what was seen, in every format and number of channels."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.tiler.raster.tiffs import photo
from tiler.raster.encode import PICTURE_TYPES, encode_picture
from tiler.raster.picture import Picture

FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}


def smooth(channels):
    pixels = np.ascontiguousarray(np.moveaxis(photo(64, 96, channels), 0, 2))
    if channels in {2, 4}:
        pixels[..., -1] = 255
        pixels[10:30, 20:50, -1] = 0
    return pixels


def seen(pixels):
    """Return RGBA, shape (rows, cols, 4)."""
    colours = pixels if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
    alpha = pixels[..., -1:] if pixels.shape[2] in {2, 4} else np.full((*pixels.shape[:2], 1), 255, np.uint8)
    return np.concatenate([colours[..., :3], alpha], axis=2)


@pytest.mark.parametrize("extension", PICTURE_TYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_picture_comes_back_as_it_was_seen(extension, channels):
    pixels = smooth(channels)
    image = Image.open(BytesIO(encode_picture(Picture(pixels), extension)))
    assert (image.format, image.size) == (FORMATS[extension], (96, 64))
    got, wanted = np.asarray(image.convert("RGBA")).astype(int), seen(pixels).astype(int)
    clear = wanted[..., 3] == 0
    if FORMATS[extension] == "JPEG":
        inside = np.zeros_like(clear)
        inside[16:24, 32:40] = True
        assert not clear.any() or got[inside][:, :3].min() > 250, "what is missing is white"
    else:
        np.testing.assert_array_equal(got[..., 3], wanted[..., 3])
    apart = np.abs(got - wanted)[~clear][:, :3].mean()
    assert apart == 0 if extension == "png" else apart < 6


@pytest.mark.parametrize("extension", PICTURE_TYPES)
def test_colours_of_a_palette_are_seen_in_every_format(extension):
    colours = np.array([[200, 30, 30, 255], [30, 200, 30, 255], [30, 30, 200, 255]], np.uint8)
    indexes = np.repeat(np.arange(3, dtype=np.uint8), 32)[None, :, None].repeat(48, axis=0)
    data = encode_picture(Picture(np.ascontiguousarray(indexes), colours.tobytes()), extension)
    got = np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)
    for index in range(3):
        assert np.abs(got[24, index * 32 + 16] - colours[index, :3]).max() <= (0 if extension == "png" else 12)
