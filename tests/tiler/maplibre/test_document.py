"""tiler.maplibre.document and styles: which styles a layer has, and what clients read."""

import json

import pytest
from msgspec.structs import replace

from core.errors import StyleNotFound
from tests.tiler.maplibre.published import OWN, archive, buildings, ortho
from tests.tiler.maplibre.spec import complaints, needs_validator
from tiler.maplibre.document import style_document
from tiler.maplibre.styles import map_style_of, map_style_titles, style_path

HERE = "https://maps.example"


def test_every_vector_layer_has_the_standard_style_after_its_own():
    assert map_style_titles(buildings()) == {"standard": "Standard"}
    assert list(map_style_titles(buildings(map_styles=(OWN,))).items()) == [
        ("sobre", "Sobre"),
        ("standard", "Standard"),
    ]
    assert map_style_titles(ortho()) == {}


def test_a_style_of_the_producer_takes_the_place_of_the_standard_one():
    mine = buildings(map_styles=(replace(OWN, name="standard"),))
    assert map_style_titles(mine) == {"standard": "Sobre"}
    assert map_style_of(mine, "standard") == mine.map_styles[0]


def test_default_is_the_first():
    assert map_style_of(buildings(), "default").name == "standard"
    assert map_style_of(buildings(map_styles=(OWN,)), "default") == OWN


def test_a_style_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(StyleNotFound, match="batiments has no style 'nuit': its styles: sobre, standard"):
        map_style_of(buildings(map_styles=(OWN,)), "nuit")
    with pytest.raises(StyleNotFound, match="ortho is of kind raster"):
        map_style_of(ortho(), "default")


def test_tiles_letters_and_icons_are_this_servers():
    document = json.loads(style_document(buildings(map_styles=(OWN,)), "sobre", HERE))
    assert document["version"] == 8
    assert document["name"] == "Sobre"
    assert document["zoom"] == 12
    assert document["glyphs"] == f"{HERE}/annexes/ressources/vectorTiles/fonts/{{fontstack}}/{{range}}.pbf"
    assert document["sprite"] == f"{HERE}/annexes/ressources/vectorTiles/sprites/geopf"
    assert document["sources"] == {
        "batiments": {
            "type": "vector", "tiles": [f"{HERE}/tiles/batiments/PM/{{z}}/{{x}}/{{y}}.mvt"],
            "bounds": [5.0, 45.0, 5.2, 45.1], "minzoom": 9, "maxzoom": 17,
        }
    }  # fmt: skip
    assert [layer.get("source") for layer in document["layers"]] == [None, "batiments"]


def test_an_archive_keeps_its_attribution():
    assert json.loads(style_document(archive(), "default", HERE))["sources"]["plan"]["attribution"] == "© IGN"


@needs_validator
def test_a_style_of_a_producer_is_still_one_for_maplibre(tmp_path):
    layer = buildings(map_styles=(OWN,))
    assert complaints(tmp_path, style_document(layer, "sobre", HERE)) == ""
    broken = json.loads(style_document(layer, "sobre", HERE)) | {"layers": [{"id": "a", "type": "nothing"}]}
    assert "nothing" in complaints(tmp_path, broken)  # the validator does look


def test_paths_are_written_for_urls():
    assert style_path(buildings(), "sobre") == "/annexes/ressources/vectorTiles/styles/batiments/sobre.json"
