"""Features at the origin of the coordinates, far from all others: places that nobody entered."""

import msgspec
import numpy as np
from numpy.typing import NDArray

_NEAR = 1e-4
"""Largest distance from the origin that is taken for being there, relative to that of the others from it."""


class Strays(msgspec.Struct, frozen=True, gc=False):
    """Features at the origin."""

    count: int
    first: int
    """Number of the first, from 0."""


def find_strays(bounds: NDArray[np.float64]) -> Strays | None:
    """Return the features at (0, 0) when the origin is farther from the box of all others than that is wide or high.

    Args:
        bounds: West, south, east, north of each feature, shape (n, 4), in any CRS.
    """
    reach = np.abs(bounds).max(axis=1)
    there = reach <= _NEAR * reach.max()
    if not there.any() or there.all():
        return None
    others = bounds[~there]
    west, south = others[:, :2].min(axis=0)
    east, north = others[:, 2:].max(axis=0)
    away = max(west, -east, south, -north)
    if away <= max(east - west, north - south):
        return None
    return Strays(int(there.sum()), int(np.argmax(there)))
