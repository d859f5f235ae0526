"""tiler.raster.png: other programs read exactly the pixels that were encoded."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.io import MemoryFile

from tests.tiler.raster.tiffs import photo
from tiler.raster.png import encode_indexed_png, encode_png

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 4), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_pixels_come_back_as_they_were(channels, rows, cols, seed):
    random = np.random.default_rng(seed)
    pixels = random.integers(0, random.integers(2, 257), (rows, cols, channels), dtype=np.uint8)
    image = Image.open(BytesIO(encode_png(pixels)))
    image.verify()
    image = Image.open(BytesIO(encode_png(pixels)))
    assert image.mode == MODES[channels]
    np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), pixels)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([1, 2, 3, 4, 5, 16, 17, 200, 256]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_colours_of_a_palette_come_back_as_they_were(count, rows, cols, opaque, seed):
    random = np.random.default_rng(seed)
    colours = random.integers(0, 256, (count, 4), dtype=np.uint8)
    if opaque:
        colours[:, 3] = 255
    indexes = random.integers(0, count, (rows, cols), dtype=np.uint8)
    data = encode_indexed_png(indexes, colours.tobytes())
    Image.open(BytesIO(data)).verify()
    image = Image.open(BytesIO(data))
    assert image.mode in {"P", "1"}
    np.testing.assert_array_equal(np.asarray(image.convert("RGBA")), colours[indexes])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_gdal_reads_it_too():
    pixels = np.ascontiguousarray(np.moveaxis(photo(64, 48), 0, 2))
    with MemoryFile(encode_png(pixels)) as memory, memory.open() as dataset:
        np.testing.assert_array_equal(np.moveaxis(dataset.read(), 0, 2), pixels)


def test_a_photograph_is_about_as_small_as_libpng_makes_it():
    pixels = np.ascontiguousarray(np.moveaxis(photo(256, 256), 0, 2))
    best = BytesIO()
    Image.fromarray(pixels).save(best, "PNG", compress_level=6)
    assert len(encode_png(pixels)) < 1.15 * len(best.getvalue())


@pytest.mark.parametrize(("count", "bits"), [(2, 1), (4, 2), (16, 4), (17, 8)])
def test_few_colours_take_few_bits(count, bits):
    data = encode_indexed_png(np.zeros((4, 4), np.uint8), bytes(4 * count))
    assert data[24:26] == bytes([bits, 3])
