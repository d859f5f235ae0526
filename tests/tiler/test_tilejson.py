"""tiler.tilejson: TileJSON 3.0."""

import json

import msgspec
import pytest

from core.layer import PublishedLayer, RasterSource, VectorSource
from tiler.matrix import tile_matrix_set
from tiler.tilejson import describe

RASTER = RasterSource(href="h", bands=(1, 2, 3), dtype="uint8", min_zoom=9, max_zoom=19)
VECTOR = VectorSource(
    href="h", geometry_column="geometry", crs="EPSG:2154", fields={"nom": "String"}, min_zoom=10, max_zoom=16
)


def tilejson(source, tms="PM"):
    layer = PublishedLayer(
        name="routes",
        title="Routes",
        offering="o",
        source=source,
        bbox=(1.0, 2.0, 3.0, 4.0),
        sample=(2.0, 3.0),
        version="v",
    )
    return json.loads(msgspec.json.encode(describe(layer, tile_matrix_set(tms), "http://127.0.0.1:1")))


@pytest.mark.parametrize("source", [RASTER, VECTOR])
def test_the_required_keys_of_tilejson_3_are_there(source):
    document = tilejson(source)
    assert document["tilejson"] == "3.0.0"
    assert document["bounds"] == [1.0, 2.0, 3.0, 4.0]
    assert document["minzoom"] <= document["center"][2] <= document["maxzoom"]
    assert document["scheme"] == "xyz"
    assert len(document["tiles"]) == 1


def test_imagery_is_asked_as_webp_and_has_no_vector_layers():
    document = tilejson(RASTER)
    assert document["tiles"] == ["http://127.0.0.1:1/tiles/routes/PM/{z}/{x}/{y}.webp"]
    assert "vector_layers" not in document


def test_a_vector_layer_lists_its_fields():
    assert tilejson(VECTOR)["vector_layers"] == [
        {"id": "routes", "fields": {"nom": "String"}, "description": "Routes", "minzoom": 10, "maxzoom": 16}
    ]


def test_another_set_names_itself_and_offers_all_its_levels():
    document = tilejson(RASTER, "2154_10cm")
    assert (document["tile_matrix_set"], document["crs"]) == ("2154_10cm", "EPSG:2154")
    assert (document["minzoom"], document["maxzoom"]) == (0, 21)
