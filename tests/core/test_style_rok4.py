"""core.style_rok4: IGN's files, and what is refused by the name of its key."""

import copy
from pathlib import Path

import msgspec
import numpy as np
import pytest

from core.errors import BadRequest
from core.style import FLOAT32_MAX, Aspect, ColourToAlpha, Hillshade, Slope, TerrainCode
from core.style_read import read_style

FILES = Path(__file__).parents[3] / "shared" / "data" / "reference" / "rok4_styles"
COLOURS = [
    {"value": 10, "red": 200, "green": 0, "blue": 0, "alpha": 100},
    {"value": 0, "red": 100, "green": 0, "blue": 50, "alpha": 0},
]


def read(document):
    return read_style(msgspec.json.encode({"identifier": "a"} | document), "a.json")


def palette(**more):
    return read({"palette": {"colours": copy.deepcopy(COLOURS)} | more}).ramp


def colour_at(ramp, value):
    """Red, blue and alpha of a value: by numpy's interpolation, or its search."""
    values = [stop.value for stop in ramp.stops]
    parts = np.array([(stop.red, stop.blue, stop.alpha) for stop in ramp.stops], float)
    if ramp.mode == "interpolated":
        return tuple(float(np.interp(value, values, parts[:, part])) for part in range(3))
    return tuple(parts[np.searchsorted(values, value, side="right") - 1].tolist())


@pytest.mark.skipif(not FILES.exists(), reason="../shared/data/reference/rok4_styles is not there")
@pytest.mark.parametrize(
    ("name", "step", "value"),
    [
        ("aspect", "relief", Aspect(min_slope=1)),
        ("colorize", "transparent", ColourToAlpha(colour=(255, 255, 255), becomes=(255, 255, 255, 0), tolerance=2)),
        ("epandage", "relief", Slope(highest=254)),
        ("epandage", "missing", 255),
        ("estompage", "relief", Hillshade(azimuth=315, altitude=45, z_factor=1)),
        ("hypso", "relief", None),
        ("inspire", "name", "DEFAULT"),
        ("montagne", "missing", 91),
        ("montagne_palette", "relief", None),
        ("normal", "title", "Données brutes"),
        ("orange", "abstract", "Orange sur fond transparent"),
        ("pente", "rescale", (0, 255)),
        ("pente", "relief", Slope(highest=90)),
        ("terrainrgb", "terrain", TerrainCode(base=-10_000, step=0.1)),
    ],
)
def test_igns_files_are_read(name, step, value):
    assert getattr(read_style((FILES / f"{name}.json").read_bytes(), f"{name}.json"), step) == value


@pytest.mark.skipif(not FILES.exists(), reason="../shared/data/reference/rok4_styles is not there")
def test_every_colour_of_igns_palettes_is_a_stop():
    for file in FILES.glob("*.json"):
        colours = msgspec.json.decode(file.read_bytes()).get("palette", {}).get("colours", [])
        if colours:
            stops = read_style(file.read_bytes(), file.name).ramp.stops
            told = [(one["value"], one["red"], one["green"], one["blue"], one["alpha"]) for one in colours]
            assert [(stop.value, stop.red, stop.green, stop.blue, stop.alpha) for stop in stops] == told


@pytest.mark.parametrize(
    ("rgb", "alpha", "expected"),
    [
        (True, True, (150, 25, 50)),
        (True, False, (150, 25, 0)),
        (False, True, (100, 50, 50)),
        (False, False, (100, 50, 0)),
    ],
)
def test_colours_and_alphas_are_mixed_or_not_each_by_itself(rgb, alpha, expected):
    ramp = palette(rgb_continuous=rgb, alpha_continuous=alpha)
    np.testing.assert_allclose(colour_at(ramp, 5), expected, atol=1e-3)
    for value, colour in ((-1e6, (100, 50, 0)), (0, (100, 50, 0)), (10, (200, 0, 100)), (1e6, (200, 0, 100))):
        np.testing.assert_allclose(colour_at(ramp, value), colour)


