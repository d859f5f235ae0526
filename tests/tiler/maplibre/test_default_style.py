"""tiler.maplibre.default_style: what is drawn of a layer nobody made a style for."""

import json

import pytest
from msgspec.structs import replace

from core.map_style_check import check_map_fit, check_map_styles
from tests.tiler.maplibre.published import archive, buildings
from tests.tiler.maplibre.spec import complaints, needs_validator
from tiler.maplibre.default_style import default_style, name_field, theme_of
from tiler.maplibre.document import style_document


def drawn(layer):
    return json.loads(default_style(layer).document)["layers"]


@pytest.mark.parametrize(
    ("types", "kinds"),
    [
        (("MultiPolygon",), ["fill", "line", "symbol"]),
        (("LineString", "MultiLineString"), ["line", "line", "symbol"]),
        (("Point",), ["circle", "symbol"]),
        (("Point", "Polygon Z"), ["fill", "line", "circle", "symbol", "symbol"]),
        ((), ["fill", "line", "line", "line", "circle", "symbol", "symbol", "symbol"]),
        (("GeometryCollection",), ["fill", "line", "line", "line", "circle", "symbol", "symbol", "symbol"]),
    ],
)
def test_what_is_drawn_is_what_the_geometries_are(types, kinds):
    layer = buildings()
    layer = replace(layer, source=replace(layer.source, geometry_types=types))
    assert [one["type"] for one in drawn(layer)] == kinds


def test_polygons_lie_below_lines_below_points_below_names_across_the_layers_of_an_archive():
    assert [one["id"] for one in drawn(archive())] == [
        "water/fill", "water/outline", "lieux dits/fill", "lieux dits/outline", "water/casing", "water/line",
        "lieux dits/casing", "lieux dits/line", "water/point", "lieux dits/point", "water/label-polygon",
        "water/label-linestring", "water/label-point",
    ]  # fmt: skip


@pytest.mark.parametrize("layer", [buildings(), archive()], ids=["vector", "archive"])
def test_it_can_stand_where_a_style_of_a_producer_stands(layer):
    check_map_styles((default_style(layer),))
    check_map_fit((default_style(layer),), layer)


@needs_validator
@pytest.mark.parametrize("layer", [buildings(), archive()], ids=["vector", "archive"])
def test_the_validator_of_maplibre_finds_no_fault(layer, tmp_path):
    assert complaints(tmp_path, style_document(layer, "standard", "http://maps.example")) == ""


def test_lines_grow_wider_with_the_level():
    width = next(one for one in drawn(archive()) if one["id"] == "water/line")["paint"]["line-width"]
    assert width[2] == ["zoom"]
    assert width[4] < width[6]


def test_colours_follow_the_words_of_the_name_and_else_the_name():
    assert theme_of("BATIMENTS_2024") == theme_of("bâti")
    assert theme_of("Forêts") == theme_of("vegetation")
    assert theme_of("TRONCON_COURS_EAU") == theme_of("water") != theme_of("reseau")
    others = [theme_of(f"couche-{number}") for number in range(60)]
    assert others == [theme_of(f"couche-{number}") for number in range(60)]
    assert len({theme.line for theme in others}) == 8


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({"hauteur": "Number", "NOM": "String"}, "NOM"),
        ({"name": "String", "nom": "String"}, "nom"),
        ({"Toponyme": "String", "libelle": "String"}, "Toponyme"),
        ({"name": "The English name"}, "name"),
        ({"nom": "Number", "label": "String"}, "label"),
        ({"nombre_d_etages": "String", "id": "String"}, ""),
        ({}, ""),
    ],
)
def test_names_are_taken_from_what_obviously_holds_them(fields, taken):
    assert name_field(fields) == taken


def test_what_says_that_a_name_is_not_known_is_no_name():
    label = next(one for one in drawn(buildings()) if one["type"] == "symbol")
    match, name, unsaid, nothing, said = label["layout"]["text-field"]
    assert (match, name, nothing, said) == ("match", ["get", "nom"], "", ["to-string", ["get", "nom"]])
    assert "NR" in unsaid


def test_a_layer_without_names_has_no_labels():
    layer = buildings()
    layer = replace(layer, source=replace(layer.source, fields={"hauteur": "Number"}))
    assert {one["type"] for one in drawn(layer)} == {"fill", "line"}


def test_a_map_begins_over_the_whole_layer_or_where_its_tiles_begin():
    whole = json.loads(default_style(buildings()).document)
    assert whole["center"] == pytest.approx([5.1, 45.05])
    assert 360 / 2 ** whole["zoom"] == pytest.approx(0.2, rel=0.01)
    wide = json.loads(default_style(buildings(bbox=(-5, 42, 8, 51))).document)
    assert (wide["center"], wide["zoom"]) == ([5.03, 45.02], 9)
