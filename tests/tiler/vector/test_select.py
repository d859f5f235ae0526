"""tiler.vector.select: attributes and features of a tile, as a request asks for them."""

import mapbox_vector_tile
import numpy as np
import pytest
import shapely

from core.errors import BadRequest
from tests.tiler.vector.sources import made
from tiler.matrix import tile_bounds, tile_matrix_set
from tiler.vector.select import check_selection, rows_that_hold
from tiler.vector.tile import encode_tile

FIELDS = {"nom": "String", "h": "Number", "n": "Number", "oui": "Boolean", "jour": "String"}
ROWS = {
    "nom": ["Mairie", "Église", None, "mairie annexe"],
    "h": [10.5, 20.0, 3.0, None],
    "n": [1, 2, 3, 4],
    "oui": [True, False, None, True],
    "jour": ["2020-01-01", "2021-06-30", "2022-01-01", None],
}
SOURCE = made([shapely.Point(2.35 + n / 100, 48.85) for n in range(4)], **ROWS)


def held(text, language="cql2-text"):
    selection = check_selection(None, text, language, FIELDS)
    return np.flatnonzero(rows_that_hold(selection, FIELDS, SOURCE.values, np.arange(4, dtype=np.uint32))).tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("nom = 'Mairie'", [0]),
        ("h > 5", [0, 1]),
        ("h > 5 AND NOT oui", [1]),
        ("n IN (1, 4)", [0, 3]),
        ("n BETWEEN 2 AND 3", [1, 2]),
        ("nom LIKE 'M%'", [0]),
        ("CASEI(nom) LIKE CASEI('mairie%')", [0, 3]),
        ("nom IS NULL", [2]),
        ("oui", [0, 3]),
        ("h * 2 = 21", [0]),
        ("jour >= '2021-01-01'", [1, 2]),
        ("1 = 1", [0, 1, 2, 3]),
        ("n > 100", []),
    ],
)
def test_a_filter_holds_where_cql2_says(text, rows):
    assert held(text) == rows


def test_a_filter_may_be_json():
    assert held('{"op":">","args":[{"property":"n"},2]}', "cql2-json") == [2, 3]


@pytest.mark.parametrize(
    ("properties", "text", "language", "message"),
    [
        ("nom,hauteur", "", "cql2-text", "'hauteur'"),
        (None, "hauteur > 3", "cql2-text", "hauteur"),
        (None, "h >", "cql2-text", "column 4"),
        (None, "S_INTERSECTS(geometry, POINT(1 2))", "cql2-text", "places"),
        (None, "NOT S_WITHIN(geometry, POINT(1 2)) OR n = 1", "cql2-text", "places"),
        (None, "n = 1", "sql", "filter-lang"),
    ],
)
def test_what_cannot_be_asked_is_told(properties, text, language, message):
    with pytest.raises(BadRequest) as told:
        check_selection(properties, text, language, FIELDS)
    assert message in f"{told.value} {told.value.remedy}"


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:2154"])
def test_a_tile_shows_what_is_asked(crs):
    selection = check_selection("n,nom", "h > 5", "cql2-text", FIELDS)
    matrix = tile_matrix_set("PM").by_id["9"] if crs == "EPSG:3857" else tile_matrix_set("2154_10cm").matrices[9]
    from pyproj import Transformer

    from tiler.matrix import tile_at

    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(2.35, 48.85)
    data = encode_tile(
        SOURCE,
        "l",
        bounds=tile_bounds(matrix, *tile_at(matrix, x, y)),
        crs=crs,
        keys=frozenset(selection.keys),
        holds=lambda rows: rows_that_hold(selection, FIELDS, SOURCE.values, rows),
    )
    found = mapbox_vector_tile.decode(data)["l"]["features"]
    assert {f["id"]: f["properties"] for f in found} == {0: {"nom": "Mairie", "n": 1}, 1: {"nom": "Église", "n": 2}}
