"""core.map_style_read: MapLibre style files of producers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadRequest
from core.map_style import MAX_MAP_STYLE_BYTES
from core.map_style_check import check_map_styles, images_of
from core.map_style_read import looks_like_map_style, read_map_style

FILL = {"id": "murs", "type": "fill", "source": "plan", "source-layer": "batiments", "paint": {"fill-color": "red"}}
FOND = {"id": "fond", "type": "background"}


def document(**changes):
    return {
        "version": 8,
        "name": "Plan clair",
        "sources": {"plan": {"type": "vector", "url": "https://elsewhere.example/tiles.json"}},
        "sprite": "https://elsewhere.example/sprite",
        "glyphs": "https://elsewhere.example/{fontstack}/{range}.pbf",
        "zoom": 12.5,
        "layers": [FOND, FILL],
        **changes,
    }


def read(**changes):
    return read_map_style(json.dumps(document(**changes)).encode(), "/home/x/clair.json")


def test_a_file_becomes_a_style_that_names_no_other_server():
    style = read()
    assert (style.name, style.title) == ("clair", "Plan clair")
    assert "elsewhere.example" not in style.document
    said = json.loads(style.document)
    assert said == {"zoom": 12.5, "layers": [FOND, {key: FILL[key] for key in FILL if key != "source"}]}


def test_a_name_that_can_stand_in_a_url_is_the_styles_own():
    assert read(name="sobre").name == "sobre"
    assert read(name="").title == "clair"


def test_what_editors_note_is_left_aside():
    assert read(id="x", owner="me", created="2024") == read()


def test_a_byte_order_mark_does_no_harm():
    data = b"\xef\xbb\xbf" + json.dumps(document()).encode()
    assert read_map_style(data, "clair.json") == read()
    assert looks_like_map_style(data)


def test_map_styles_are_told_from_those_of_rasters():
    assert looks_like_map_style(b'{"version": 7}')
    assert looks_like_map_style(b'{"layers": []}')
    for other in (b'{"name": "ndvi"}', b'{"identifier": "x"}', b"<sld/>", b"[1]", b"{", b"\xff\xfe", b"[" * 100_000):
        assert not looks_like_map_style(other)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": 7}, "clair.json: no MapLibre style of version 8"),
        ({"name": "x" * 300}, "its name .* cannot be read: use up to 200"),
        ({"name": 3}, "its name 3 cannot be read"),
        ({"sources": None}, "style clair has no sources"),
        ({"sources": {}}, "layer 'murs' of style clair draws from 'plan', which is no source"),
        ({"sources": {"plan": {"type": "raster"}}}, "a source of type 'raster': take the layer out"),
        ({"sources": {"plan": 4}}, "a source of type None"),
        ({"layers": [{**FILL, "source": ["plan"]}]}, "draws from .* which is no source"),
        ({"terrain": {"source": "dem"}}, "it has terrain, font-faces or imports"),
        ({"font-faces": {}}, "it has terrain, font-faces or imports"),
        ({"coulisse": 1}, "style clair has 'coulisse', which is not known here"),
        ({"layers": [{**FILL, "paint": {"color": "red"}}]}, "layer 'murs' of style clair has 'color' in paint"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_name_of_the_file(changes, told):
    with pytest.raises(BadRequest, match=told):
        read(**changes)


def test_a_style_draws_from_one_source():
    sources = {name: {"type": "vector"} for name in ("plan", "relief")}
    with pytest.raises(BadRequest, match="draws from 2 sources: plan, relief"):
        read(sources=sources, layers=[FILL, {**FILL, "id": "b", "source": "relief"}])
    assert read(sources=sources) == read()


def test_what_is_nested_too_deep_is_refused():
    deep = json.dumps(document(metadata=0)).replace('"metadata": 0', '"metadata": ' + "[" * 900 + "]" * 900)
    with pytest.raises(BadRequest, match=r"over 100 deep|no JSON"):
        read_map_style(deep.encode(), "clair.json")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["plan", "fill", "image", ""]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(["stops", "type", "plan"]), inside),
    max_leaves=8,
)
PLACES = ["version", "name", "sources", "layers", "zoom", "metadata", "terrain"]
KEYS = ["id", "type", "source", "source-layer", "minzoom", "filter", "layout", "paint"]


@given(
    st.dictionaries(st.sampled_from(PLACES), VALUES, max_size=2),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2),
    st.dictionaries(st.sampled_from(["fill-pattern", "fill-color"]), VALUES),
)
def test_whatever_stands_in_a_file_it_is_read_or_refused(root, layer, paint):
    data = json.dumps(document(layers=[FOND, {**FILL, "paint": paint, **layer}]) | root).encode()
    assert looks_like_map_style(data)
    try:
        style = read_map_style(data, "clair.json")
    except BadRequest:
        return
    check_map_styles((style,))
    assert all(isinstance(name, str) for name in images_of(style))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"<StyledLayerDescriptor/>", "no JSON .*SLD and ROK4 styles are for rasters"),
        (b'{"version": 8, "name": "\xe9"}', "no JSON"),
        (b'{"version": 8, "name": "\\ud800"}', "cannot be read|no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b" " * (MAX_MAP_STYLE_BYTES + 1), "has 524289 bytes or more: a style has 524288 at most"),
        (b"", "no JSON"),
        (b"[8]", "no MapLibre style of version 8"),
    ],
)
def test_what_is_no_style_is_refused(data, told):
    with pytest.raises(BadRequest, match=told):
        read_map_style(data, "clair.json")


def test_a_style_that_no_name_fits_is_refused():
    data = json.dumps(document()).encode()
    with pytest.raises(BadRequest, match="neither 'Plan clair' nor the file's name can stand in a URL"):
        read_map_style(data, "plan clair.json")
