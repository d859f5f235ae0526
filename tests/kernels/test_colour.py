"""kernels.colour: against plain numpy."""

import numpy as np
import pytest

from kernels.colour import ramp_colours, ramp_indexes, replace_colour, stretch


def values(shape=(7, 9), low=-50.0, high=50.0, seed=0, holes=5):
    rng = np.random.default_rng(seed)
    made = rng.uniform(low, high, shape).astype(np.float32)
    made.flat[rng.choice(made.size, holes, replace=False)] = np.nan
    return made


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("alpha", [0, 1])
def test_values_are_stretched_between_black_and_white(bands, alpha):
    samples = values((6, 8, bands))
    picture = np.empty((6, 8, bands + alpha), np.uint8)
    stretch(samples, -20.0, 255 / 40.0, picture)
    shown = np.clip((samples.astype(float) + 20) * 255 / 40, 0, 255)
    missing = np.isnan(samples)
    assert np.abs(np.where(missing, 0, shown) - picture[..., :bands]).max() <= 0.5 + 1e-3
    assert (picture[..., :bands][missing] == 0).all()
    if alpha:
        assert (picture[..., -1] == np.where(missing.any(axis=2), 0, 255)).all()


def table(thresholds, low, high, cells=16):
    """Return the table of a lookup, made the plain way: every cell counts from its start."""
    edges = low + np.arange(cells) * (high - low) / cells
    first = np.searchsorted(thresholds, edges - (high - low) / cells, side="right")
    first[0] = 0
    return (-1 - first).astype(np.int16), low, cells / (high - low)


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_a_step_is_the_number_of_thresholds_at_or_below(count):
    thresholds = np.sort(np.random.default_rng(count).uniform(-40, 40, count)).astype(np.float32)
    samples = values()
    if count:
        samples[0, :2] = thresholds[0], np.nextafter(thresholds[0], np.float32(-np.inf))
        samples[1, :3] = np.inf, -np.inf, thresholds[-1]
    expected = np.searchsorted(thresholds, samples, side="right")
    starts, low, scale = table(thresholds, -40.0, 40.0)
    indexes = np.empty(samples.shape, np.uint8)
    ramp_indexes(samples, thresholds, starts, low, scale, 99, indexes)
    assert (indexes == np.where(np.isnan(samples), 99, expected)).all()
    colours = np.random.default_rng(3).integers(0, 256, (count + 1, 4), dtype=np.uint8)
    picture = np.empty((*samples.shape, 4), np.uint8)
    ramp_colours(samples, thresholds, starts, low, scale, colours, picture)
    seen = ~np.isnan(samples)
    assert (picture[seen] == colours[expected[seen]]).all()
    assert (picture[~seen] == 0).all()


def test_a_colour_and_its_neighbours_become_another_where_anything_is_seen():
    picture = np.array(
        [[[255, 255, 255, 255], [253, 255, 254, 255], [252, 255, 255, 255], [255, 255, 255, 0]]], np.uint8
    )
    replace_colour(np.array([255, 255, 255], np.float32), np.array([[1, 2, 3, 4]], np.uint8), 2, picture)
    assert picture[0].tolist() == [[1, 2, 3, 4], [1, 2, 3, 4], [252, 255, 255, 255], [255, 255, 255, 0]]
