"""IGN's own style files, drawn: colours worked out by hand at chosen values."""

import math

import numpy as np
import pytest

from core.layer import RasterSource
from core.style_read import read_style
from tests.tiler.raster.tiffs import DATA
from tiler.raster.grid import PixelGrid
from tiler.raster.picture import Samples, without_palette
from tiler.raster.style import draw, prepare

FILES = DATA.parent / "reference" / "rok4_styles"
SIDE = 4
GRID = PixelGrid("EPSG:2154", 700_000.0, 6_600_000.0, 1.0, 1.0, SIDE, SIDE)
HEIGHTS = RasterSource(href="h", bands=(1,), dtype="float32", rescale=(0.0, 255.0))
GREY = RasterSource(href="g", bands=(1,), dtype="uint8")
PHOTO = RasterSource(href="p", bands=(1, 2, 3), dtype="uint8")

pytestmark = pytest.mark.skipif(not FILES.exists(), reason="../shared/data/reference/rok4_styles is not there")


def drawn(name, samples, source=HEIGHTS):
    style = read_style((FILES / f"{name}.json").read_bytes(), f"{name}.json")
    return without_palette(draw(samples, prepare(style, source), GRID))


def rgba(picture):
    """Colours in four channels: a palette that is wholly opaque comes in three."""
    if picture.shape[2] == 4:
        return picture
    return np.concatenate([picture, np.full((*picture.shape[:2], 1), 255, np.uint8)], axis=2)


def value(number, dtype=np.float32):
    return Samples(np.full((SIDE, SIDE, 1), number, dtype))


def plane(degrees, facing=270.0):
    """Heights of a plane of a slope that faces a direction, with the border; the pixel at (1, 1) is missing."""
    rise = math.tan(math.radians(degrees))
    at = np.arange(SIDE + 2, dtype=float)
    east, north = -rise * math.sin(math.radians(facing)), -rise * math.cos(math.radians(facing))
    heights = (500 + east * at[None, :] - north * at[:, None]).astype(np.float32)
    heights[2, 2] = np.nan
    return Samples(heights[..., None])


@pytest.mark.parametrize(
    ("name", "number", "dtype", "colour"),
    [
        ("hypso", 1300.0, np.float32, (191, 139.5, 75, 255)),  # half way from 600 to 2000
        ("hypso", -257.5, np.float32, (10, 35.5, 201.5, 255)),  # half way from -500 to -15
        ("hypso", -99_999.0, np.float32, (255, 255, 255, 0)),
        ("hypso", 50_000.0, np.float32, (255, 255, 255, 255)),
        ("montagne_palette", 10, np.uint8, (255, 255, 255, 0)),
        ("montagne_palette", 37, np.uint8, (243, 148, 25, 255)),
        ("montagne_palette", 60, np.uint8, (200, 137, 187, 255)),
        ("orange", 100, np.uint8, (255, 132, 0, 155)),
        ("orange", 255, np.uint8, (255, 255, 255, 0)),
    ],
)
def test_palettes_colour_values(name, number, dtype, colour):
    picture = rgba(drawn(name, value(number, dtype), GREY if dtype == np.uint8 else HEIGHTS))
    assert np.abs(picture - np.array(colour)).max() <= 2.5


@pytest.mark.parametrize(
    ("name", "degrees", "colour", "missing"),
    [
        ("montagne", 10, (255, 255, 255, 0), (255, 255, 255, 0)),
        ("montagne", 29.5, (248.5, 242, 127.5, 127.5), (255, 255, 255, 0)),
        ("montagne", 32, (242, 229, 0, 255), (255, 255, 255, 0)),
        ("montagne", 80, (200, 137, 187, 255), (255, 255, 255, 0)),
        ("epandage", 12, (51, 7, 196, 255), (170, 165, 165, 255)),
        ("epandage", 50, (216, 2, 5, 255), (170, 165, 165, 255)),
    ],
)
def test_slopes_are_coloured_and_what_is_missing_as_the_file_says(name, degrees, colour, missing):
    picture = rgba(drawn(name, plane(degrees)))
    assert np.abs(picture[3, 3] - np.array(colour)).max() <= 2.5
    assert np.abs(picture[1, 1] - np.array(missing)).max() <= 2.5


def test_a_slope_without_palette_is_degrees_as_bytes():
    picture = drawn("pente", plane(30))
    assert picture[3, 3].tolist() == [30]
    assert picture[1, 1].tolist() == [91]
    assert picture.shape == (SIDE, SIDE, 1)


def test_light_is_a_veil_of_a_quarter():
    # flat ground under a sun of 45 degrees: 255 sin 45; a slope of 30 degrees to the north-west: 255 cos 15
    for degrees, light in ((0, 180.3), (30, 246.3)):
        picture = drawn("estompage", plane(degrees, facing=315))
        assert np.abs(picture[3, 3, :3] - light).max() <= 2.5
        assert picture[3, 3, 3] == 64
        assert picture[1, 1, 3] == 0


@pytest.mark.parametrize(
    ("degrees", "facing", "colour"),
    [
        (20, 5, (224, 32, 29, 200)),
        (20, 90, (255, 112, 18, 200)),
        (20, 180, (11, 215, 230, 200)),
        (20, 270, (50, 50, 235, 200)),
        (0.5, 180, (255, 255, 255, 0)),
    ],
)
def test_aspects_are_coloured_where_the_ground_is_not_flat(degrees, facing, colour):
    assert np.abs(drawn("aspect", plane(degrees, facing))[3, 3] - np.array(colour)).max() <= 2.5


def test_terrain_is_steps_of_a_decimetre_above_minus_ten_thousand_metres():
    assert (drawn("terrainrgb", value(1234.5)) == (1, 182, 217)).all()  # 112 345 = 1·65536 + 182·256 + 217


def test_white_becomes_transparent_and_nothing_else():
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[0, 0], pixels[0, 1] = (254, 253, 255), (255, 252, 255)
    picture = drawn("colorize", Samples(pixels), PHOTO)
    assert picture[0, :3].tolist() == [[255, 255, 255, 0], [255, 252, 255, 255], [0, 0, 0, 255]]


@pytest.mark.parametrize("name", ["normal", "inspire"])
def test_styles_without_steps_leave_stored_blocks_alone(name):
    style = read_style((FILES / f"{name}.json").read_bytes(), f"{name}.json")
    assert prepare(style, PHOTO).plain
