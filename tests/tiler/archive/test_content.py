"""tiler.archive.content against pictures that Pillow made."""

import contextlib
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import BadSource
from tests.tiler.archive.made import opened, photo, picture
from tiler.archive.content import PictureSize, decode_picture, looks_like_mvt, picture_size, picture_type

KINDS = ("png", "jpg", "webp", "avif")
MADE = {
    "png": picture(photo()), "jpg": picture(photo(), "jpg"), "webp": picture(photo(), "webp"),
    "webp lossless": picture(photo(), "webp", lossless=True), "webp alpha": picture(photo(channels=4), "webp"),
    "avif": picture(photo(), "avif"), "progressive": picture(photo(), "jpg", progressive=True),
    "exif": picture(photo(), "jpg", exif=b"Exif\0\0" + bytes(5000)),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_format_and_size_are_told_by_the_first_bytes(name):
    kind = {"progressive": "jpg", "exif": "jpg"}.get(name, name.split()[0])
    assert picture_type(MADE[name]) == kind
    assert picture_size(MADE[name]) == PictureSize(256, 256)


@pytest.mark.parametrize("name", MADE)
def test_pixels_are_those_that_pillow_decodes(name):
    block = decode_picture(MADE[name])
    pillow = opened(MADE[name], "RGBA")
    opaque = pillow[..., 3] == 255
    assert np.abs(block.values.astype(int) - pillow[..., :3])[opaque].max() <= (3 if "avif" in name else 1)
    np.testing.assert_array_equal(
        opaque if block.valid is None else block.valid, opaque if opaque.all() else pillow[..., 3]
    )


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(photo()).convert("L"),
        Image.fromarray(photo(channels=4)).convert("LA"),
        Image.fromarray(photo()).quantize(16),
        Image.fromarray(photo()).convert("1"),
        Image.fromarray(photo()[..., 0].astype(np.uint16) * 257),
    ],
    ids=["grey", "grey and alpha", "palette", "one bit", "16 bit"],
)
def test_every_kind_of_png_becomes_red_green_blue(image, tmp_path):
    image.save(tmp_path / "a.png")
    block = decode_picture((tmp_path / "a.png").read_bytes())
    expected = photo()[..., :1].repeat(3, 2) if image.mode == "I;16" else np.asarray(image.convert("RGB"))
    assert (block.values.shape, block.values.dtype) == ((256, 256, 3), np.uint8)
    np.testing.assert_array_equal(block.values, expected)
    if image.mode == "LA":
        np.testing.assert_array_equal(block.valid, np.asarray(image)[..., 1])


@settings(deadline=None)
@given(st.sampled_from(sorted(MADE)), st.data())
def test_damaged_pictures_are_refused_or_decoded(name, data):
    made = bytearray(MADE[name])
    made[data.draw(st.integers(0, len(made) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(BadSource):
        decode_picture(bytes(made[: data.draw(st.integers(0, len(made)))]))


def test_a_picture_of_more_pixels_than_a_tile_has_is_not_decoded():
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 6, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    with pytest.raises(BadSource, match="60000 by 60000"):
        decode_picture(bomb)


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x1a\x05", b"RIFF\0\0\0\0WAVE", b"GIF89a"])
def test_what_is_no_picture_is_none(data):
    assert picture_type(data) is None
    assert picture_size(data) is None
    assert looks_like_mvt(data) == (data[:1] == b"\x1a")
    with pytest.raises(BadSource, match="no picture"):
        decode_picture(data)
