"""tiler.vector.mend: what is not valid is mended as GEOS does it, and a tangle is given up in a bounded time."""

import numpy as np
import shapely

from tiler.vector.mend import mend

BOW = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])


def tangle(vertices):
    """An area of random corners, whose sides cross each other about `vertices`² / 9 times."""
    return shapely.Polygon(np.random.default_rng(1).uniform(0, 1e5, (vertices, 2)))


def test_a_bow_becomes_its_two_triangles():
    mended, count, tangled = mend(np.array([BOW, shapely.box(0, 0, 1, 1)], dtype=object))
    assert (count, tangled) == (1, 0)
    assert mended[0].is_valid
    assert mended[0].area == 2.0
    assert mended[1] == shapely.box(0, 0, 1, 1)


def test_a_long_ring_that_crosses_itself_a_few_times_is_mended():
    turn = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    eight = shapely.Polygon(np.column_stack([np.sin(turn + 0.1), np.sin(2 * turn)]))
    assert not eight.is_valid
    mended, count, tangled = mend(np.array([eight], dtype=object))
    assert (count, tangled, mended[0].is_valid) == (1, 0, True)


def test_areas_of_several_parts_are_mended_too():
    both = shapely.MultiPolygon([BOW, *(shapely.box(n, 5, n + 0.5, 6) for n in range(100))])
    assert shapely.get_num_coordinates(both) > 200
    mended, count, tangled = mend(np.array([both], dtype=object))
    assert (count, tangled, mended[0].is_valid) == (1, 0, True)
    assert mended[0].area == 52.0


def test_a_tangle_is_given_up_and_others_stay():
    knot = tangle(1000)
    mended, count, tangled = mend(np.array([BOW, knot, shapely.box(0, 0, 1, 1)], dtype=object))
    assert (count, tangled) == (1, 1)
    assert [one is None for one in mended] == [False, True, False]


def test_nothing_comes_of_nothing():
    mended, count, tangled = mend(np.empty(0, dtype=object))
    assert (len(mended), count, tangled) == (0, 0, 0)
