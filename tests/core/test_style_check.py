"""core.style_check: what can be drawn, and what is refused with its value named."""

import math

import msgspec
import pytest

from core.errors import BadRequest
from core.style import (
    MAPBOX,
    MAX_STOPS,
    TERRARIUM,
    Aspect,
    ColourToAlpha,
    Contours,
    Hillshade,
    Ramp,
    Slope,
    Stop,
    Style,
    TerrainCode,
)
from core.style_check import MAX_ALL_STOPS, bands_of, check_bands, check_style, check_styles

RAMP = Ramp(stops=(Stop(0, 0, 0, 0), Stop(10, 255, 255, 255)))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"bands": (3, 2, 1), "rescale": (0, 4000)},
        {"expression": "(b4-b1)/(b4+b1)", "ramp": RAMP},
        {"relief": Hillshade()},
        {"relief": Slope(unit="percent"), "ramp": RAMP, "transparent": ColourToAlpha(colour=(0, 0, 0))},
        {"relief": Aspect(min_slope=1)},
        {"relief": Contours(interval=10)},
        {"terrain": MAPBOX},
        {"terrain": TERRARIUM, "bands": (2,)},
        {"ramp": Ramp(stops=(Stop(0, 0, 0, 0, 255, "basse\tterre"),)), "missing": -1, "opacity": 0},
        {"relief": Slope(highest=30), "missing": 91},
    ],
)
def test_a_style_that_can_be_drawn_survives_json(more):
    style = check_style(Style(name="a", **more))
    assert msgspec.json.decode(msgspec.json.encode(style), type=Style) == style


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"name": ""}, "cannot be the name"),
        ({"name": "é"}, "cannot be the name"),
        ({"name": "a/b"}, "cannot be the name"),
        ({"name": "a" * 65}, "cannot be the name"),
        ({"bands": (1, 2)}, r"bands \[1, 2\]"),
        ({"bands": (0,)}, r"bands \[0\]"),
        ({"bands": (70_000,)}, "numbered from 1"),
        ({"expression": "b1+" * 400 + "b1"}, "expression has 1202 characters"),
        ({"expression": "b1", "bands": (1,)}, "both bands and an expression"),
        ({"ramp": RAMP, "bands": (1, 2, 3)}, "three bands where one is shown"),
        ({"ramp": RAMP, "rescale": (0, 1)}, "both ramp and rescale"),
        ({"terrain": MAPBOX, "relief": Slope()}, "terrain beside other steps"),
        ({"relief": Contours(interval=5), "ramp": RAMP}, "contours with a ramp"),
        ({"rescale": (5, 5)}, r"rescale \[5, 5\]"),
        ({"rescale": (math.nan, 5)}, "rescale"),
        ({"terrain": TerrainCode(step=0)}, "terrain step 0"),
        ({"transparent": ColourToAlpha(colour=(0, 256, 0))}, "0 to 255"),
        ({"relief": Hillshade(altitude=91)}, "a sun at 315.0, 91 degrees"),
        ({"relief": Hillshade(z_factor=0)}, "z factor 0"),
        ({"relief": Slope(z_factor=math.inf)}, "z factor inf"),
        ({"relief": Contours(interval=0)}, "contours every 0"),
        ({"relief": Contours(interval=1, width=99)}, "99 pixels wide"),
        ({"relief": Slope(highest=0)}, "a highest slope of 0"),
        ({"relief": Slope(highest=math.nan)}, "a highest slope of nan"),
        ({"relief": Aspect(min_slope=90)}, "a smallest slope of 90"),
        ({"opacity": 1.1}, "an opacity of 1.1"),
        ({"opacity": math.nan}, "an opacity of nan"),
        ({"opacity": 0.5, "terrain": MAPBOX}, "terrain beside other steps"),
        ({"missing": 3}, "missing without a relief or a ramp"),
        ({"missing": math.inf, "ramp": RAMP}, "missing inf"),
        ({"missing": 3, "relief": Contours(interval=5)}, "contours with a ramp, rescale or missing"),
        ({"expression": "b1 ++ x"}, "style a: 'x' cannot be used"),
        ({"title": "a" * 201}, "title of 201 characters"),
        ({"abstract": "a\0"}, "abstract 'a.x00'"),
        ({"ramp": Ramp(stops=(Stop(0, 0, 0, 0, 255, "\x1b[1m"),))}, "characters that can be printed"),
        ({"ramp": Ramp(stops=())}, "ramp of 0 stops"),
        ({"ramp": Ramp(stops=tuple(Stop(n, 0, 0, 0) for n in range(MAX_STOPS + 1)))}, "ramp of 2049 stops"),
        ({"ramp": Ramp(stops=(Stop(1, 0, 0, 300),))}, "a colour at 1"),
        ({"ramp": Ramp(stops=(Stop(1e300, 0, 0, 0),))}, "a stop at 1e\\+300"),
        ({"ramp": Ramp(stops=(Stop(5, 0, 0, 0), Stop(5, 1, 1, 1)))}, "a stop at 5 after 5"),
    ],
)
def test_what_cannot_be_drawn_is_refused(more, told):
    with pytest.raises(BadRequest, match=told):
        check_style(Style(**({"name": "a"} | more)))


def test_the_styles_of_a_layer_have_names_of_their_own():
    first, second = Style(name="default"), Style(name="a")
    assert check_styles([first, second]) == (first, second)
    assert check_styles([]) == ()
    with pytest.raises(BadRequest, match="two styles are named a"):
        check_styles([second, first, second][::2])
    with pytest.raises(BadRequest, match="the style named default is not the first"):
        check_styles([second, first])
    with pytest.raises(BadRequest, match="65 styles are too many"):
        check_styles([Style(name=f"s{at}") for at in range(65)])


def test_the_stops_of_all_ramps_of_a_layer_are_bounded():
    ramp = Ramp(stops=tuple(Stop(at, 0, 0, 0) for at in range(MAX_STOPS)))
    many = [Style(name=f"s{at}", ramp=ramp) for at in range(MAX_ALL_STOPS // MAX_STOPS)]
    assert len(check_styles(many)) == 4
    with pytest.raises(BadRequest, match="have 8194 stops: give 8192 at most"):
        check_styles([*many, Style(name="one", ramp=RAMP)])


def test_a_style_names_the_bands_that_it_takes():
    assert bands_of(Style(name="a", bands=(4, 1, 2))) == (1, 2, 4)
    assert bands_of(Style(name="a", expression="b7 - b3")) == (3, 7)
    assert bands_of(Style(name="a")) == ()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"bands": (4, 1, 2)}, "band 4, and the files have 3"),
        ({"expression": "b1 + b9"}, "band 9, and the files have 3"),
        ({"ramp": RAMP}, "one band to show, and the layer shows 3"),
        ({"terrain": MAPBOX}, "one band to show, and the layer shows 3"),
    ],
)
def test_a_layer_has_to_have_the_bands_of_its_styles(more, told):
    with pytest.raises(BadRequest, match=told):
        check_bands([Style(name="a", **more)], shown=(1, 2, 3), count=3)


def test_styles_that_fit_pass_and_an_unknown_number_of_bands_hinders_none():
    check_bands([Style(name="a", bands=(3, 2, 1)), Style(name="b", ramp=RAMP, bands=(2,))], shown=(1, 2, 3), count=3)
    check_bands([Style(name="a", ramp=RAMP), Style(name="b", expression="b1*2")], shown=(1,), count=1)
    check_bands([Style(name="a", bands=(9,))], shown=(1, 2, 3), count=0)
