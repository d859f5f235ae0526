"""core.style_read: files told apart by what is in them, and ours."""

import contextlib
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadRequest
from core.style import MAPBOX, Contours, Hillshade, Ramp, Stop, Style
from core.style_read import MAX_STYLE_BYTES, read_style

KEYS = [
    "title", "palette", "estompage", "pente", "exposition", "terrainrgb", "colorize", "colours", "value", "red",
    "green", "blue", "alpha", "rgb_continuous", "zenith", "azimuth", "min_slope", "unit", "slope_nodata", "source",
    "min_elevation", "step", "relief", "type", "ramp", "stops", "mode", "bands", "expression", "rescale", "opacity",
]  # fmt: skip
ELEMENTS = [
    "ColorMap", "ColorMapEntry", "Categorize", "Interpolate", "InterpolationPoint", "Data", "Value", "Threshold",
    "Opacity", "ChannelSelection", "GrayChannel", "SourceChannelName", "ContrastEnhancement", "Normalize",
    "VendorOption", "ShadedRelief", "ReliefFactor", "LookupValue", "Name",
]  # fmt: skip
ATTRIBUTES = ["type", "color", "quantity", "opacity", "label", "name", "thresholdsBelongTo"]
WORDS = ["", "1", "-2.5", "1e400", "nan", "#ff0000", "#00", "values", "minValue", "maxValue", "preceding", "é"]
SLD = b'<RasterSymbolizer xmlns="http://www.opengis.net/se"><Opacity>0.5</Opacity></RasterSymbolizer>'


@pytest.mark.parametrize(
    "style",
    [
        Style(name="a", title="Forêt", ramp=Ramp(stops=(Stop(1, 2, 3, 4, 5, "bas"), Stop(2, 3, 4, 5)), mode="exact")),
        Style(name="b", relief=Hillshade(azimuth=40), rescale=(0, 200), missing=3, opacity=0.4),
        Style(name="c", relief=Contours(interval=5)),
        Style(name="d", terrain=MAPBOX, bands=(2,)),
        Style(name="e", expression="(b4-b1)/(b4+b1)"),
    ],
)
def test_our_own_json_is_the_struct(style):
    assert read_style(msgspec.json.format(msgspec.json.encode(style)), "x.json") == style


def test_the_content_decides_not_the_name_of_the_file():
    assert read_style(b' \n{"identifier": "r", "title": "t"}', "a.sld").name == "r"
    assert read_style(b'\xef\xbb\xbf{"name": "n"}', "a.xml").name == "n"
    assert read_style(b"\n " + SLD, "half.json") == Style(name="half", opacity=0.5)
    assert read_style(b"\xef\xbb\xbf" + SLD, "half.json").opacity == 0.5
    assert read_style(SLD.decode().encode("utf-16"), "half.json").opacity == 0.5


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "neither JSON nor XML"),
        (b"\x89PNG\r\n", "neither JSON nor XML"),
        (b'{"name": "\xff"}', "neither JSON nor XML"),
        (b"[" * 100_000, "neither JSON nor XML"),
        (b"[]", "no style"),
        (b"3", "no style"),
        (b'{"colours": []}', "no style"),
        (b'{"name": 3}', r"Expected `str`, got `int` - at `\$.name`"),
        (b'{"name": "a", "ramp": {"stops": [{"value": 1, "red": 1, "green": "g"}]}}', r"ramp.stops\[0\].green"),
        (b'{"name": "a", "relief": {"type": "moon"}}', "Invalid value 'moon'"),
        (b'{"name": "a", "colour": 3}', "colour is not known"),
        (b'{"name": "a", "ramp": {"stops": [{"value": 1, "red": 1, "green": 1, "blue": 1, "alfa": 1}]}}',
         r"ramp.stops\[0\].alfa is not known: use value, red, green, blue"),
        (b'{"name": "a", "relief": {"type": "slope", "units": "percent"}}', "relief.units is not known"),
        (b'{"name": "a", "expression": "b1+"}', "style a: 'b1.' is not an expression"),
        (b'{"name": "a", "expression": "b1+b2", "title": "\\u0000"}', "title .* characters that can be printed"),
        (b'{"name": "a"}' + b" " * MAX_STYLE_BYTES, "a style has 262144 at most"),
    ],
)  # fmt: skip
def test_what_is_no_style_is_refused_with_the_file_and_the_key(data, told):
    with pytest.raises(BadRequest, match=told) as caught:
        read_style(data, "/somewhere/x.json")
    assert caught.value.message.startswith("x.json: ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6))
def test_any_json_is_a_style_or_refused(document):
    with contextlib.suppress(BadRequest):
        read_style(json.dumps(document | {"identifier": "a"}).encode(), "a.json")
    with contextlib.suppress(BadRequest):
        read_style(json.dumps(document | {"name": "a"}).encode(), "a.json")


@st.composite
def documents(draw, depth=0):
    name = draw(st.sampled_from(ELEMENTS))
    attributes = draw(st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from(WORDS), max_size=3))
    inner = draw(st.lists(documents(depth + 1), max_size=3)) if depth < 6 else []
    said = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{said}>{draw(st.sampled_from(WORDS))}{''.join(inner)}</{name}>"


@settings(max_examples=300, deadline=None)
@given(documents(depth=3))
def test_any_symbolizer_is_a_style_or_refused(inner):
    with contextlib.suppress(BadRequest):
        read_style(f"<RasterSymbolizer>{inner}</RasterSymbolizer>".encode(), "a.sld")
