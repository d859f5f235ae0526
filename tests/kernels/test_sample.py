"""kernels.sample and kernels.sample_float: every kernel against plain numpy at the same places."""

import numpy as np
import pytest

from kernels.sample import bilinear_inside, nearest, nearest_inside, weight_at, weighted
from kernels.sample_float import sample_float

NO_MASK = np.empty((0, 0), np.uint8)
STEP, SIZE = 4, 10


def places(left, top, right, bottom, *, turn=0.0):
    """Return a lattice of places, and the places themselves, shape (SIZE, SIZE)."""
    nodes = -(-(SIZE - 1) // STEP) + 1
    across, down = np.linspace(0, 1, nodes), np.linspace(0, 1, nodes)
    x = left + (right - left) * across[None, :] + turn * down[:, None]
    y = top + (bottom - top) * down[:, None] - turn * across[None, :]
    at = np.arange(SIZE) / STEP
    low = np.minimum(at.astype(int), nodes - 2)
    part = at - low

    def between(table):
        rows = table[low] * (1 - part)[:, None] + table[low + 1] * part[:, None]
        return rows[:, low] * (1 - part) + rows[:, low + 1] * part

    return (np.ascontiguousarray(x), np.ascontiguousarray(y)), (between(x), between(y))


def image(rows=14, cols=16, bands=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, cols, bands), dtype=np.uint8)


def triangle(distance):
    return np.maximum(1 - np.abs(distance), 0)


def keys(distance):
    d = np.abs(distance)
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d < 1, near, np.where(d < 2, far, 0))


def box(distance):
    return (np.abs(distance) <= 0.5).astype(float)


KERNELS = {1: triangle, 2: keys, 3: box}


def reference(source, seen, x, y, kind, reduction):
    """Weigh every pixel of the source for each place; NaN where the covering pixel is missing."""
    rows, cols, bands = source.shape
    result = np.full((*x.shape, bands), np.nan)
    for index in np.ndindex(x.shape):
        col, row = int(np.floor(x[index])), int(np.floor(y[index]))
        if not (0 <= col < cols and 0 <= row < rows) or not seen[row, col]:
            continue
        across = KERNELS[kind]((np.arange(cols) + 0.5 - x[index]) / reduction)
        down = KERNELS[kind]((np.arange(rows) + 0.5 - y[index]) / reduction)
        weights = down[:, None] * across * seen
        result[index] = (weights[..., None] * np.where(seen[..., None], source, 0)).sum(axis=(0, 1)) / weights.sum()
    return result


@pytest.mark.parametrize("bands", [1, 3, 4])
@pytest.mark.parametrize("writeable", [True, False], ids=["owned", "read-only"])
def test_nearest_takes_the_covering_pixel(bands, writeable):
    source = image(bands=bands)
    source.flags.writeable = writeable
    (x, y), (at_x, at_y) = places(1.2, 2.1, 13.4, 11.7, turn=0.9)
    result = np.zeros((SIZE, SIZE, bands), np.uint8)
    nearest_inside(source, x, y, STEP, result)
    np.testing.assert_array_equal(result, source[np.floor(at_y).astype(int), np.floor(at_x).astype(int)])


def test_nearest_leaves_what_is_outside_missing_or_painted():
    source = image()
    seen = np.random.default_rng(1).integers(0, 2, source.shape[:2], dtype=np.uint8) * 255
    (x, y), (at_x, at_y) = places(-4.3, -3.2, 19.6, 17.3)
    result, painted = np.full((SIZE, SIZE, 3), 7, np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    painted[3, :] = 128
    before = painted.copy()
    nearest(source, seen, x, y, STEP, result, painted)
    for index in np.ndindex(SIZE, SIZE):
        col, row = int(np.floor(at_x[index])), int(np.floor(at_y[index]))
        inside = 0 <= col < 16 and 0 <= row < 14
        if before[index] or not inside or not seen[row, col]:
            assert painted[index] == before[index]
            assert (result[index] == 7).all()
        else:
            assert painted[index] == 255
            np.testing.assert_array_equal(result[index], source[row, col])


@pytest.mark.parametrize("bands", [1, 3])
def test_bilinear_inside_is_interpolation_up_to_rounding(bands):
    source = image(bands=bands)
    (x, y), (at_x, at_y) = places(0.5, 0.5, 12.9, 11.3, turn=1.4)
    y += 2.0
    result = np.zeros((SIZE, SIZE, bands), np.uint8)
    bilinear_inside(source, x, y, STEP, result)
    wanted = reference(source, np.ones(source.shape[:2], bool), at_x, at_y + 2.0, 1, 1.0)
    assert np.abs(result - wanted).max() < 1.6


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("reduction", [1.0, 1.7, 3.0])
@pytest.mark.parametrize("masked", [False, True])
def test_weighted_is_the_weighted_mean_of_valid_pixels(kind, reduction, masked):
    source = image()
    seen = np.ones(source.shape[:2], bool)
    if masked:
        seen = np.random.default_rng(2).random(source.shape[:2]) > 0.3
    mask = seen.astype(np.uint8) * 255 if masked else NO_MASK
    (x, y), (at_x, at_y) = places(-2.3, -1.6, 18.2, 15.5, turn=0.31)
    result, painted = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    weighted(source, mask, x, y, STEP, kind, reduction, result, painted)
    wanted = reference(source, seen, at_x, at_y, kind, reduction)
    np.testing.assert_array_equal(painted > 0, ~np.isnan(wanted[..., 0]))
    there = painted > 0
    assert np.abs(result[there] - np.clip(wanted[there], 0, 255)).max() <= 0.51


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("reduction", [1.0, 2.5])
def test_floats_are_weighed_band_by_band(kind, reduction):
    source = image(bands=2).astype(np.float32) * 3 - 100
    source[np.random.default_rng(3).random(source.shape) > 0.8] = np.nan
    (x, y), (at_x, at_y) = places(-2.3, -1.6, 18.2, 15.5, turn=0.31)
    result = np.full((SIZE, SIZE, 2), np.nan, np.float32)
    sample_float(source, x, y, STEP, kind, reduction, result)
    for band in range(2):
        one = source[..., band : band + 1]
        wanted = reference(one, ~np.isnan(one[..., 0]), at_x, at_y, kind, reduction)
        np.testing.assert_allclose(result[..., band], wanted[..., 0], rtol=1e-4, atol=1e-3)


def test_nearest_floats_are_the_covering_samples_and_painted_ones_stay():
    source = image(bands=1).astype(np.float32)
    source[5, 5] = np.nan
    (x, y), (at_x, at_y) = places(1.2, 2.1, 13.4, 11.7)
    result = np.full((SIZE, SIZE, 1), np.nan, np.float32)
    result[0, 0] = -1.0
    sample_float(source, x, y, STEP, 0, 1.0, result)
    wanted = source[np.floor(at_y).astype(int), np.floor(at_x).astype(int)].copy()
    wanted[0, 0] = -1.0
    np.testing.assert_array_equal(result, wanted)


def test_the_weights_of_a_kernel_are_those_of_its_definition():
    for distance in np.linspace(0, 2.5, 26):
        assert weight_at(distance, 1) == pytest.approx(triangle(distance))
        assert weight_at(distance, 2) == pytest.approx(keys(distance), abs=1e-12)
