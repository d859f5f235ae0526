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


def covered(place, count, reduction):
    """How much of each of `count` pixels lies within half a `reduction` of a place."""
    edges = np.clip(np.arange(count + 1), place - reduction / 2, place + reduction / 2)
    return np.diff(edges)


def weights_of(place, count, kind, reduction):
    if kind == 3:
        return covered(place, count, reduction)
    return {1: triangle, 2: keys}[kind]((np.arange(count) + 0.5 - place) / reduction)


def reference(source, seen, x, y, kind, reductions):
    """Weigh every pixel of the source for each place; NaN where the covering pixel (kind 3: all of them) is missing."""
    rows, cols, bands = source.shape
    result = np.full((*x.shape, bands), np.nan)
    for index in np.ndindex(x.shape):
        col, row = int(np.floor(x[index])), int(np.floor(y[index]))
        if kind != 3 and (not (0 <= col < cols and 0 <= row < rows) or not seen[row, col]):
            continue
        across = weights_of(x[index], cols, kind, reductions[0])
        down = weights_of(y[index], rows, kind, reductions[1])
        weights = down[:, None] * across * seen
        if kind == 3 and weights.sum() <= 1e-6:
            continue
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
    wanted = reference(source, np.ones(source.shape[:2], bool), at_x, at_y + 2.0, 1, (1.0, 1.0))
    assert np.abs(result - wanted).max() < 1.6


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("reductions", [(1.0, 1.0), (1.7, 1.7), (3.0, 1.2), (1.0, 2.4)])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_weighted_is_the_weighted_mean_of_valid_pixels(kind, reductions, masked, bands):
    source = image(bands=bands)
    seen = np.ones(source.shape[:2], bool)
    if masked:
        seen = np.random.default_rng(2).random(source.shape[:2]) > 0.3
    mask = seen.astype(np.uint8) * 255 if masked else NO_MASK
    (x, y), (at_x, at_y) = places(-2.3, -1.6, 18.2, 15.5, turn=0.31)
    result, painted = np.zeros((SIZE, SIZE, bands), np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    weighted(source, mask, x, y, STEP, kind, *reductions, result, painted)
    wanted = reference(source, seen, at_x, at_y, kind, reductions)
    np.testing.assert_array_equal(painted > 0, ~np.isnan(wanted[..., 0]))
    there = painted > 0
    assert np.abs(result[there] - np.clip(wanted[there], 0, 255)).max() <= 0.51


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("reductions", [(1.0, 1.0), (2.5, 1.3)])
def test_floats_are_weighed_band_by_band(kind, reductions):
    source = image(bands=2).astype(np.float32) * 3 - 100
    source[np.random.default_rng(3).random(source.shape) > 0.8] = np.nan
    (x, y), (at_x, at_y) = places(-2.3, -1.6, 18.2, 15.5, turn=0.31)
    result = np.full((SIZE, SIZE, 2), np.nan, np.float32)
    sample_float(source, x, y, STEP, kind, *reductions, result)
    for band in range(2):
        one = source[..., band : band + 1]
        wanted = reference(one, ~np.isnan(one[..., 0]), at_x, at_y, kind, reductions)
        np.testing.assert_allclose(result[..., band], wanted[..., 0], rtol=1e-4, atol=1e-3)


def test_nearest_floats_are_the_covering_samples_and_painted_ones_stay():
    source = image(bands=1).astype(np.float32)
    source[5, 5] = np.nan
    (x, y), (at_x, at_y) = places(1.2, 2.1, 13.4, 11.7)
    result = np.full((SIZE, SIZE, 1), np.nan, np.float32)
    result[0, 0] = -1.0
    sample_float(source, x, y, STEP, 0, 1.0, 1.0, result)
    wanted = source[np.floor(at_y).astype(int), np.floor(at_x).astype(int)].copy()
    wanted[0, 0] = -1.0
    np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize("reduction", [0.3, 0.6])
def test_an_average_of_less_than_a_pixel_is_the_part_that_it_covers(reduction):
    source = image()
    (x, y), (at_x, at_y) = places(1.2, 2.1, 13.4, 11.7)
    result, painted = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    weighted(source, NO_MASK, x, y, STEP, 3, reduction, reduction, result, painted)
    wanted = reference(source, np.ones(source.shape[:2], bool), at_x, at_y, 3, (reduction, reduction))
    assert np.abs(result - wanted).max() <= 0.51


def test_what_is_half_transparent_is_painted_as_the_mean_of_what_is_seen():
    source, seen = image(), np.random.default_rng(4).integers(0, 256, (14, 16), dtype=np.uint8)
    seen[3:6, 3:6] = 0
    (x, y), (at_x, at_y) = places(0.2, 0.1, 15.4, 13.7)
    result, painted = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    weighted(source, seen, x, y, STEP, 1, 1.5, 1.5, result, painted)
    wanted = reference(seen[..., None], seen > 0, at_x, at_y, 1, (1.5, 1.5))[..., 0]
    there = ~np.isnan(wanted)
    np.testing.assert_array_equal(painted > 0, there)
    assert np.abs(painted[there] - np.maximum(wanted[there], 1)).max() <= 0.51


def test_the_weights_of_a_kernel_are_those_of_its_definition():
    for distance in np.linspace(0, 2.5, 26):
        assert weight_at(distance, 1.0, 1) == pytest.approx(triangle(distance))
        assert weight_at(distance, 1.6, 2) == pytest.approx(keys(distance / 1.6), abs=1e-12)
        for width in (0.4, 1.0, 2.3):
            assert weight_at(distance, width, 3) == pytest.approx(covered(0.5 + distance, 1, width)[0], abs=1e-12)
