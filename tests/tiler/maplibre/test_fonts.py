"""tiler.maplibre.fonts: which fonts are here, and what stands in for others."""

import pytest
from PIL import ImageFont

from core.errors import BadRequest
from tiler.maplibre.fonts import MAX_STACK, fonts, fonts_of


def test_fonts_are_named_as_they_name_themselves():
    assert len(fonts()) == 12
    for name, path in fonts().items():
        family, style = ImageFont.truetype(str(path), 24).getname()
        assert f"{family} {style}".replace("Black Regular", "Black") in {name, name.replace("Italic", "It")}, name


@pytest.mark.parametrize(
    ("stack", "taken"),
    [
        ("Source Sans Pro Regular", ("Source Sans Pro Regular",)),
        ("Source Sans Pro SemiBold", ("Source Sans Pro Semibold",)),
        ("source-sans-pro bold italic", ("Source Sans Pro Bold Italic",)),
        ("Open Sans Regular,Arial Unicode MS Regular", ("Source Sans Pro Regular",)),
        ("Noto Sans Bold, Open Sans Italic", ("Source Sans Pro Bold", "Source Sans Pro Italic")),
        ("Roboto Medium", ("Source Sans Pro Semibold",)),
        ("Roboto ExtraLight Oblique", ("Source Sans Pro ExtraLight Italic",)),
        ("Lato Heavy", ("Source Sans Pro Black",)),
    ],
)
def test_a_font_that_is_not_here_is_stood_in_for_by_one_as_heavy_and_as_slanted(stack, taken):
    assert fonts_of(stack) == taken


@pytest.mark.parametrize("stack", ["", ",", " , ", "x" * (MAX_STACK + 1)])
def test_what_names_no_font_is_refused(stack):
    with pytest.raises(BadRequest, match="is no font stack"):
        fonts_of(stack)
