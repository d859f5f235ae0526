import io

import numpy as np
import pytest
from PIL import Image

from bench.compare import mean_difference
from core.errors import BadSource


def encode(pixels, form="PNG"):
    out = io.BytesIO()
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(out, form)
    return out.getvalue()


@pytest.fixture
def picture():
    return np.random.default_rng(3).integers(0, 200, (16, 24, 3))


def test_equal_pictures_in_two_formats_do_not_differ(picture):
    lossless_webp = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(lossless_webp, "WEBP", lossless=True)
    assert mean_difference(encode(picture), lossless_webp.getvalue()) == 0.0


def test_the_difference_is_the_mean_over_pixels_and_bands(picture):
    other = picture.copy()
    other[:8, :, 0] += 30  # half of the pixels, one band of three
    assert mean_difference(encode(picture), encode(other)) == pytest.approx(30 / 2 / 3)


def test_a_transparent_pixel_counts_as_white(picture):
    hidden = np.dstack([picture, np.where(np.arange(24) < 6, 0, 255) * np.ones((16, 1))])
    white = picture.copy()
    white[:, :6] = 255
    assert mean_difference(encode(hidden), encode(white)) == 0.0


def test_sizes_that_differ_are_told(picture):
    with pytest.raises(BadSource, match="24 x 16 pixels, the peer's 24 x 8"):
        mean_difference(encode(picture), encode(picture[:8]))


def test_an_answer_of_one_colour_is_refused(picture):
    with pytest.raises(BadSource, match="the peer's answer is of one colour"):
        mean_difference(encode(picture), encode(np.full((16, 24, 3), 9)))


def test_an_answer_that_is_no_image_is_refused(picture):
    with pytest.raises(BadSource, match="ours answer is no image"):
        mean_difference(b'{"detail": "no"}', encode(picture))


def test_heights_are_compared_in_metres():
    # Mapbox Terrain-RGB v1: height = -10000 + 0.1·(red·65536 + green·256 + blue); 1 of green is 25.6 m
    one = np.dstack([np.full((8, 8), 1), np.arange(64).reshape(8, 8), np.full((8, 8), 7)])
    other = one + np.array([0, 1, 0])
    assert mean_difference(encode(one), encode(other), "heights") == pytest.approx(25.6, abs=1e-3)


def test_light_of_a_peer_goes_from_minus_one_to_one():
    cosine = np.linspace(-1, 1, 256).reshape(16, 16)
    ours = np.rint(np.maximum(cosine, 0) * 255)[..., None].repeat(3, 2)
    theirs = np.rint((cosine + 1) / 2 * 255)[..., None].repeat(3, 2)
    assert mean_difference(encode(ours), encode(theirs), "light") < 0.6
    assert mean_difference(encode(ours), encode(theirs)) > 50
