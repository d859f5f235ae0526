"""All features of a level as they are after changes: those that are stored and those that came, by one numbering."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernels.rtree import search_many
from tiler.vector.layer import Patch, without
from tiler.vector.levels import Level, level_of
from tiler.vector.shapes import Shapes, are_same, chain, no_shapes, take

Numbers = NDArray[np.int64]

_NONE = np.empty(0, np.int64)


class View(msgspec.Struct, frozen=True, eq=False):
    """A level and what has changed on it. Stored features have the numbers 0 to n - 1, those that came n and up.

    A feature keeps its number for as long as it is there; that of one that went is not
    given again.
    """

    level: Level
    patch: Patch

    @property
    def stored(self) -> int:
        """Number of features that are stored."""
        return self.level.shapes.count

    @property
    def end(self) -> int:
        """Number that the next feature gets."""
        return self.stored + self.patch.added.shapes.count

    @property
    def count(self) -> int:
        """Number of features that are there."""
        return self.end - len(self.patch.gone) - len(self.patch.dropped)


def untouched(level: Level) -> Patch:
    """Return that nothing has changed."""
    return Patch(_NONE, level_of(level.shift, no_shapes()), _NONE)


def everything(view: View) -> Numbers:
    """Return the numbers of all features that are there, ascending."""
    return _present(view, np.arange(view.stored), np.arange(view.patch.added.shapes.count))


def near(view: View, boxes: NDArray[np.int64]) -> Numbers:
    """Return the features, drawn or not, whose box meets any of some boxes, ascending.

    Args:
        view: The level.
        boxes: Lowest x, lowest y, highest x, highest y, cells, shape (k, 4).
    """
    found = near_soon(view, boxes, 2**62)
    assert found is not None
    return found


def near_soon(view: View, boxes: NDArray[np.int64], patience: int) -> Numbers | None:
    """Return the same, or None where boxes meet more features than `patience`, one after the other."""
    stored, came = (_search(level, boxes, patience) for level in (view.level, view.patch.added))
    return None if stored is None or came is None else _present(view, stored, came)


def gather(view: View, numbers: Numbers) -> Shapes:
    """Return features in the order of their rows, those of a row in the order of their kinds.

    Args:
        view: The level.
        numbers: Ascending.
    """
    split = int(np.searchsorted(numbers, view.stored))
    found = chain(
        [take(view.level.shapes, numbers[:split]), take(view.patch.added.shapes, numbers[split:] - view.stored)]
    )
    return take(found, np.argsort(keys_of(found), kind="stable"))


def keys_at(view: View, numbers: Numbers) -> NDArray[np.int64]:
    """Return what tells the features of a level apart, of ascending numbers: row and kind."""
    split = int(np.searchsorted(numbers, view.stored))
    came = numbers[split:] - view.stored
    return np.concatenate([keys_of(view.level.shapes, numbers[:split]), keys_of(view.patch.added.shapes, came)])


def boxes_at(view: View, numbers: Numbers) -> NDArray[np.int64]:
    """Return the boxes of features of ascending numbers, shape (n, 4)."""
    split = int(np.searchsorted(numbers, view.stored))
    stored, came = numbers[:split], numbers[split:] - view.stored
    return np.concatenate([view.level.boxes[stored], view.patch.added.boxes[came]]).astype(np.int64)


def shown_at(view: View, numbers: Numbers) -> NDArray[np.bool_]:
    """Tell which features of ascending numbers have room in their tile."""
    split = int(np.searchsorted(numbers, view.stored))
    parts = ((view.level.shown, numbers[:split]), (view.patch.added.shown, numbers[split:] - view.stored))
    return np.concatenate([shown[some] != 0 if len(shown) else np.ones(len(some), bool) for shown, some in parts])


def keys_of(shapes: Shapes, numbers: Numbers | None = None) -> NDArray[np.int64]:
    """Return a number for the row and the kind of each feature."""
    rows, kinds = (shapes.rows, shapes.kinds) if numbers is None else (shapes.rows[numbers], shapes.kinds[numbers])
    return rows.astype(np.int64) * 4 + kinds


def changed(view: View, gone: Numbers, came: Shapes) -> tuple[View, Numbers]:
    """Return a level after more changes, and the numbers of what came. What came is drawn.

    Args:
        view: The level before.
        gone: Numbers of the features that go, ascending.
        came: Those that come.
    """
    patch, split = view.patch, int(np.searchsorted(gone, view.stored))
    shown = np.concatenate([_flags(patch.added), np.ones(came.count, bool)])
    added = level_of(view.level.shift, chain([patch.added.shapes, came]), shown)
    after = Patch(np.union1d(patch.gone, gone[:split]), added, np.union1d(patch.dropped, gone[split:] - view.stored))
    return View(view.level, after), np.arange(view.end, view.end + came.count)


def reshown(view: View, numbers: Numbers, shown: NDArray[np.bool_]) -> View:
    """Return a level on which some features are drawn and others are not; stored ones get new numbers.

    Args:
        view: The level before.
        numbers: Features, ascending.
        shown: Whether each is drawn.
    """
    patch, split = view.patch, int(np.searchsorted(numbers, view.stored))
    flags = _flags(patch.added)
    flags[numbers[split:] - view.stored] = shown[split:]
    copies = take(view.level.shapes, numbers[:split])
    shapes = chain([patch.added.shapes, copies])
    added = level_of(view.level.shift, shapes, np.concatenate([flags, shown[:split]]))
    return View(view.level, Patch(np.union1d(patch.gone, numbers[:split]), added, patch.dropped))


def restored(view: View) -> View:
    """Return a level on which features that came back as they are stored are those that are stored."""
    patch, came = view.patch, view.patch.added
    there = without(np.arange(came.shapes.count), patch.dropped)
    stored_keys, came_keys = keys_of(view.level.shapes, patch.gone), keys_of(came.shapes, there)
    _, one, other = np.intersect1d(stored_keys, came_keys, assume_unique=True, return_indices=True)
    gone, back = patch.gone[one], there[other]
    same = are_same(view.level.shapes, gone, came.shapes, back)
    same &= shown_at(view, gone) == _flags(came)[back]
    if not same.any():
        return view
    still = np.setdiff1d(patch.gone, gone[same])
    return View(view.level, Patch(still, came, np.union1d(patch.dropped, back[same])))


def _flags(level: Level) -> NDArray[np.bool_]:
    return level.shown != 0 if len(level.shown) else np.ones(level.shapes.count, bool)


def _present(view: View, stored: Numbers, came: Numbers) -> Numbers:
    return np.concatenate([without(stored, view.patch.gone), without(came, view.patch.dropped) + view.stored])


def _search(level: Level, boxes: NDArray[np.int64], patience: int) -> Numbers | None:
    """Return the features whose box meets any of some boxes, ascending; None where that takes too long."""
    count = level.shapes.count
    found, scratch = np.empty(count, np.int64), np.empty(count, np.int64)
    queries = np.ascontiguousarray(boxes)
    total = search_many(level.boxes, level.tree, queries, patience, scratch, np.zeros(count, np.uint8), found)
    return None if total < 0 else np.sort(found[:total])
