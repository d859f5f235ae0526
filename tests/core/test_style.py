"""core.style: what can be drawn, and what is refused with its value named."""

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
    find_style,
)
from core.style_check import check_style

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


def test_a_style_is_found_by_its_name():
    styles = (Style(name="a"), Style(name="b"))
    assert find_style(styles, "b") is styles[1]
    assert find_style(styles, "c") is None


def test_reliefs_look_at_the_neighbours_and_terrain_must_not_be_lossy():
    assert Style(name="a").border == 0
    assert Style(name="a", relief=Slope()).border == 1
    assert Style(name="a", terrain=MAPBOX).lossless
    assert not Style(name="a", ramp=RAMP).lossless
