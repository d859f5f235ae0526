"""What tells the tiles of a layer that changes from those they were before: nothing where nothing has changed."""

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from core.layer import Bounds
from tiler.vector.layer import Patch, TileSource, level_number, search, without
from tiler.vector.levels import Level
from tiler.vector.reach import Reach, reach_of
from tiler.vector.shapes import take
from tiler.vector.values import Values, ids_of


def edition_of(source: TileSource, bounds: Bounds, crs: str) -> str:
    """Return a short text that differs whenever what a tile shows has changed; empty where it never did.

    It depends on what is stored and on what is different from it within the reach of the
    tile, not on when or in how many steps that came about: all engines say the same.

    Args:
        source: The layer with its changes.
        bounds: West, south, east, north of the tile, in `crs`.
        crs: CRS of the tile.
    """
    reach = reach_of(source.grid, bounds, crs)
    if reach is None:
        return ""
    number = level_number(source, reach.unit)
    level = source.levels[number]
    stored = _last_touch(level, reach)
    digest = _difference(level, source.patches[number], source.values, reach) if source.patches else ""
    return f"{stored or ''}{digest}"


def touches_of(level: Level, patch: Patch, through: int, most: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return what has changed on a level since the data were first stored, as boxes and numbers of changes.

    Args:
        level: The level as it is stored.
        patch: What is different from it.
        through: Number of the last change of these.
        most: Boxes at most: where there would be more, all of them become one.
    """
    gone = patch.gone[level.shown[patch.gone] != 0] if len(level.shown) else patch.gone
    came = without(np.arange(patch.added.shapes.count), patch.dropped)
    came = came[patch.added.shown[came] != 0] if len(patch.added.shown) else came
    boxes = np.concatenate([level.touched, level.boxes[gone], patch.added.boxes[came]])
    editions = np.concatenate([level.editions, np.full(len(gone) + len(came), through)])
    if len(boxes) > most:
        low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        return np.concatenate([low, high])[None], np.array([editions.max()])
    return boxes, editions


def _last_touch(level: Level, reach: Reach) -> int:
    """Return the number of the last change of what is stored within a reach; 0 for none."""
    if len(level.editions) == 0:
        return 0
    return int(level.editions[_meets(level.touched, reach)].max(initial=0))


def _difference(level: Level, patch: Patch, values: Values, reach: Reach) -> str:
    """Return a hash of what is different from what is stored within a reach; empty for nothing."""
    gone = patch.gone[_meets(level.boxes[patch.gone], reach)]
    if len(level.shown):
        gone = gone[level.shown[gone] != 0]
    added = search(patch.added, patch.dropped, reach.box, None)
    if len(gone) + len(added) == 0:
        return ""
    rows, kinds = patch.added.shapes.rows[added], patch.added.shapes.kinds[added]
    ids = ids_of(values, rows)
    order = np.lexsort((kinds, ids))
    shapes = take(patch.added.shapes, added[order])
    marks = np.zeros(len(rows), np.uint64)
    later = rows >= len(values.ids)
    if values.more is not None:
        marks[later] = values.more.marks[rows[later] - len(values.ids)]
    content = hashlib.blake2b(digest_size=9)
    for array in (gone, ids[order], marks[order], kinds[order], shapes.parts, shapes.ends, shapes.vertices):
        content.update(array.tobytes())
    return f"~{content.hexdigest()}"


def _meets(boxes: NDArray[np.int32], reach: Reach) -> NDArray[np.bool_]:
    """Tell which boxes meet a reach, as `search` does."""
    low_x, low_y, high_x, high_y = reach.box
    low, high = (math.floor(low_x), math.floor(low_y)), (math.ceil(high_x), math.ceil(high_y))
    return np.asarray((boxes[:, :2] <= high).all(axis=1) & (boxes[:, 2:] >= low).all(axis=1))
