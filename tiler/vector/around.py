"""Features thinned as among all others, by looking at those around them alone."""

import numpy as np
from numpy.typing import NDArray

from tiler.vector.dust import lengths_of
from tiler.vector.shapes import Shapes, no_shapes, take
from tiler.vector.thin import ROUNDS, thin
from tiler.vector.view import Numbers, View, boxes_at, everything, gather, keys_at, keys_of, near_soon

_PATIENCE, _EACH = 50_000, 64
"""Features that boxes may meet, one after the other, before it is given up to look around each: so many, or so many
for each box."""


def thinned_among(view: View, numbers: Numbers, shift: int) -> Shapes:
    """Return some features, thinned as among all others.

    Args:
        view: All features.
        numbers: Those wanted, ascending.
        shift: As for `thin`.
    """
    if len(numbers) == 0:
        return no_shapes()
    return _thinned(view, numbers, within_steps(view, numbers, shift), shift)


def thinned_apart(view: View, numbers: Numbers, shift: int) -> Shapes | None:
    """Return the same, or None where features lie so close that it costs less to thin all of them at once."""
    reached, _ = _steps(view, numbers, shift)
    return None if reached is None else _thinned(view, numbers, reached, shift)


def within_steps(view: View, numbers: Numbers, shift: int) -> Numbers:
    """Return features and all that share vertices with them on the cells of a scale, over `ROUNDS` steps.

    Args:
        view: All features.
        numbers: Those to begin with, ascending.
        shift: The cells are 2^shift wide.
    """
    reached, so_far = _steps(view, numbers, shift)
    return _steps_among_all(view, so_far, shift) if reached is None else reached


def _thinned(view: View, numbers: Numbers, around: Numbers, shift: int) -> Shapes:
    found = thin(gather(view, around), shift)
    return take(found, np.flatnonzero(np.isin(keys_of(found), keys_at(view, numbers))))


def _steps(view: View, numbers: Numbers, shift: int) -> tuple[Numbers | None, Numbers]:
    """Return what `within_steps` does, None where that takes long, and those that were reached first."""
    reached = frontier = numbers
    for _ in range(ROUNDS):
        if len(frontier) == 0:
            break
        touching = _touching(view, frontier, shift)
        if touching is None:
            return None, numbers
        frontier = np.setdiff1d(touching, reached)
        reached = np.union1d(reached, frontier)
    return reached, reached


def _touching(view: View, numbers: Numbers, shift: int) -> Numbers | None:
    """Return the features that share a vertex with some on the cells of a scale, None where many boxes overlap."""
    beyond = np.array([-1, -1, 1, 1]) << shift
    found = near_soon(view, boxes_at(view, numbers) + beyond, max(_PATIENCE, _EACH * len(numbers)))
    if found is None:
        return None
    others = np.setdiff1d(found, numbers)
    if len(others) == 0:
        return others
    shapes = gather(view, others)
    shared = np.isin(_places(shapes, shift), _places(gather(view, numbers), shift))
    firsts = shapes.ends.astype(np.int64)[shapes.parts[:-1]]
    order = np.argsort(keys_at(view, others), kind="stable")
    return np.sort(others[order][np.logical_or.reduceat(shared, firsts)])


def _steps_among_all(view: View, numbers: Numbers, shift: int) -> Numbers:
    """Return what `within_steps` does by looking at every vertex of the level."""
    there = everything(view)
    shapes = gather(view, there)
    there = there[np.argsort(keys_at(view, there), kind="stable")]
    owners = np.repeat(np.arange(len(there)), lengths_of(shapes))
    _, places = np.unique(_places(shapes, shift), return_inverse=True)
    reached = np.isin(there, numbers)
    for _ in range(ROUNDS):
        taken = np.zeros(int(places.max()) + 1, bool)
        taken[places[reached[owners]]] = True
        reached[owners[taken[places]]] = True
    return np.sort(there[reached])


def _places(shapes: Shapes, shift: int) -> NDArray[np.int64]:
    """Return a number for the cell of a scale that each vertex comes to lie on."""
    cells = (shapes.vertices.astype(np.int64) + ((1 << shift) >> 1)) >> shift
    return np.asarray((cells[:, 0] << 32) + cells[:, 1])
