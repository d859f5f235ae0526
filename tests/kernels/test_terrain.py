"""kernels.terrain: against Horn's formulas in plain numpy, and slopes whose angles are known."""

import math

import numpy as np
import pytest

from kernels.terrain import aspect, contours, hillshade, slope, terrain_rgb

SIDE = 9


def plane(east=0.0, north=0.0, base=100.0, cell=2.0):
    """Return heights of a plane that rises by `east` and `north` per metre, with the border."""
    at = (np.arange(SIDE + 2) - 1) * cell
    return (base + east * at[None, :] - north * at[:, None]).astype(np.float32)


def hills(seed=0, holes=0):
    rng = np.random.default_rng(seed)
    heights = rng.normal(200, 20, (SIDE + 2, SIDE + 2)).astype(np.float32)
    heights.flat[rng.choice(heights.size, holes, replace=False)] = np.nan
    return heights


def cells(size=2.0):
    return np.full(SIDE, size, np.float32)


def horn(heights, cell_x, cell_y):
    """Return the rise per metre to the east and to the north (Horn 1981), a missing neighbour taken as the pixel."""
    here = heights[1:-1, 1:-1].astype(float)

    def at(down, right):
        rows, cols = here.shape
        near = heights[1 + down : 1 + down + rows, 1 + right : 1 + right + cols].astype(float)
        return np.where(np.isnan(near), here, near)

    east = (at(-1, 1) + 2 * at(0, 1) + at(1, 1)) - (at(-1, -1) + 2 * at(0, -1) + at(1, -1))
    north = (at(-1, -1) + 2 * at(-1, 0) + at(-1, 1)) - (at(1, -1) + 2 * at(1, 0) + at(1, 1))
    return east / (8 * cell_x[:, None]), north / (8 * cell_y[:, None])


def light(heights, azimuth, altitude, cell_x=None, cell_y=None, z_factor=1.0):
    up, over = math.sin(math.radians(altitude)), math.cos(math.radians(altitude))
    east, north = over * math.sin(math.radians(azimuth)), over * math.cos(math.radians(azimuth))
    result = np.empty((SIDE, SIDE), np.float32)
    hillshade(heights, cells() if cell_x is None else cell_x, cells() if cell_y is None else cell_y, z_factor, east,
              north, up, result)  # fmt: skip
    return result


def shape_of(kernel, heights, *options, cell=2.0):
    result = np.empty((SIDE, SIDE), np.float32)
    kernel(heights, cells(cell), cells(cell), 1.0, *options, result)
    return result


@pytest.mark.parametrize("seed", range(4))
def test_light_is_the_angle_between_the_normal_and_the_sun(seed):
    heights, wide, high = hills(seed, holes=6), np.linspace(1, 3, SIDE), np.linspace(2, 4, SIDE)
    azimuth, altitude, z_factor = 40.0 + 80 * seed, 20.0 + 15 * seed, 0.5 + seed
    east, north = horn(heights, wide / z_factor, high / z_factor)
    normal = np.stack([-east, -north, np.ones_like(east)]) / np.sqrt(1 + east**2 + north**2)
    sun = [
        math.cos(math.radians(altitude)) * math.sin(math.radians(azimuth)),
        math.cos(math.radians(altitude)) * math.cos(math.radians(azimuth)),
        math.sin(math.radians(altitude)),
    ]
    expected = 255 * np.clip(np.tensordot(sun, normal, 1), 0, None)
    got = light(heights, azimuth, altitude, wide.astype(np.float32), high.astype(np.float32), z_factor)
    np.testing.assert_allclose(got, np.where(np.isnan(heights[1:-1, 1:-1]), np.nan, expected), atol=0.02)


def test_flat_ground_has_the_light_of_the_suns_height():
    np.testing.assert_allclose(light(plane(), 315, 30), 127.5, atol=1e-3)


def test_a_slope_that_faces_the_sun_is_white_and_its_back_is_dark():
    facing = plane(east=math.sqrt(0.5), north=-math.sqrt(0.5))  # rises to the south-east, faces north-west
    np.testing.assert_allclose(light(facing, 315, 45), 255, atol=0.01)
    np.testing.assert_allclose(light(facing, 135, 45), 0, atol=0.01)


