"""tiler.raster.ramp: colours of values against numpy's own interpolation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.style import Ramp, Stop
from tiler.raster.picture import without_palette
from tiler.raster.ramp import PALETTE, show_ramp, steps_of

COLOURS = st.tuples(*[st.integers(0, 255)] * 4)


def ramp_of(values, colours, mode):
    return Ramp(stops=tuple(Stop(value, *colour) for value, colour in zip(values, colours, strict=True)), mode=mode)


@st.composite
def ramps(draw, mode):
    values = draw(st.lists(st.floats(-5000, 5000, width=32), min_size=1, max_size=30, unique=True))
    values.sort()
    return ramp_of(values, [draw(COLOURS) for _ in values], mode)


def shown(ramp, samples):
    picture = without_palette(show_ramp(samples, steps_of(ramp)))
    if picture.shape[2] == 3:
        picture = np.concatenate([picture, np.full((*picture.shape[:2], 1), 255, np.uint8)], axis=2)
    return picture


def samples_for(ramp, count=400):
    stops = np.array([stop.value for stop in ramp.stops], np.float32)
    spread = np.linspace(stops[0] - 10, stops[-1] + 10, count, dtype=np.float32)
    near = np.concatenate([stops, np.nextafter(stops, np.float32(-np.inf)), np.nextafter(stops, np.float32(np.inf))])
    return np.concatenate([spread, near, [np.nan]]).astype(np.float32)[None, :]


def colours_of(ramp):
    return np.array([(stop.red, stop.green, stop.blue, stop.alpha) for stop in ramp.stops], float)


@settings(max_examples=60, deadline=None)
@given(ramps("interval"))
def test_an_interval_has_the_colour_of_the_stop_at_or_below(ramp):
    samples = samples_for(ramp)
    place = np.searchsorted(np.array([stop.value for stop in ramp.stops], np.float32), samples, side="right")
    expected = np.concatenate([np.zeros((1, 4)), colours_of(ramp)])[place]
    expected[np.isnan(samples)] = 0
    assert (shown(ramp, samples) == expected).all()


@settings(max_examples=60, deadline=None)
@given(ramps("exact"))
def test_an_exact_stop_colours_its_value_and_no_other(ramp):
    samples = samples_for(ramp)
    expected = np.zeros((*samples.shape, 4))
    for stop, colour in zip(ramp.stops, colours_of(ramp), strict=True):
        expected[samples == np.float32(stop.value)] = colour
    assert (shown(ramp, samples) == expected).all()


@settings(max_examples=60, deadline=None)
@given(ramps("interpolated"))
def test_between_stops_colours_are_mixed(ramp):
    samples = samples_for(ramp)
    stops = np.array([stop.value for stop in ramp.stops])
    seen = ~np.isnan(samples)
    got, colours = shown(ramp, samples), colours_of(ramp)
    spans = np.diff(stops)
    # within a step the colour may be off by half its height; where a jump has nearly no width, by all of it
    steep = np.zeros(samples.shape, bool)
    for at, span in enumerate(spans):
        if span < 1e-3:
            steep |= (samples >= stops[at] - 1e-3) & (samples <= stops[at + 1] + 1e-3)
    for channel in range(4):
        expected = np.interp(samples, stops, colours[:, channel])
        off = np.abs(got[..., channel] - expected)[seen & ~steep]
        assert off.max(initial=0) <= 2.6
    assert (got[~seen] == 0).all()


def test_a_calm_ramp_becomes_a_palette_and_a_wild_one_does_not():
    calm = ramp_of([0, 100], [(0, 0, 0, 255), (255, 255, 255, 255)], "interpolated")
    assert len(steps_of(calm).colours) <= PALETTE
    wild = ramp_of(range(40), [(255 * (n % 2), 0, 0, 255) for n in range(40)], "interpolated")
    assert len(steps_of(wild).colours) > PALETTE
    assert show_ramp(np.zeros((2, 2), np.float32), steps_of(wild)).palette == b""


@pytest.mark.parametrize("far", [-99_999.0, -3.0e38])
def test_a_stop_far_away_does_not_spoil_the_others(far):
    ramp = ramp_of([far, *range(20)], [(0, 0, 0, 0)] + [(n, n, n, 255) for n in range(20)], "interval")
    got = shown(ramp, np.arange(20, dtype=np.float32)[None] + np.float32(0.5))
    assert got[0, :, 0].tolist() == list(range(20))


def test_a_jump_is_exact_and_takes_no_colours_from_the_others():
    below = float(np.nextafter(np.float32(50), np.float32(0)))
    ramp = ramp_of(
        [0, below, 50, 100], [(0, 0, 0, 0), (100, 0, 0, 0), (100, 0, 0, 255), (200, 0, 0, 255)], "interpolated"
    )
    assert len(steps_of(ramp).colours) == 202  # one of each red from 0 to 200, and the jump of alpha
    got = shown(ramp, np.array([[0, 25, below, 50, 75, 100]], np.float32))[0]
    assert got[:, 3].tolist() == [0, 0, 0, 255, 255, 255]
    assert np.abs(got[:, 0] - [0, 50, 100, 100, 150, 200]).max() <= 1


@pytest.mark.parametrize("count", [2, 30])
def test_a_lowest_stop_without_end_spoils_nothing(count):
    lowest = -3.4028234663852886e38
    ramp = ramp_of([lowest, *range(count)], [(9, 9, 9, 9)] + [(n, n, n, 255) for n in range(count)], "interval")
    got = shown(ramp, np.array([[-1e30, -1, *range(count)]], np.float32))
    assert got[0, :, 0].tolist() == [9, 9, *range(count)]
