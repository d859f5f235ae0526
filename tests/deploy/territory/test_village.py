"""The buildings keep clear of one another, of the streets and of the water."""

import numpy as np
import pytest
import shapely

from deploy.territory.network import RIVER_HALF_WIDTH_M, river_line, roads
from deploy.territory.relief import valley_of
from deploy.territory.village import make_buildings, rectangle


@pytest.fixture(scope="module", params=[1, 2, 3])
def buildings(request):
    return make_buildings(np.random.default_rng(request.param), valley_of(river_line()), roads())


def test_there_are_more_than_a_hundred_and_none_overlap(buildings):
    shapes = np.array([building.footprint for building in buildings])
    assert shapes.size > 100
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    assert (first == second).all()


def test_none_stands_on_a_road_or_in_the_river(buildings):
    lines = shapely.union_all([shapely.LineString(road.line).buffer(road.width_m / 2) for road in roads()])
    water = shapely.LineString(river_line()).buffer(RIVER_HALF_WIDTH_M)
    for building in buildings:
        assert not building.footprint.intersects(lines)
        assert not building.footprint.intersects(water)


def test_a_turned_rectangle_keeps_its_area():
    shape = rectangle(10, 20, 0.7, 6, 4)
    assert shape.area == pytest.approx(4 * 6 * 4)
    assert (shape.centroid.x, shape.centroid.y) == pytest.approx((10, 20))
