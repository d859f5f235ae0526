"""Geometries on the grid of a tile: clipped, simplified, on whole units, oriented, and none of them lost."""

import numpy as np
import shapely
from numpy.typing import NDArray

from core.layer import Bounds

POINT, LINE, AREA = 0, 1, 2
"""Dimensions, which are also the kinds of Vector Tile Specification 2.1, clause 4.3.4."""

_COLLECTION = 7
"""Shapely's type of a GeometryCollection."""

_GATHER = {POINT: shapely.multipoints, LINE: shapely.multilinestrings, AREA: shapely.multipolygons}

Geometries = NDArray[np.object_]


def split_kinds(geometries: Geometries) -> tuple[Geometries, NDArray[np.int64]]:
    """Return geometries of one kind each, and the place in the input each comes from.

    A collection gives up to three: its points, its lines, its areas. Empty ones give none.

    Args:
        geometries: Shape (n,).
    """
    places = np.arange(len(geometries))
    mixed = shapely.get_type_id(geometries) == _COLLECTION
    whole, whole_places = geometries[~mixed], places[~mixed]
    parts, part_places = geometries[mixed], places[mixed]
    while (shapely.get_type_id(parts) == _COLLECTION).any():
        parts, index = shapely.get_parts(parts, return_index=True)
        part_places = part_places[index]
    found, origins = [whole], [whole_places]
    for kind in (POINT, LINE, AREA):
        chosen = shapely.get_dimensions(parts) == kind
        gathered, gathered_places = _gather(parts[chosen], part_places[chosen], kind)
        found.append(gathered)
        origins.append(gathered_places)
    all_found, all_origins = np.concatenate(found), np.concatenate(origins)
    kept = ~shapely.is_empty(all_found)
    order = np.argsort(all_origins[kept], kind="stable")
    return all_found[kept][order], all_origins[kept][order]


def clip(geometries: Geometries, box: Bounds) -> Geometries:
    """Return what of each geometry lies in a box, of the same dimension; empty when nothing does.

    Args:
        geometries: Of one kind each, shape (n,).
        box: Lowest x, lowest y, highest x, highest y.
    """
    bounds = shapely.bounds(geometries).reshape(-1, 4)
    with np.errstate(invalid="ignore"):
        crossing = ~((bounds[:, :2] >= box[:2]).all(axis=1) & (bounds[:, 2:] <= box[2:]).all(axis=1))
    kinds = shapely.get_dimensions(geometries)
    clipped = geometries.copy()
    lines = crossing & (kinds == LINE)
    clipped[lines] = shapely.clip_by_rect(geometries[lines], *box)
    others = crossing & (kinds != LINE)
    clipped[others] = _same_dimension(_intersect(geometries[others], box), kinds[others])
    return clipped


def quantise(geometries: Geometries, box: Bounds, tolerance: float) -> Geometries:
    """Return geometries on whole coordinates, valid and oriented as MVT wants; empty ones lie outside the box.

    What becomes too small to have a length or an area stands as the smallest
    segment or square there is: it is for the caller to leave it out.

    Args:
        geometries: Of one kind each, in tile units, shape (n,).
        box: Lowest x, lowest y, highest x, highest y to keep.
        tolerance: How far a simplified line may stray, tile units.
    """
    kinds = shapely.get_dimensions(geometries)
    drawn = geometries.copy()
    finite = np.isfinite(shapely.bounds(geometries).reshape(-1, 4)).all(axis=1)
    drawn[~finite] = shapely.Point()
    areas = finite & (kinds == AREA)
    drawn[areas], _ = make_valid(drawn[areas])
    drawn = clip(drawn, box)
    long = kinds != POINT
    drawn[long] = shapely.simplify(drawn[long], tolerance, preserve_topology=True)
    inside = ~shapely.is_empty(drawn)
    points, lines, areas = ((inside & (kinds == kind)) for kind in (POINT, LINE, AREA))
    drawn[points | lines] = shapely.transform(drawn[points | lines], np.rint)
    flat = lines & (shapely.length(drawn) == 0)
    drawn[flat] = _segments(drawn[flat])
    before = drawn[areas]
    after = shapely.set_precision(before, 1.0)
    lost = shapely.is_empty(after)
    after[lost] = _squares(before[lost])
    drawn[areas] = shapely.orient_polygons(after)
    return drawn


def make_valid(areas: Geometries) -> tuple[Geometries, int]:
    """Return areas of which every one is valid, and how many were not; one that has no inside comes back as it was.

    Args:
        areas: Polygons and multipolygons, shape (n,).
    """
    broken = ~shapely.is_valid(areas)
    if not broken.any():
        return areas, 0
    mended = shapely.make_valid(areas[broken], method="structure", keep_collapsed=False)
    useful = ~shapely.is_empty(mended)
    result = areas.copy()
    result[np.flatnonzero(broken)[useful]] = mended[useful]
    return result, int(useful.sum())


def _gather(parts: Geometries, places: NDArray[np.int64], kind: int) -> tuple[Geometries, NDArray[np.int64]]:
    """Return one geometry a place from parts that are sorted by place."""
    singles, index = shapely.get_parts(parts, return_index=True)
    kept = ~shapely.is_empty(singles)
    origins, indices = np.unique(places[index][kept], return_inverse=True)
    gathered: Geometries = np.asarray(_GATHER[kind](singles[kept], indices=indices), dtype=object)
    return gathered, origins


def _intersect(geometries: Geometries, box: Bounds) -> Geometries:
    window = shapely.box(*box)
    try:
        found: Geometries = shapely.intersection(geometries, window)
    except shapely.errors.GEOSException:
        found = shapely.intersection(shapely.make_valid(geometries), window)
    return found


def _same_dimension(geometries: Geometries, kinds: NDArray[np.int32]) -> Geometries:
    """Leave out of each geometry what has another dimension, such as the edge two boxes share."""
    result = geometries.copy()
    result[shapely.get_dimensions(geometries) != kinds] = shapely.Point()
    mixed = np.flatnonzero(shapely.get_type_id(result) == _COLLECTION)
    for place in mixed:
        parts = shapely.get_parts(result[place])
        result[place] = _GATHER[int(kinds[place])](parts[shapely.get_dimensions(parts) == kinds[place]])
    return result


def _segments(lines: Geometries) -> Geometries:
    x, y, _, _ = shapely.bounds(lines).reshape(-1, 4).T
    return np.asarray(shapely.linestrings(np.stack([np.column_stack([x, y]), np.column_stack([x + 1, y])], axis=1)))


def _squares(areas: Geometries) -> Geometries:
    x, y, _, _ = np.floor(shapely.bounds(areas).reshape(-1, 4)).T
    return np.asarray(shapely.box(x, y, x + 1, y + 1))
