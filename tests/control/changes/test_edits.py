"""control.changes.edits: what people send is taken as it is meant, or refused by its number."""

import json

import pytest
import shapely
from pyproj import Transformer

from control.changes import edits as module
from control.changes.edits import read_edits
from core.errors import BadRequest
from core.layer import VectorSource

SOURCE = VectorSource(
    href="a", geometry_column="g", crs="EPSG:2154", fields={"nom": "String", "h": "Number", "ok": "Boolean"}
)


def feature(geometry=None, identifier=None, **properties):
    figure = None if geometry is None else json.loads(shapely.to_geojson(geometry))
    found = {"type": "Feature", "geometry": figure, "properties": properties}
    return found if identifier is None else found | {"id": identifier}


def read(*features, crs="OGC:CRS84"):
    return read_edits(json.dumps({"type": "FeatureCollection", "features": features}).encode(), SOURCE, crs)


def test_places_come_into_the_crs_of_the_data():
    way = Transformer.from_crs("EPSG:4326", "EPSG:2154", always_xy=True)
    found = read(feature(shapely.Point(2.5, 48.5), nom="a", h=3, ok=True))
    point = shapely.from_wkb(found.edits[0].geometry)
    assert (point.x, point.y) == pytest.approx(way.transform(2.5, 48.5), abs=1e-6)
    assert found.edits[0].properties == {"nom": "a", "h": 3, "ok": True}
    assert found.edits[0].id is None
    west, south, east, north = found.bbox
    assert (west, south) == pytest.approx((2.5, 48.5), abs=1e-6)
    assert (east, north) == pytest.approx((2.5, 48.5), abs=1e-6)


def test_an_id_names_a_feature_and_no_geometry_removes_it():
    changed, removed = read(feature(shapely.Point(1, 1), 7, nom=None), feature(None, "12"), crs="EPSG:2154").edits
    assert (changed.id, changed.properties) == (7, {})
    assert (removed.id, removed.geometry) == (12, b"")


def test_heights_are_kept():
    found = read(feature(shapely.Point(2.5, 48.5, 120.25)))
    assert shapely.from_wkb(found.edits[0].geometry).z == pytest.approx(120.25)


def test_areas_that_are_not_valid_are_mended_and_counted():
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    found = read(feature(bow), feature(shapely.box(0, 0, 5, 5)), crs="EPSG:2154")
    assert found.mended == 1
    assert shapely.from_wkb(found.edits[0].geometry).is_valid
    assert shapely.from_wkb(found.edits[0].geometry).area == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("features", "told"),
    [
        ([], "there are 0 edits"),
        ([feature()], "edit 1: it has neither an id nor a geometry"),
        ([feature(shapely.Point(1, 1)), feature(shapely.Point(1, 1), nomm="x")], "edit 2: .* no attribute 'nomm'"),
        ([feature(shapely.Point(1, 1), h="haut")], "h is 'haut', which is no Number"),
        ([feature(shapely.Point(1, 1), ok=1)], "ok is '1', which is no Boolean"),
        ([feature(shapely.Point(1, 1), nom=5)], "nom is '5', which is no String"),
        ([feature(shapely.Point(1, 1), -3)], "id '-3' is that of no feature"),
        ([feature(shapely.Point(1, 1), "a" * 500)], "id 'a{40}' is"),
        ([feature(shapely.Point())], "its geometry is empty"),
        ([{"type": "Feature", "geometry": {"type": "Point", "coordinates": ["a"]}}], "geometry cannot be read"),
        ([{"type": "Feature", "geometry": {"type": "Pint"}}], "geometry cannot be read"),
        ([feature(shapely.Point(2, 900))], "its coordinates mean nothing"),
        ([feature(shapely.Polygon([(0, 0), (1, 1), (0, 0)]))], "its area has no inside"),
        ([7], "edit 1: it is no GeoJSON Feature"),
        ([feature(shapely.Point(1, 1)) | {"properties": 3}], "its properties are no object"),
    ],
)
def test_what_cannot_be_taken_is_named(features, told):
    with pytest.raises(BadRequest, match=told):
        read(*features)


@pytest.mark.parametrize("data", [b"", b"[]", b"nonsense", b'{"type":"FeatureCollection"}', b"\xff\xfe"])
def test_what_is_no_geojson_is_refused(data):
    with pytest.raises(BadRequest, match="the edits are no"):
        read_edits(data, SOURCE)


def test_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_EDITS", 1)
    with pytest.raises(BadRequest, match="there are 2 edits"):
        read(feature(None, 1), feature(None, 2))
    monkeypatch.setattr(module, "MAX_VERTICES", 3)
    with pytest.raises(BadRequest, match="has 4 vertices"):
        read(feature(shapely.LineString([(0, 0), (1, 0), (1, 1), (2, 2)])))
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    with pytest.raises(BadRequest, match="bytes"):
        read(feature(None, 1))


def test_a_crs_that_is_not_known_is_refused():
    with pytest.raises(BadRequest, match="the CRS 'EPSG:1' is not known"):
        read(feature(shapely.Point(1, 1)), crs="EPSG:1")
