"""tiler.raster.style: every step of a style against numpy, and colours that were computed by hand."""

import numpy as np
import pytest

from core.errors import BadRequest
from core.layer import RasterSource
from core.style import (
    MAPBOX,
    TERRARIUM,
    Aspect,
    ColourToAlpha,
    Contours,
    Hillshade,
    Ramp,
    Slope,
    Stop,
    Style,
)
from tiler.raster.grid import PixelGrid
from tiler.raster.picture import Samples, without_palette
from tiler.raster.style import draw, prepare

SIDE = 6
GRID = PixelGrid("EPSG:2154", 700_000.0, 6_600_000.0, 1.0, 1.0, SIDE, SIDE)
HEIGHTS = RasterSource(href="h.tif", bands=(1,), dtype="float32", rescale=(0.0, 100.0))
PHOTO = RasterSource(href="p.tif", bands=(1, 2, 3), dtype="uint8")
GREY = RasterSource(href="g.tif", bands=(1,), dtype="uint8")
BLUE_RED = Ramp(stops=(Stop(0, 0, 0, 255), Stop(50, 255, 0, 0, 128)), mode="interval")


def heights(slope_east=0.0, border=0, hole=False):
    side = SIDE + 2 * border
    values = (20 + slope_east * np.arange(side, dtype=np.float32))[None, :].repeat(side, axis=0)
    values = np.ascontiguousarray(values)[..., None]
    if hole:
        values[border + 2, border + 3] = np.nan
    return Samples(values)


def shown(style, samples, source=HEIGHTS, palette=b""):
    return without_palette(draw(samples, prepare(style, source), GRID, palette))


def photo(bands=3, valid=None):
    return Samples(np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, bands), dtype=np.uint8), valid)


def hole():
    valid = np.full((SIDE, SIDE), 255, np.uint8)
    valid[1, 2] = 0
    return valid


def test_samples_of_eight_bits_are_shown_as_they_are():
    samples = photo()
    assert prepare(Style(name="a"), PHOTO).plain
    assert (shown(Style(name="a"), samples, PHOTO) == samples.values).all()
    with_hole = photo(valid=hole())
    assert (shown(Style(name="a"), with_hole, PHOTO)[..., 3] == hole()).all()


def test_other_bands_and_another_order_are_not_plain():
    style = prepare(Style(name="infrared", bands=(4, 1, 2)), PHOTO)
    assert style.bands == (4, 1, 2)
    assert not style.plain
    assert prepare(Style(name="same", bands=(1, 2, 3)), PHOTO).plain


def test_heights_are_stretched_between_the_layers_limits_and_holes_are_clear():
    picture = shown(Style(name="a"), heights(10.0, hole=True))
    expected = np.clip((20 + 10 * np.arange(SIDE)) * 2.55, 0, 255)
    assert np.abs(picture[0, :, 0] - expected).max() <= 0.51
    assert picture[2, 3].tolist() == [0, 0]
    assert picture[0, 0, 1] == 255


def test_a_style_may_stretch_eight_bits_too():
    samples = photo(1)
    picture = shown(Style(name="a", rescale=(100, 150)), samples, GREY)
    assert (picture == np.rint(np.clip((samples.values.astype(float) - 100) * 5.1, 0, 255))).all()


@pytest.mark.parametrize("valid", [None, hole()])
@pytest.mark.parametrize("top", [255, 90])
def test_a_ramp_colours_values_of_eight_bits(valid, top):
    samples = Samples(np.minimum(photo(1).values, top), valid)
    picture = shown(Style(name="a", ramp=BLUE_RED), samples, GREY)
    high = samples.values[..., 0] >= 50
    expected = np.where(high[..., None], (255, 0, 0, 128), (0, 0, 255, 255))
    if valid is not None:
        expected[valid == 0] = 0
    assert (picture == expected).all()


