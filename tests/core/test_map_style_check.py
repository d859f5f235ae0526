"""core.map_style_check: what can be drawn from vector tiles."""

import json

import msgspec
import pytest

from core.errors import BadRequest
from core.layer import PublishedLayer
from core.map_style import MAX_ALL_BYTES, MAX_MAP_STYLE_BYTES, MapStyle
from core.map_style_check import (
    LAYER_KEYS,
    LAYOUT,
    MAX_LAYERS,
    PAINT,
    check_document,
    check_map_fit,
    check_map_styles,
    images_of,
    tile_layers,
)
from tests.tiler.maplibre.published import OWN, archive, buildings, ortho
from tests.tiler.maplibre.spec import needs_reference, reference

FILL = {"id": "murs", "type": "fill", "source-layer": "batiments"}


def nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


def style(name, *layers, **more):
    return MapStyle(name=name, document=json.dumps({"layers": list(layers or (FILL,)), **more}))


@needs_reference
def test_the_properties_are_those_of_the_specification():
    spec = reference()
    assert set(LAYOUT) == set(PAINT)
    for kind in PAINT:
        assert spec[f"layout_{kind}"].keys() == LAYOUT[kind]
        assert spec[f"paint_{kind}"].keys() == PAINT[kind]
    assert spec["layer"].keys() == LAYER_KEYS
    assert set(PAINT) == spec["layer"]["type"]["values"].keys() - {"raster", "hillshade", "color-relief"}


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (3, "layer 0 of style a has no id"),
        ({"type": "fill"}, "layer 0 of style a has no id"),
        ({**FILL, "type": "raster"}, "layer 'murs' of style a is of type 'raster': vector tiles are drawn as"),
        ({**FILL, "type": ["fill"]}, "is of type a list"),
        ({**FILL, "ref": "x"}, "layer 'murs' of style a has 'ref', which is not known"),
        ({"id": "murs", "type": "fill"}, "layer 'murs' of style a names no source-layer"),
        ({**FILL, "type": "background"}, "is a background and draws a source-layer"),
        ({**FILL, "minzoom": 25}, "has minzoom 25: use 0 to 24"),
        ({**FILL, "maxzoom": "9"}, "has maxzoom '9'"),
        ({**FILL, "minzoom": True}, "has minzoom True"),
        ({**FILL, "filter": "nature"}, "has a filter that is no expression"),
        ({**FILL, "paint": []}, "has a paint that is no object"),
        ({**FILL, "paint": {"fill-colour": "red"}}, "has 'fill-colour' in paint: a fill has .*fill-color"),
        ({**FILL, "layout": {"line-cap": "round"}}, "has 'line-cap' in layout"),
    ],
)
def test_a_layer_that_cannot_be_drawn_is_named(layer, told):
    with pytest.raises(BadRequest, match=told):
        check_document("a", {"layers": [layer]})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "style a is no JSON object"),
        ({}, "has no list of layers"),
        ({"layers": []}, "has no list of layers"),
        ({"layers": [{**FILL, "id": str(number)} for number in range(MAX_LAYERS + 1)]}, "or too many"),
        ({"layers": [FILL, FILL]}, "two layers of style a have the id 'murs'"),
        ({"layers": [FILL], "metadata": nested(101)}, "in each other, over 100 deep"),
        ({"layers": [FILL], "terrain": {}}, "style a has 'terrain', which is not known here"),
    ],
)
def test_a_document_that_cannot_be_drawn_is_refused(document, told):
    with pytest.raises(BadRequest, match=told):
        check_document("a", document)


def test_what_lies_a_hundred_deep_passes():
    check_document("a", {"layers": [FILL], "metadata": nested(99)})


def test_a_good_document_passes():
    background = {"id": "fond", "type": "background", "paint": {"background-color": "#eee"}}
    label = {**FILL, "id": "noms", "type": "symbol", "layout": {"text-field": "{nom}"}, "minzoom": 12.5}
    check_document("a", {"layers": [background, {**FILL, "filter": ["==", "a", 1]}, label], "metadata": {"x": 1}})


@pytest.mark.parametrize(
    ("styles", "told"),
    [
        ((style("a"), style("a")), "two styles are named a"),
        ((style("a b"),), "'a b' cannot be the name of a style"),
        ((style("a"), style("default")), "the style named default is not the first"),
        (tuple(style(f"s{number}") for number in range(65)), "65 styles are too many"),
        ((MapStyle(name="a", document="{"),), "style a is no JSON"),
        ((MapStyle(name="a", document="[" * 100_000),), "style a is no JSON"),
        ((style("a", metadata="x" * MAX_MAP_STYLE_BYTES),), "style a is too long"),
        (tuple(style(f"s{n}", metadata="x" * (MAX_ALL_BYTES // 8)) for n in range(9)), "bytes together"),
    ],
)
def test_styles_that_cannot_stand_together_are_refused(styles, told):
    with pytest.raises(BadRequest, match=told):
        check_map_styles(styles)


def test_a_style_draws_what_the_tiles_have():
    check_map_fit((OWN,), buildings())
    with pytest.raises(BadRequest, match="layer 'murs' of style sobre draws the source-layer 'batiments', which the "
                       "tiles of plan do not have: use water, lieux dits"):  # fmt: skip
        check_map_fit((OWN,), archive())
    silent = msgspec.structs.replace(archive(), source=msgspec.structs.replace(archive().source, vector_layers=()))
    check_map_fit((OWN,), silent)


def test_the_layers_in_tiles_are_known():
    assert tile_layers(buildings()) == ("batiments",)
    assert tile_layers(archive()) == ("water", "lieux dits")
    assert tile_layers(ortho()) == ()


def test_icons_and_patterns_are_found_where_they_are_plainly_written():
    layers = (
        {**FILL, "paint": {"fill-pattern": "hatch"}},
        {**FILL, "id": "b", "type": "symbol", "layout": {"icon-image": ["image", "pin"]}},
        {**FILL, "id": "c", "type": "symbol", "layout": {"icon-image": {"stops": [[10, "dot"], [12, "star"]]}}},
        {**FILL, "id": "d", "type": "symbol", "layout": {"icon-image": "{nature}"}},
        {**FILL, "id": "e", "type": "symbol", "layout": {"icon-image": ["get", "nature"]}},
    )
    assert images_of(style("a", *layers)) == ("hatch", "pin", "dot", "star")


def test_a_publication_of_before_map_styles_can_be_read():
    before = msgspec.to_builtins(buildings())
    del before["map_styles"]
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(before), type=PublishedLayer)
    assert read == buildings()
