"""tiler.ingest.raster_extent: boxes and pixel sizes of many files at once, as rasterio gives them one by one."""

import math

import numpy as np
import pytest
from rasterio.warp import transform_bounds

from tiler.ingest import raster_extent
from tiler.ingest.raster_extent import degree_boxes, finest_cell, union


@pytest.mark.parametrize("crs", ["EPSG:2154", "EPSG:3857", "EPSG:32631", "EPSG:2975", "EPSG:4326"])
def test_boxes_are_those_of_gdal(crs, monkeypatch):
    monkeypatch.setattr(raster_extent, "_AT_A_TIME", 3)
    west, south = {"EPSG:2975": (340_000, 7_640_000), "EPSG:4326": (2.0, 46.0)}.get(crs, (500_000, 6_500_000))
    step = 0.3 if crs == "EPSG:4326" else 30_000
    boxes = np.array([(west + i * step, south, west + (i + 1) * step, south + 2 * step) for i in range(8)], np.float64)
    if crs == "EPSG:32631":
        boxes[:, [1, 3]] -= 1_400_000
    expected = [transform_bounds(crs, "EPSG:4326", *box, densify_pts=21) for box in boxes]
    np.testing.assert_allclose(degree_boxes(crs, boxes), expected, atol=2e-5)


def test_the_poles_are_cut_off_where_web_mercator_ends():
    (box,) = degree_boxes("EPSG:4326", np.array([[-180.0, -90.0, 180.0, 90.0]]))
    # Web Mercator is a square: its edge is at the latitude of which the ordinate is pi
    edge = math.degrees(math.atan(math.sinh(math.pi)))
    assert tuple(box) == pytest.approx((-180, -edge, 180, edge))


def test_a_place_that_is_none_has_no_box():
    boxes = degree_boxes("EPSG:32631", np.array([[1e30, 1e30, 2e30, 2e30], [5e5, 5e6, 5.1e5, 5.1e6]]))
    assert not (boxes[0, 0] < boxes[0, 2])
    assert boxes[1, 0] < boxes[1, 2]


def test_the_union_is_the_box_around_all():
    assert union(np.array([[1, 2, 3, 4], [0, 3, 2, 9], [2, 2.5, 2.5, 3]], float)) == (0.0, 2.0, 3.0, 9.0)


def test_the_finest_pixels_are_found_and_stretched_as_web_mercator_does():
    # at a latitude of 60 degrees lengths are doubled: sphere for the formula, so to half a percent
    boxes = np.array([[2.0, 59.9, 2.2, 60.1], [2.0, 59.9, 2.2, 60.1]])
    metres = math.radians(1) * 6_378_137
    cells = np.array([[2 / metres * 2, 2 / metres], [1 / metres * 2, 1 / metres]])
    assert finest_cell("EPSG:4326", boxes, cells) == pytest.approx(2.0, rel=0.005)
