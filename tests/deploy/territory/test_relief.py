"""The ground, whatever part of it is asked for."""

import numpy as np
import pytest
import shapely

from deploy.territory.grid import corridor
from deploy.territory.network import BANK_M, RIVER_HALF_WIDTH_M, river_line, roads
from deploy.territory.relief import Plot, make_ground, natural, valley_of


@pytest.fixture(scope="module")
def valley():
    return valley_of(river_line())


def test_a_part_of_the_ground_equals_the_same_part_of_a_larger_one(valley):
    small = make_ground(valley, roads(), [], (960, 960, 1040, 1040))
    large = make_ground(valley, roads(), [], (900, 930, 1100, 1080))
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(960.0, 1040, 1.7), np.arange(960.0, 1040, 1.3)))
    np.testing.assert_allclose(small.at(x, y), large.at(x, y), atol=1e-3)


def test_the_river_falls_all_the_way_and_lies_below_its_banks(valley):
    ground = make_ground(valley, [], [], (0, 0, 2000, 2000))
    inside = (valley.river > 0).all(axis=1) & (valley.river < 2000).all(axis=1)
    x, y = valley.river[inside].T
    water = ground.at(x, y)
    assert (np.diff(water) <= 1e-3).all()
    assert (natural(valley, x, y) - water > 1.5).all()
    distance, _ = corridor(valley.river, ground.window, RIVER_HALF_WIDTH_M + BANK_M + 5)
    assert (ground.z[(distance < RIVER_HALF_WIDTH_M - 1)].max() - water.max()) < 1.0


def test_the_river_does_not_meet_itself_nor_any_road_but_on_the_bridge(valley):
    river = shapely.LineString(valley.river)
    assert river.is_simple
    crossed = {road.name for road in roads() if shapely.LineString(road.line).distance(river) < RIVER_HALF_WIDTH_M}
    assert crossed == {"Pont des Lavandières"}


def test_a_plot_is_level(valley):
    plot = Plot(x=500, y=600, heading=0.4, half_length=12, half_width=6, level_m=77.0)
    ground = make_ground(valley, [], [plot], (450, 550, 550, 650))
    along, aside = np.meshgrid(np.linspace(-12, 12, 30), np.linspace(-6, 6, 20))
    x = 500 + along * np.cos(0.4) - aside * np.sin(0.4)
    y = 600 + along * np.sin(0.4) + aside * np.cos(0.4)
    np.testing.assert_allclose(ground.at(x.ravel(), y.ravel()), 77.0, atol=0.02)
