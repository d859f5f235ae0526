"""tiler.maplibre.glyphs: letters, against Pillow's drawing of the same fonts."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.tiler.maplibre import protobuf
from tiler.maplibre.fonts import fonts
from tiler.maplibre.glyphs import make_glyphs

REGULAR, BOLD = "Source Sans Pro Regular", "Source Sans Pro Bold"
EM = 1000
"""Units of the fonts, so that Pillow's pixels at this size are theirs."""

FINE = 20
"""Pixels of the picture to compare with, a pixel of a letter."""


def pillow(name, size):
    return ImageFont.truetype(str(fonts()[name]), size, layout_engine=ImageFont.Layout.BASIC)


@pytest.fixture(scope="module")
def latin():
    return protobuf.glyphs(make_glyphs((REGULAR,), 0))


def test_the_message_names_font_and_range(latin):
    name, span, found = latin
    assert (name, span) == (REGULAR, "0-255")
    assert set(map(ord, "AZaz09 éèçàùÉÈÇ«»°&")) <= set(found)
    assert not set(found) & set(range(1, 32))


@pytest.mark.parametrize("letter", "AWilgÇé.&@")
def test_letters_stand_as_far_apart_as_in_the_font(latin, letter):
    units = pillow(REGULAR, EM).getlength(letter)
    assert abs(latin[2][ord(letter)]["advance"] - units * 24 / EM) <= 0.5


@pytest.mark.parametrize("letter", "AWilgÇé.&@")
def test_letters_lie_where_the_font_has_them(latin, letter):
    picture = Image.new("L", (2 * EM, 2 * EM))
    ImageDraw.Draw(picture).text((500, 1200), letter, 255, font=pillow(REGULAR, EM), anchor="ls")
    west, north, east, south = picture.getbbox()
    left, top, right, bottom = ((edge * 24 / EM) for edge in (west - 500, north - 1200, east - 500, south - 1200))
    glyph = latin[2][ord(letter)]
    ascender = 24  # 984 units of 1,000, at 24 pixels, rounded up
    slack = 0.15
    assert left - 1 - slack <= glyph["left"] <= left + slack
    assert -top - slack <= glyph["top"] + ascender <= -top + 1 + slack
    assert right - slack <= glyph["left"] + glyph["width"] <= right + 1 + slack
    assert bottom - slack <= glyph["height"] - glyph["top"] - ascender <= bottom + 1 + slack
    assert len(glyph["bitmap"]) == (glyph["width"] + 6) * (glyph["height"] + 6)


@pytest.mark.parametrize("letter", "ABgé8&")
@pytest.mark.parametrize("name", [REGULAR, BOLD])
def test_what_is_inside_is_what_pillow_fills(name, letter):
    glyph = protobuf.glyphs(make_glyphs((name,), 0))[2][ord(letter)]
    rows, cols = glyph["height"] + 6, glyph["width"] + 6
    inside = np.frombuffer(glyph["bitmap"], np.uint8).reshape(rows, cols) >= 191
    picture = Image.new("L", (cols * FINE, rows * FINE))
    baseline = (glyph["top"] + 24 + 3) * FINE
    place = ((3 - glyph["left"]) * FINE, baseline)
    ImageDraw.Draw(picture).text(place, letter, 255, font=pillow(name, 24 * FINE), anchor="ls")
    fine = np.asarray(picture)
    centres = fine[FINE // 2 :: FINE, FINE // 2 :: FINE] > 127
    blocks = fine.reshape(rows, FINE, cols, FINE).mean(axis=(1, 3)) / 255
    clear = np.abs(blocks - 0.5) > 0.1
    np.testing.assert_array_equal(inside[clear], centres[clear])
    assert inside.sum() > 20


def test_the_border_of_a_bitmap_is_outside(latin):
    for glyph in latin[2].values():
        if glyph["bitmap"]:
            rows = np.frombuffer(glyph["bitmap"], np.uint8).reshape(glyph["height"] + 6, -1)
            assert max(rows[:3].max(), rows[-3:].max(), rows[:, :3].max(), rows[:, -3:].max()) <= 191


def test_a_space_has_a_width_and_no_picture(latin):
    space = latin[2][32]
    assert (space["width"], space["height"], space["bitmap"]) == (0, 0, b"")
    assert space["advance"] == round(pillow(REGULAR, EM).getlength(" ") * 24 / EM)


def test_a_range_the_font_has_nothing_of_is_empty():
    assert protobuf.glyphs(make_glyphs((REGULAR,), 0x4E00)) == (REGULAR, "19968-20223", {})


def test_the_ligature_oe_of_french_and_the_typographic_apostrophe_are_there():
    assert 0x153 in protobuf.glyphs(make_glyphs((REGULAR,), 0x100))[2]
    assert 0x2019 in protobuf.glyphs(make_glyphs((REGULAR,), 0x2000))[2]


def test_the_first_font_of_a_stack_is_taken_where_it_has_the_letter():
    name, _, found = protobuf.glyphs(make_glyphs((BOLD, REGULAR), 0))
    assert name == f"{BOLD}, {REGULAR}"
    assert found == protobuf.glyphs(make_glyphs((BOLD,), 0))[2]


def test_threads_that_draw_at_once_draw_the_same():
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: make_glyphs((REGULAR,), 0x2000), range(8)))
    assert len(set(drawn)) == 1
