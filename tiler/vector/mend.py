"""Areas that are not valid, mended as long as that takes a bounded time."""

import numpy as np
import shapely
from numpy.typing import NDArray

from tiler.vector.quantise import make_valid

MAX_CROSSINGS = 10_000
"""How often the rings of an area may cross each other, about: mending takes about two seconds for so many, and the time
grows faster than they do."""

_SAFE_VERTICES = 200
"""Vertices of an area whose rings cannot cross more often than that."""

_SAMPLED, _COMPARED = 64, 1024
"""Sides of an area by which its crossings are estimated, and sides near each that are looked at."""


def mend(areas: NDArray[np.object_]) -> tuple[NDArray[np.object_], int, int]:
    """Return areas of which every one is valid, or None where it cannot be mended in a bounded time.

    Args:
        areas: Polygons and multipolygons, shape (n,).

    Returns:
        The areas, how many were mended, and how many crossed themselves too often for it.
    """
    broken = np.flatnonzero(~shapely.is_valid(areas))
    if len(broken) == 0:
        return areas, 0, 0
    hopeless = [row for row in broken.tolist() if _crossings(areas[row]) > MAX_CROSSINGS]
    result = areas.copy()
    result[hopeless] = None
    there = np.flatnonzero(~shapely.is_missing(result))
    result[there], mended = make_valid(areas[there])
    return result, mended, len(hopeless)


def _crossings(area: shapely.Geometry) -> float:
    """Estimate how often the sides of an area cross each other, by some of them; 0 where they are few."""
    if shapely.get_num_coordinates(area) <= _SAFE_VERTICES:
        return 0.0
    rings = shapely.get_rings(shapely.get_parts(area))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    within = np.flatnonzero(ring[1:] == ring[:-1])
    sides = shapely.linestrings(np.stack([xy[within], xy[within + 1]], axis=1))
    sampled = sides[np.unique(np.linspace(0, len(sides) - 1, _SAMPLED).astype(np.int64))]
    found = 0.0
    tree = shapely.STRtree(sides)
    for side in sampled:
        near = tree.query(side)
        looked = near[:: -(-len(near) // _COMPARED)]
        found += int(shapely.crosses(side, sides[looked]).sum()) * len(near) / len(looked)
    return found / len(sampled) * len(sides) / 2
