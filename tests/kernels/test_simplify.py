"""kernels.simplify: borders that two share stay shared, and no line strays."""

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.shapes import LINE, POLYGON
from kernels.simplify import coarsen, mark_kept, mark_nodes


def kept_of(kind, paths, tolerance):
    """Return which vertices stay, one list a path, each a feature."""
    count = len(paths)
    kinds = np.full(count, kind, np.uint8)
    parts = np.arange(count + 1, dtype=np.uint32)
    ends = np.cumsum([0, *(len(path) for path in paths)]).astype(np.uint32)
    vertices = np.concatenate([np.array(path) for path in paths]).astype(np.int32)
    keys = (vertices[:, 0].astype(np.int64) << 32) + vertices[:, 1]
    nodes, kept = np.zeros(len(keys), np.uint8), np.empty(len(keys), np.uint8)
    mark_nodes(kinds, parts, ends, keys, np.argsort(keys, kind="stable"), nodes)
    mark_kept(kinds, parts, ends, vertices, keys, nodes, tolerance, kept)
    return [vertices[a:b][kept[a:b] == 1].tolist() for a, b in pairwise(ends)], nodes


def border(seed, count=60):
    generator = np.random.default_rng(seed)
    x = np.arange(1, count) * 10
    return [(int(a), int(b)) for a, b in zip(x, generator.integers(-6, 7, count - 1), strict=True)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 1.0, 4.0, 9.0]))
def test_two_areas_keep_the_same_vertices_of_their_border(seed, tolerance):
    shared = border(seed)
    north = [(0, 0), *shared, (600, 0), (600, -400), (0, -400)]
    south = [(600, 0), *shared[::-1], (0, 0), (0, 400), (600, 400)]
    (one, other), nodes = kept_of(POLYGON, [north, south], tolerance)
    on_border = {tuple(place) for place in map(tuple, shared)}
    assert {tuple(p) for p in one} & on_border == {tuple(p) for p in other} & on_border
    assert [0, 0] in one
    assert [600, 0] in other
    assert nodes.sum() == 4  # both ends of the border, in both
    a, b = shapely.Polygon(one), shapely.Polygon(other)
    if a.is_valid and b.is_valid:
        assert a.intersection(b).area == 0
        assert a.union(b).area == pytest.approx(600 * 800)


def test_an_island_and_the_hole_around_it_stay_one_line():
    angles = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    ring = [tuple(place) for place in np.rint(np.column_stack([np.cos(angles), np.sin(angles)]) * 500).astype(int)]
    (one, other), nodes = kept_of(POLYGON, [ring, ring[17:][::-1] + ring[:17][::-1]], 20.0)
    assert nodes.sum() == 0
    assert {tuple(p) for p in one} == {tuple(p) for p in other}
    assert 4 < len(one) < 30


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=30, unique=True),
    st.sampled_from([1.0, 8.0, 40.0]),
)
def test_no_line_strays_further_than_the_tolerance(points, tolerance):
    [found], _ = kept_of(LINE, [points], tolerance)
    assert found[0] == list(points[0])
    assert found[-1] == list(points[-1])
    line = shapely.LineString(found)
    assert max(line.distance(shapely.Point(place)) for place in points) <= tolerance + 1e-9


def test_a_junction_of_roads_stays():
    road = [(0, 0), (10, 1), (20, 0), (30, 1), (40, 0)]
    side = [(20, 0), (20, 50)]
    (one, other), _ = kept_of(LINE, [road, side], 5.0)
    assert one == [[0, 0], [20, 0], [40, 0]]
    assert other == [[20, 0], [20, 50]]


def test_a_coarser_grid_merges_vertices_and_leaves_out_small_rings():
    kinds = np.array([POLYGON, POLYGON, LINE], np.uint8)
    outer = [(0, 0), (101, 1), (102, 2), (100, 100), (2, 99)]
    hole = [(50, 50), (50, 53), (53, 53)]
    speck = [(200, 200), (202, 200), (202, 202)]
    line = [(0, 0), (3, 3), (17, 0)]
    parts = np.array([0, 2, 3, 4], np.uint32)
    ends = np.cumsum([0, 5, 3, 3, 3]).astype(np.uint32)
    vertices = np.array([*outer, *hole, *speck, *line], np.int32)
    new_parts, new_ends = np.empty(4, np.uint32), np.empty(9, np.uint32)
    new_vertices = np.empty((20, 2), np.int32)
    everything = np.ones(len(vertices), np.uint8)
    found = coarsen(kinds, parts, ends, vertices, everything, 3, 64.0, new_parts, new_ends, new_vertices)
    assert found == (3, 4 + 1 + 2)
    assert new_parts.tolist() == [0, 1, 2, 3]
    assert new_vertices[:4].tolist() == [[0, 0], [104, 0], [104, 104], [0, 96]]
    assert new_vertices[4].tolist() == [200, 200]  # the speck keeps a place
    assert new_vertices[5:7].tolist() == [[0, 0], [16, 0]]
