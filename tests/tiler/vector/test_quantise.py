"""tiler.vector.quantise: geometries on the grid."""

import numpy as np
import shapely

from tiler.vector.quantise import clip, make_valid, quantise, split_kinds

BOX = (0.0, 0.0, 100.0, 100.0)


def geometries(*texts):
    return np.array([shapely.from_wkt(text) for text in texts], dtype=object)


def test_a_box_is_cut_by_arithmetic():
    [cut] = clip(geometries("POLYGON((50 50,150 50,150 120,50 120,50 50))"), BOX)
    assert cut.area == 50 * 50


def test_an_area_that_only_touches_the_box_is_not_in_it():
    [cut] = clip(geometries("POLYGON((100 0,150 0,150 50,100 50,100 0))"), BOX)
    assert cut.is_empty


def test_an_area_cut_in_two_keeps_both_parts_and_no_edge():
    [cut] = clip(geometries("POLYGON((-10 -10,50 -10,50 0,40 0,40 20,30 20,30 0,20 0,20 30,-10 30,-10 -10))"), BOX)
    assert shapely.get_dimensions(cut) == 2
    assert cut.area == 20 * 30 + 10 * 20


def test_coordinates_are_whole_and_areas_valid():
    star = shapely.Point(50, 50).buffer(30, quad_segs=20)
    [drawn] = quantise(np.array([star], dtype=object), BOX, 0.5)
    xy = shapely.get_coordinates(drawn)
    np.testing.assert_array_equal(xy, np.rint(xy))
    assert drawn.is_valid


def test_a_bow_tie_is_mended_without_losing_its_area():
    mended, count = make_valid(geometries("POLYGON((0 0,10 10,10 0,0 10,0 0))", "POLYGON((0 0,1 0,1 1,0 0))"))
    assert count == 1
    assert mended[0].is_valid
    assert mended[0].area == 50


def test_an_area_without_inside_comes_back_as_it_was():
    flat = geometries("POLYGON((0 0,10 0,0 0,0 0))")
    mended, count = make_valid(flat)
    assert count == 0
    assert mended[0] is flat[0]


def test_a_place_that_has_no_coordinates_is_left_out():
    lost = shapely.LineString([(0, 0), (np.inf, 5)])
    assert quantise(np.array([lost], dtype=object), BOX, 0.5)[0].is_empty


def test_collections_in_collections_are_told_apart_by_kind():
    found, places = split_kinds(
        geometries(
            "POINT(1 1)",
            "GEOMETRYCOLLECTION(POINT(1 1),GEOMETRYCOLLECTION(POINT(2 2),LINESTRING(0 0,1 1)),POINT EMPTY)",
            "GEOMETRYCOLLECTION EMPTY",
            "LINESTRING(0 0,1 1)",
        )
    )
    assert places.tolist() == [0, 1, 1, 3]
    assert [g.geom_type for g in found] == ["Point", "MultiPoint", "MultiLineString", "LineString"]
    assert len(found[1].geoms) == 2
