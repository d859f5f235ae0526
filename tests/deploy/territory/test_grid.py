"""Windows and the fields computed over them, against shapely and arithmetic."""

import numpy as np
import pytest
import shapely

from deploy.territory.grid import Window, corridor, resample, sample

WINDOW = Window(west=10.0, north=60.0, cell=0.5, rows=80, cols=100)


def test_distances_along_a_corridor_are_shapelys():
    line = np.array([(5.0, 5.0), (30.0, 40.0), (55.0, 38.0), (58.0, 70.0)])
    distance, along = corridor(line, WINDOW, 6.0)
    x, y = np.meshgrid(WINDOW.x, WINDOW.y)
    pixels = shapely.points(x.ravel(), y.ravel())
    curve = shapely.LineString(line)
    expected = shapely.distance(pixels, curve).reshape(x.shape)
    near = expected < 5.99
    np.testing.assert_allclose(distance[near], expected[near], atol=1e-3)
    assert np.isinf(distance[expected > 6.01]).all()
    place = shapely.line_locate_point(curve, pixels).reshape(x.shape)
    clear = near & (np.abs(distance - expected) < 1e-4) & (expected > 0.1)
    assert np.median(np.abs(along[clear] - place[clear])) < 1e-3


def test_a_plane_is_interpolated_exactly():
    fine = Window(west=20.2, north=50.3, cell=0.2, rows=60, cols=70)
    x, y = np.meshgrid(WINDOW.x, WINDOW.y)
    plane = (3 * x - 2 * y + 7).astype(np.float32)
    fx, fy = np.meshgrid(fine.x, fine.y)
    np.testing.assert_allclose(resample(plane, WINDOW, fine), 3 * fx - 2 * fy + 7, atol=1e-3)
    px, py = np.array([12.34, 40.0]), np.array([30.1, 59.0])
    np.testing.assert_allclose(sample(plane, WINDOW, px, py), 3 * px - 2 * py + 7, atol=1e-3)


@pytest.mark.parametrize("outside", [(0, 0, 5, 5), (70, 70, 80, 80), (61, 25, 62, 26)])
def test_a_rectangle_outside_a_window_meets_no_pixel(outside):
    rows, cols = WINDOW.slices(*outside)
    assert np.zeros((80, 100))[rows, cols].size == 0
