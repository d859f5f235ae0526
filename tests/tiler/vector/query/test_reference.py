"""Names of CRSs and the axes they mean."""

import numpy as np
import pytest
import shapely
from pyproj import CRS

from core.errors import BadRequest
from tiler.vector.query.reference import CRS84, flip, move, parse_bbox, parse_reference, place


@pytest.mark.parametrize(
    ("name", "code", "north_first"),
    [
        (CRS84, "OGC:CRS84", False),
        ("EPSG:4326", "EPSG:4326", True),
        ("[EPSG:4326]", "EPSG:4326", True),
        ("http://www.opengis.net/def/crs/EPSG/0/2154", "EPSG:2154", False),
        ("https://www.opengis.net/def/crs/EPSG/0/4171", "EPSG:4171", True),
        ("urn:ogc:def:crs:EPSG::3857", "EPSG:3857", False),
        ("epsg:3035", "EPSG:3035", True),
    ],
)
def test_a_crs_is_known_by_uri_urn_and_code(name, code, north_first):
    found = parse_reference(name)
    assert found.crs == CRS.from_user_input(code)
    assert found.north_first is north_first


@pytest.mark.parametrize("name", ["", "4326", "EPSG:1", "EPSG:5720", "EPSG:4978", "+proj=longlat", "x" * 10_000])
def test_a_crs_that_is_none_is_refused(name):
    with pytest.raises(BadRequest, match="is not known"):
        parse_reference(name)


def test_a_box_across_the_antimeridian_has_two_parts():
    box = parse_bbox("170,-20,-170,-10", parse_reference(CRS84))
    assert shapely.intersects_xy(box, 175, -15)
    assert shapely.intersects_xy(box, -175, -15)
    assert not shapely.intersects_xy(box, 0, -15)


def test_a_box_of_six_numbers_is_that_without_its_heights():
    assert parse_bbox("1,2,-5,3,4,9", parse_reference(CRS84)).bounds == (1, 2, 3, 4)


def test_a_figure_without_a_place_in_the_layer_is_refused():
    with pytest.raises(BadRequest, match="has no place"):
        place(shapely.Point(1e9, 1e9), parse_reference("EPSG:3035"), CRS.from_epsg(4326))


def test_moving_and_flipping_keep_heights_and_leave_what_is_missing():
    given = np.array([shapely.Point(700_000, 6_600_000, 12), shapely.Point(700_000, 6_600_000), None], object)
    moved = flip(move(given, CRS.from_epsg(2154), CRS.from_epsg(4326)))
    assert moved[0].z == 12  # the origin of Lambert-93 is 46.5 N 3 E (IGN)
    assert np.allclose([moved[0].x, moved[0].y], [46.5, 3.0], atol=1e-8)
    assert not moved[1].has_z
    assert moved[2] is None