def test_a_ramp_colours_heights():
    picture = shown(Style(name="a", ramp=BLUE_RED), heights(10.0, hole=True))
    assert picture[0].tolist() == [[0, 0, 255, 255]] * 3 + [[255, 0, 0, 128]] * 3
    assert picture[2, 3].tolist() == [0, 0, 0, 0]


def test_an_expression_is_stretched_between_minus_one_and_one_or_as_told():
    source = RasterSource(href="s.tif", bands=(1, 2, 3), dtype="uint16", rescale=(0.0, 4000.0))
    values = np.array([[[1000, 3000], [3000, 1000], [np.nan, 5]]], np.float32)
    style = Style(name="ndvi", expression="(b4-b1)/(b4+b1)")
    assert prepare(style, source).bands == (1, 4)
    assert shown(style, Samples(values), source)[0].tolist() == [[191, 255], [64, 255], [0, 0]]


def test_an_expression_on_eight_bits_knows_what_is_missing():
    samples = photo(2, hole())
    picture = shown(Style(name="a", expression="b1-b2", rescale=(-255, 255)), samples, GREY)
    difference = samples.values[..., 0].astype(float) - samples.values[..., 1]
    assert np.abs(picture[..., 0] - (difference + 255) / 2)[hole() > 0].max() <= 0.51
    assert (picture[..., 1] == hole()).all()


def test_a_wrong_expression_is_told():
    with pytest.raises(BadRequest, match="cannot be used"):
        prepare(Style(name="a", expression="open('x')"), HEIGHTS)


def test_light_slope_and_aspect_of_a_plane():
    plane = heights(1.0, border=1)  # rises to the east by 45 degrees
    sun = Hillshade(azimuth=270, altitude=45)
    assert (shown(Style(name="a", relief=sun), plane) == 255).all()
    steep = Ramp(stops=(Stop(0, 0, 0, 0, 0), Stop(44.9, 1, 2, 3), Stop(45.1, 4, 5, 6)), mode="interval")
    assert (shown(Style(name="a", relief=Slope(), ramp=steep), plane) == (1, 2, 3, 255)).all()
    assert (shown(Style(name="a", relief=Slope(unit="percent", z_factor=0.5)), plane) == 128).all()
    west = Ramp(stops=(Stop(269, 0, 0, 0, 0), Stop(269.5, 9, 9, 9), Stop(270.5, 0, 0, 0, 0)), mode="interval")
    assert (shown(Style(name="a", relief=Aspect(), ramp=west), plane) == (9, 9, 9, 255)).all()


def test_a_hole_has_no_light_and_its_neighbours_have():
    picture = shown(Style(name="a", relief=Hillshade()), heights(1.0, border=1, hole=True))
    assert (picture[..., 1] == 0).sum() == 1
    assert picture[2, 3, 1] == 0


def test_contours_are_lines_on_nothing():
    picture = shown(Style(name="a", relief=Contours(interval=4, colour=(1, 2, 3, 254), major_every=0)), heights(1.0, 1))
    # heights of the columns are 21 to 26: the line of 24 covers the fourth
    assert picture[0, :, 3].tolist() == [0, 0, 0, 254, 0, 0]
    assert picture[0, 3, :3].tolist() == [1, 2, 3]


def test_terrain_is_three_bytes_of_the_height():
    picture = shown(Style(name="a", terrain=MAPBOX), heights(10.0))
    numbers = picture.astype(int) @ (65_536, 256, 1)
    assert (numbers[0] == 100_000 + 10 * (20 + 10 * np.arange(SIDE))).all()
    assert shown(Style(name="a", terrain=MAPBOX), heights(hole=True)).shape[2] == 4


def test_a_palette_of_the_file_is_used_where_nothing_else_is_asked():
    palette = bytes(range(256)) * 3
    samples = photo(1)
    picture = shown(Style(name="a"), samples, GREY, palette)
    assert (picture == np.frombuffer(palette, np.uint8).reshape(-1, 3)[samples.values[..., 0]]).all()
    ramp = Style(name="a", ramp=BLUE_RED)
    assert shown(ramp, samples, GREY, palette)[0, 0].tolist() in [[0, 0, 255, 255], [255, 0, 0, 128]]


