"""Features made simpler for a scale, one by one but for the borders they share."""

import numpy as np
import shapely
from numpy.typing import NDArray

from kernels.crossings import find_crossings, spread_nodes
from kernels.simplify import coarsen, mark_kept, mark_nodes
from tiler.vector.mend import mend
from tiler.vector.quantise import split_kinds
from tiler.vector.shapes import Shapes, join, pack_cells, take, unpack

TOLERANCE = 2.0
"""How far a simplified line strays at most, tile units: a quarter of a pixel of 512."""

ROUNDS = 6
"""How often borders are simplified anew with vertices that came back.

What becomes of a feature depends on those it shares vertices with on the grid of the
scale, on those these share vertices with, and so on: so many steps away at most.
"""

_RING = 4.0
"""Least area of a ring, tile units."""


def thin(shapes: Shapes, shift: int) -> Shapes:
    """Return features on cells of 2^shift, with fewer vertices; what features share stays shared.

    Every feature stays: one that would vanish keeps a vertex. The order is that of the rows.
    """
    unit = float(1 << shift)
    snapped = _coarsen(shapes, np.ones(len(shapes.vertices), np.uint8), shift, unit * unit * _RING)
    kept, odd = _kept(snapped, TOLERANCE * unit)
    return _mend(_coarsen(snapped, kept, 0, unit * unit * _RING), odd, unit)


def _coarsen(shapes: Shapes, kept: NDArray[np.uint8], shift: int, least_area: float) -> Shapes:
    parts = np.empty_like(shapes.parts)
    ends = np.empty(len(shapes.ends) + shapes.count, np.uint32)
    vertices = np.empty((len(shapes.vertices) + shapes.count, 2), np.int32)
    part_count, size = coarsen(
        shapes.kinds, shapes.parts, shapes.ends, shapes.vertices, kept, shift, least_area, parts, ends, vertices
    )
    return Shapes(shapes.kinds, shapes.rows, parts, ends[: part_count + 1].copy(), vertices[:size].copy())


def _kept(shapes: Shapes, tolerance: float) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return which vertices stay, and which polygons have edges that meet all the same.

    Where simpler borders cross, what was left out along them comes back, for all who share it.
    """
    keys = (shapes.vertices[:, 0].astype(np.int64) << 32) + shapes.vertices[:, 1]
    order = np.argsort(keys, kind="stable")
    nodes, kept = np.zeros(len(keys), np.uint8), np.empty(len(keys), np.uint8)
    odd = np.empty(shapes.count, np.uint8)
    mark_nodes(shapes.kinds, shapes.parts, shapes.ends, keys, order, nodes)
    for _ in range(ROUNDS):
        mark_kept(shapes.kinds, shapes.parts, shapes.ends, shapes.vertices, keys, nodes, tolerance, kept)
        if find_crossings(shapes.kinds, shapes.parts, shapes.ends, shapes.vertices, kept, nodes, odd) == 0:
            break
        spread_nodes(keys, order, nodes)
    return kept, np.flatnonzero(odd)


def _mend(thinned: Shapes, odd: NDArray[np.int64], unit: float) -> Shapes:
    """Make polygons valid on the grid whose edges meet all the same."""
    if len(odd) == 0:
        return thinned
    whole = unpack(take(thinned, odd))
    cells = shapely.transform(whole, lambda xy: xy / unit)
    mended, _, _ = mend(cells)
    hopeless = shapely.is_missing(mended)  # so spiky that simpler it crosses itself all over
    mended[hopeless] = shapely.convex_hull(cells[hopeless])
    mended = shapely.transform(shapely.set_precision(mended, 1.0), lambda xy: xy * unit)
    pieces, places = split_kinds(mended)
    areas = shapely.get_dimensions(pieces) == 2
    found = pack_cells(pieces[areas], thinned.rows[odd][places[areas]])
    others = np.setdiff1d(np.arange(thinned.count), odd)
    return join([take(thinned, others), found])