def test_no_alpha_is_opaque_and_needs_none():
    assert {stop.alpha for stop in palette(no_alpha=True).stops} == {255}
    assert palette(no_alpha=True, rgb_continuous=True).mode == "interpolated"
    bare = [{"value": 1, "red": 1, "green": 2, "blue": 3}]
    assert palette(no_alpha=True, colours=bare).stops[-1].alpha == 255


def test_the_first_colour_of_steps_goes_down_for_ever():
    assert palette().stops[0].value == -FLOAT32_MAX


def test_slopes_may_be_in_percent_by_igns_word_or_ours():
    for unit in ("pourcent", "percent"):
        assert read({"pente": {"unit": unit}}).relief.unit == "percent"
    assert read({"pente": {}}).relief.unit == "degree"


def test_a_palette_without_colours_shows_samples_as_they_are():
    assert read({"palette": {"no_alpha": False, "colours": []}}).ramp is None


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"shadow": {}}, "a.json: shadow is not known"),
        ({"estompage": {"sun": 3}}, "estompage.sun is not known"),
        ({"estompage": []}, "estompage is no object"),
        ({"estompage": {"zenith": "high"}}, "estompage.zenith is high: give a number"),
        ({"estompage": {"zenith": True}}, "estompage.zenith is True"),
        ({"estompage": {"zenith": 91}}, "a sun at 315.0, 91.0 degrees"),
        ({"estompage": {"interpolation": "lanczos_2"}}, "estompage.interpolation is 'lanczos_2': use linear"),
        ({"pente": {"algo": "Z"}}, "pente.algo is 'Z': use H"),
        ({"pente": {"unit": "radian"}}, "pente.unit is 'radian'"),
        ({"pente": {"slope_nodata": None}}, "pente.slope_nodata is missing"),
        ({"pente": {}, "exposition": {}}, "exposition beside pente"),
        ({"terrainrgb": {"step": 0.1}}, "terrainrgb.min_elevation is missing"),
        ({"terrainrgb": {"step": 0, "min_elevation": 0}}, "terrain step 0"),
        ({"terrainrgb": {"step": 1, "min_elevation": 0}, "palette": {"colours": COLOURS}}, "beside a palette"),
        ({"colorize": {"source": [1, 2]}}, r"colorize.source is \[1, 2\]"),
        ({"colorize": {"tolerance": 256}}, "colorize.tolerance is 256"),
        ({"palette": {"colours": 3}}, "palette.colours is no list"),
        ({"palette": {"colours": [3]}}, r"palette.colours\[0\] is no object"),
        ({"palette": {"colours": [COLOURS[0], COLOURS[0]]}}, "two colours at 10"),
        ({"palette": {"colours": [{"value": 1, "red": 1, "green": 1, "blue": 1}]}}, r"colours\[0\].alpha is missing"),
        ({"palette": {"colours": [COLOURS[0] | {"red": 256}]}}, r"palette.colours\[0\].red is 256"),
        ({"palette": {"colours": [COLOURS[0] | {"red": 1.5}]}}, r"palette.colours\[0\].red is 1.5"),
        ({"palette": {"colours": [COLOURS[0] | {"hue": 2}]}}, r"palette.colours\[0\].hue is not known"),
        ({"palette": {"colours": [COLOURS[0] | {"value": 1e39}]}}, r"palette.colours\[0\].value is 1e\+39"),
        ({"palette": {"rgb_continuous": 1, "colours": COLOURS}}, "palette.rgb_continuous is 1"),
        ({"palette": {"max_value": 9, "colours": COLOURS}}, "palette.max_value is below the colour at 10"),
        ({"title": 3}, "title is 3"),
        ({"identifier": "é"}, "cannot be the name of a style"),
        ({"title": "x" * 201}, "a title of 201 characters|title of 201 characters"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_key(document, told):
    with pytest.raises(BadRequest, match=told):
        read(document)


@pytest.mark.parametrize("number", [b"1e400", b"1" + b"0" * 400, b"NaN"])
def test_numbers_that_no_float_holds_are_refused(number):
    with pytest.raises(BadRequest, match=r"neither JSON nor XML|too large"):
        read_style(b'{"identifier": "a", "exposition": {"min_slope": ' + number + b"}}", "a.json")