@pytest.mark.parametrize(("rise", "degrees"), [(0.0, 0.0), (1.0, 45.0), (math.tan(math.radians(60)), 60.0)])
def test_the_slope_of_a_plane(rise, degrees):
    np.testing.assert_allclose(shape_of(slope, plane(east=rise), False), degrees, atol=1e-3)
    np.testing.assert_allclose(shape_of(slope, plane(north=-rise), True), rise * 100, atol=1e-2)


def test_slope_with_holes_is_horns():
    heights = hills(5, holes=8)
    east, north = horn(heights, cells(), cells())
    expected = np.where(np.isnan(heights[1:-1, 1:-1]), np.nan, np.degrees(np.arctan(np.hypot(east, north))))
    np.testing.assert_allclose(shape_of(slope, heights, False), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("east", "north", "faces"),
    [(0, -1, 0), (-1, 0, 90), (0, 1, 180), (1, 0, 270), (-1, -1, 45), (1, 1, 225), (1, -1, 315)],
)
def test_the_aspect_is_the_way_down_clockwise_from_north(east, north, faces):
    np.testing.assert_allclose(shape_of(aspect, plane(east, north), 0.0), faces, atol=1e-3)


def test_flat_ground_faces_nowhere_and_missing_ground_is_missing():
    heights = plane(east=0.01)
    heights[4, 4] = np.nan
    result = shape_of(aspect, heights, math.tan(math.radians(2)))
    assert np.isnan(result[3, 3])
    assert (result[~np.isnan(result)] == -1).all()


def test_contours_cover_the_pixels_that_a_line_crosses():
    heights = (np.arange(SIDE + 2, dtype=np.float32) - 1)[None, :].repeat(SIDE + 2, axis=0)  # one unit a pixel
    heights = np.ascontiguousarray(heights)
    result = np.empty((SIDE, SIDE), np.uint8)
    contours(heights, 4.0, 1.0, 0, result)
    cover = np.clip(1.0 - np.abs(np.arange(SIDE) - np.array([[0], [4], [8]])).min(axis=0), 0, 1)
    assert (result == np.rint(cover * 127)).all()
    contours(heights, 4.0, 1.0, 2, result)
    assert (result[:, 4] == 127).all()
    assert (result[:, 0] == 255).all()  # heights 0 and 8 are major, and twice as wide
    assert (result[:, 8] == 255).all()
    assert (result[:, 1] > 128).all()


def test_no_contour_on_flat_or_missing_ground():
    result = np.full((SIDE, SIDE), 9, np.uint8)
    contours(plane(base=100.0), 10.0, 1.0, 5, result)
    assert not result.any()
    result[:] = 9
    contours(np.full((SIDE + 2, SIDE + 2), np.nan, np.float32), 10.0, 1.0, 5, result)
    assert not result.any()


@pytest.mark.parametrize(("base", "step", "within"), [(-10_000.0, 0.1, 0.0501), (-32_768.0, 1 / 256, 1 / 512)])
def test_a_viewer_gets_the_heights_back(base, step, within):
    heights = np.random.default_rng(1).uniform(-500, 4810, (SIDE, SIDE)).astype(np.float32)
    picture = np.empty((SIDE, SIDE, 3), np.uint8)
    terrain_rgb(heights, base, step, picture)
    parts = picture.astype(float)
    back = base + (parts[..., 0] * 65_536 + parts[..., 1] * 256 + parts[..., 2]) * step
    assert np.abs(back - heights).max() <= within


def test_missing_heights_are_zero_and_transparent_and_far_ones_are_kept_in_range():
    heights = np.array([[np.nan, -1e9, 1e9, 5.0]], np.float32)
    picture = np.empty((1, 4, 4), np.uint8)
    terrain_rgb(heights, -10_000.0, 0.1, picture)
    assert picture[0].tolist() == [[1, 134, 160, 0], [0, 0, 0, 255], [255, 255, 255, 255], [1, 134, 210, 255]]
