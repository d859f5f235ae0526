"""tiler.vector.geoparquet: the metadata as GeoParquet 1.1.0 words it."""

import json

import pytest
from pyproj import CRS

from core.errors import BadSource
from tiler.vector.geoparquet import encode_geo, parse_geo


def encoded(**changes):
    settings = {
        "column": "geom",
        "covering": "box",
        "crs": CRS(2154),
        "geometry_types": ("Polygon", "MultiPolygon Z"),
        "bbox": (0.0, 1.0, 2.0, 3.0),
    }
    return encode_geo(**{**settings, **changes})


def test_what_is_written_has_the_keys_of_the_specification():
    document = json.loads(encoded())
    assert document["version"] == "1.1.0"
    assert document["primary_column"] == "geom"
    column = document["columns"]["geom"]
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["MultiPolygon Z", "Polygon"]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 2154}
    assert column["bbox"] == [0, 1, 2, 3]
    assert column["covering"] == {
        "bbox": {"xmin": ["box", "xmin"], "ymin": ["box", "ymin"], "xmax": ["box", "xmax"], "ymax": ["box", "ymax"]}
    }


def test_what_is_written_is_read_back():
    column = parse_geo({b"geo": encoded()})
    assert (column.name, column.encoding, column.covering) == ("geom", "WKB", "box")
    assert column.crs == CRS(2154)


def test_without_a_crs_coordinates_are_longitude_and_latitude():
    text = json.dumps({"primary_column": "g", "columns": {"g": {"encoding": "WKB"}}}).encode()
    assert parse_geo({b"geo": text}).crs == CRS("OGC:CRS84")


def test_a_null_crs_is_unknown():
    text = json.dumps({"primary_column": "g", "columns": {"g": {"encoding": "WKB", "crs": None}}}).encode()
    assert parse_geo({b"geo": text}).crs is None


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {b"geo": b"{"},
        {b"geo": b"[]"},
        {b"geo": b'{"primary_column": "g", "columns": {}}'},
        {b"geo": b'{"primary_column": "g", "columns": {"g": {"encoding": "WKB", "crs": "nonsense"}}}'},
    ],
)
def test_metadata_that_is_missing_or_wrong_is_a_bad_source(metadata):
    with pytest.raises(BadSource):
        parse_geo(metadata)