@pytest.mark.parametrize("palette", [b"", bytes([7, 8, 9]) * 256])
def test_one_colour_becomes_transparent(palette):
    samples = photo(1)
    samples.values[0, 0], samples.values[0, 1] = 250, 7
    told = ColourToAlpha(colour=(7, 8, 9) if palette else (250, 250, 250))
    picture = shown(Style(name="a", transparent=told), samples, GREY, palette)
    assert picture[0, 0].tolist() == [255, 255, 255, 0]
    if not palette:
        assert picture[0, 1].tolist() == [7, 7, 7, 255]


def test_a_colour_of_a_ramp_becomes_another():
    told = ColourToAlpha(colour=(0, 0, 250), becomes=(9, 9, 9, 200), tolerance=5)
    picture = shown(Style(name="a", ramp=BLUE_RED, transparent=told), heights(10.0))
    assert picture[0].tolist() == [[9, 9, 9, 200]] * 3 + [[255, 0, 0, 128]] * 3


def test_missing_pixels_of_a_relief_or_a_ramp_are_a_value_where_the_style_says():
    steep = Ramp(stops=(Stop(0, 1, 2, 3), Stop(60, 4, 5, 6), Stop(200, 7, 8, 9, 10)), mode="interval")
    style = Style(name="a", relief=Slope(), ramp=steep, missing=255)
    picture = shown(style, heights(1.0, border=1, hole=True))
    assert picture[2, 3].tolist() == [7, 8, 9, 10]
    assert (picture[3:] == (1, 2, 3, 255)).all()
    grey = Samples(photo(1).values, hole())
    assert shown(Style(name="a", ramp=BLUE_RED, missing=50), grey, GREY)[1, 2].tolist() == [255, 0, 0, 128]


def test_ground_is_no_steeper_than_the_style_says():
    style = Style(name="a", relief=Slope(highest=30), rescale=(0, 255))
    picture = shown(style, heights(1.0, border=1, hole=True))
    assert picture[3, 3].tolist() == [30, 255]
    assert picture[2, 3].tolist() == [0, 0]


@pytest.mark.parametrize("style", [
    Style(name="a", opacity=0.5),
    Style(name="a", opacity=0.5, ramp=Ramp(stops=(Stop(0, 0, 0, 0), Stop(255, 255, 255, 255)))),
])  # fmt: skip
def test_opacity_is_a_share_of_every_alpha(style):
    full = Style(name="b", ramp=style.ramp)
    samples = photo(1, hole())
    faded, whole = shown(style, samples, GREY), shown(full, samples, GREY)
    assert (faded[..., 0] == whole[..., 0]).all()
    assert (faded[..., -1] == np.rint(whole[..., -1] * 0.5)).all()
    assert not prepare(style, GREY).plain


def test_contours_fade_too():
    style = Style(name="a", relief=Contours(interval=4, major_every=0), opacity=0.2)
    assert shown(style, heights(1.0, 1))[0, :, 3].tolist() == [0, 0, 0, 51, 0, 0]


@pytest.mark.parametrize("style", [Style(name="mapbox", terrain=MAPBOX), Style(name="terrarium", terrain=TERRARIUM)])
def test_the_published_formulas_give_the_heights_back(style):
    samples = Samples(np.random.default_rng(3).uniform(-430, 8848, (SIDE, SIDE, 1)).astype(np.float32))
    red, green, blue = np.moveaxis(shown(style, samples).astype(float), 2, 0)
    if style.name == "mapbox":  # Mapbox Terrain-RGB v1, "Decode data"
        back, step = -10_000 + (red * 256 * 256 + green * 256 + blue) * 0.1, 0.1
    else:  # Tilezen Joerd, formats: Terrarium
        back, step = (red * 256 + green + blue / 256) - 32_768, 1 / 256
    assert np.abs(back - samples.values[..., 0]).max() <= step / 2 + 1e-6
