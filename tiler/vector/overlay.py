"""Changes applied to a layer that is ready to be drawn: on every level, and where they are alone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.changes import Change
from tiler.vector.additions import extend
from tiler.vector.layer import TileSource
from tiler.vector.shapes import pack_wkb
from tiler.vector.spread import refit, spread
from tiler.vector.values import Values, ids_of
from tiler.vector.view import Numbers, View, boxes_at, changed, restored, untouched


def apply_changes(source: TileSource, changes: Sequence[Change], crs: str) -> TileSource:
    """Return a layer after changes: every tile of it is that of the layer stored anew with them.

    Nothing of what was is changed: who draws from it goes on.

    Args:
        source: The layer before.
        changes: In the order in which they were made.
        crs: CRS of their geometries, as authority:code or WKT, x then y.
    """
    last = list({change.id: change for change in changes}.values())
    put = [change for change in last if change.geometry]
    values = extend(source.values, put)
    first = len(source.values.ids) + (len(source.values.more.ids) if source.values.more is not None else 0)
    rows = np.arange(first, first + len(put), dtype=np.uint32)
    shapes = pack_wkb(np.array([change.geometry for change in put], object), rows, source.grid, crs)
    patches = source.patches or tuple(untouched(level) for level in source.levels)
    views = [View(level, patch) for level, patch in zip(source.levels, patches, strict=True)]
    gone = _numbers(views[0], source.values, np.array([change.id for change in last], np.uint64))
    before, (after, came) = views[0], changed(views[0], gone, shapes)
    result = [after]
    for level in views[1:]:
        if len(gone) + len(came) == 0:
            result.append(level)
            continue
        drawn, went, arrived = spread(before, after, gone, came, level, values)
        result.append(refit(drawn, boxes_at(level, went), arrived, values))
        before, after, gone, came = level, drawn, went, arrived
    return TileSource(source.grid, source.levels, values, tuple(restored(view).patch for view in result))


def _numbers(view: View, values: Values, ids: NDArray[np.uint64]) -> Numbers:
    """Return the numbers of the features with some identifiers, ascending; stored rows are in the order of theirs."""
    stored_ids = np.sort(ids[ids < len(values.ids)]).astype(np.uint32)
    stored = view.level.shapes.rows
    firsts, ends = (np.searchsorted(stored, stored_ids, side) for side in ("left", "right"))
    counts = ends - firsts
    found = np.repeat(firsts - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
    came = np.flatnonzero(np.isin(ids_of(values, view.patch.added.shapes.rows), ids))
    numbers = np.concatenate([found, came + view.stored]).astype(np.int64)
    gone = np.concatenate([view.patch.gone, view.patch.dropped + view.stored])
    return np.setdiff1d(numbers, gone)
