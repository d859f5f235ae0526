"""A ramp as steps: thresholds, and the colour between each two of them."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.style import Ramp
from kernels.colour import ramp_colours, ramp_indexes
from tiler.raster.picture import Picture

PALETTE = 255
"""Colours of a palette, beside the one of missing samples."""

_FINE = 4096
"""Colours of a ramp that a palette does not show well enough."""

_FAR = 4.0
"""Largest difference of neighbouring colours of a palette, where each part of a colour is 0 to 255."""

_CELLS = 8192
"""Cells of the table that finds a step."""

_ENDLESS = 1e29
"""A stop farther away than this stands for all that is small or large."""

_CLEAR = (0, 0, 0, 0)


class Steps(msgspec.Struct, frozen=True, gc=False, eq=False):
    """A ramp, ready to be looked up."""

    thresholds: NDArray[np.float32]
    """Growing, shape (n,)."""
    colours: NDArray[np.uint8]
    """Colour below the first threshold, between each two, and from the last on, shape (n + 1, 4)."""
    starts: NDArray[np.int16]
    """See `kernels.colour.ramp_indexes`."""
    low: float
    scale: float


def steps_of(ramp: Ramp) -> Steps:
    """Return the steps of a ramp: exactly, or to half of `_FAR` where colours are mixed and a palette holds them."""
    if ramp.mode == "interpolated":
        thresholds, colours = _mixed(ramp)
    else:
        colours = [_CLEAR]
        found: list[float] = []
        for stop in ramp.stops:
            at = np.float32(stop.value)
            found.append(float(at))
            colours.append((stop.red, stop.green, stop.blue, stop.alpha))
            if ramp.mode == "exact":
                found.append(float(np.nextafter(at, np.float32(np.inf))))
                colours.append(_CLEAR)
        thresholds = np.array(found, np.float32)
    return _indexed(thresholds, np.array(colours, np.uint8))


def show_ramp(values: NDArray[np.float32], steps: Steps) -> Picture:
    """Return the colours of values, with a palette where one holds them.

    Args:
        values: NaN where missing, shape (rows, cols).
        steps: The ramp.
    """
    count = len(steps.colours)
    if count > PALETTE:
        result = np.empty((*values.shape, 4), np.uint8)
        ramp_colours(values, steps.thresholds, steps.starts, steps.low, steps.scale, steps.colours, result)
        return Picture(result)
    indexes = np.empty(values.shape, np.uint8)
    ramp_indexes(values, steps.thresholds, steps.starts, steps.low, steps.scale, count, indexes)
    return Picture(indexes[..., None], steps.colours.tobytes() + bytes(_CLEAR))


def _mixed(ramp: Ramp) -> tuple[NDArray[np.float32], list[tuple[int, ...]]]:
    """Return thresholds and colours of a ramp whose colours are mixed: the more of them, the more they differ."""
    values = np.array([stop.value for stop in ramp.stops])
    ends = np.array([(stop.red, stop.green, stop.blue, stop.alpha) for stop in ramp.stops], np.float64)
    lengths = np.abs(np.diff(ends, axis=0)).max(axis=1) if len(ends) > 1 else np.zeros(0)
    # where no float32 lies between two stops there is nothing to mix
    single = values.astype(np.float32)
    jumps = single[1:] <= np.nextafter(single[:-1], np.float32(np.inf))
    total, parts = lengths[~jumps].sum(), int((lengths > 0).sum())
    room = PALETTE - 1 - parts
    small = room > 0 and total / room <= _FAR
    share = min(1.0, (room if small else _FINE) / max(total, 1.0))
    thresholds: list[NDArray[np.float64]] = [np.zeros(0)]
    colours = [ends[:1]]
    for at, length in enumerate(lengths):
        if length == 0:
            continue
        if jumps[at]:
            thresholds.append(values[at + 1 : at + 2])
            colours.append(ends[at + 1 : at + 2])
            continue
        count = max(1, int(length * share))
        thresholds.append(values[at] + (np.arange(count) + 0.5) / count * (values[at + 1] - values[at]))
        mixing = (np.arange(count) + 1)[:, None] / count
        colours.append(ends[at] * (1 - mixing) + ends[at + 1] * mixing)
    rounded = np.rint(np.concatenate(colours)).astype(int)
    return np.concatenate(thresholds).astype(np.float32), [tuple(one) for one in rounded.tolist()]


def _indexed(thresholds: NDArray[np.float32], colours: NDArray[np.uint8]) -> Steps:
    finite = np.clip(thresholds.astype(np.float64), -1e30, 1e30)
    if not finite.size:
        return Steps(thresholds, colours, np.zeros(1, np.int16), 0.0, 0.0)
    # a stop far away, as -99999 for what is missing, would leave few cells to the others
    near = finite[np.abs(finite) < _ENDLESS] if np.abs(finite).min() < _ENDLESS else finite
    inner_low, inner_high = np.percentile(near, (4, 96)) if near.size > 16 else (near[0], near[-1])
    low, high = float(inner_low), max(float(inner_high), float(inner_low) + 1e-3 * max(1.0, abs(float(inner_low))))
    cell = (high - low) / _CELLS
    edges = low + np.arange(_CELLS + 1) * cell
    first = np.searchsorted(finite, edges[:-1] - cell, side="right")
    last = np.searchsorted(finite, edges[1:] + cell, side="right")
    first[0], last[-1] = 0, finite.size  # whatever lies beyond the table
    starts = np.where(first == last, first, -1 - first).astype(np.int16)
    return Steps(thresholds, colours, starts, low, 1.0 / cell)
