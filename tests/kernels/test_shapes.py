"""kernels.shapes: packed on a grid, gathered, bounded and measured as numpy and shapely do it."""

import numpy as np
import pytest
import shapely

from kernels.shapes import HOLE, LINE, OPEN, OUTER, POINT, POLYGON, bound_shapes, gather_shapes, pack_paths, size_shapes


def packed(path, role, cell=0.5):
    coordinates = np.array(path, float)
    ends, vertices = np.empty(2, np.uint32), np.empty((len(path), 2), np.int32)
    size = pack_paths(
        coordinates, np.array([0, len(path)], np.uint32), np.array([role], np.uint8), 100.0, 200.0, cell, ends, vertices
    )
    assert ends.tolist() == [0, size]
    return vertices[:size].tolist()


def test_rows_go_down_and_halves_go_up():
    assert packed([(100, 200), (101, 199), (100.25, 200)], OPEN) == [[0, 0], [2, 2], [1, 0]]


def test_repeated_vertices_and_the_end_of_a_ring_are_left_out():
    ring = [(100, 200), (110, 200), (110.1, 200.1), (110, 190), (100, 200)]
    assert packed(ring, OUTER) == [[0, 0], [20, 0], [20, 20]]


@pytest.mark.parametrize(("role", "sign"), [(OUTER, 1), (HOLE, -1)])
@pytest.mark.parametrize("ring", [[(100, 200), (110, 200), (110, 190)], [(100, 200), (110, 190), (110, 200)]])
def test_rings_turn_by_their_role(ring, role, sign):
    found = np.array(packed([*ring, ring[0]], role))
    assert shapely.LinearRing(found).is_ccw == (sign > 0)  # y goes down: clockwise on a screen
    assert found[0].tolist() == [0, 0]


def test_places_beyond_the_grid_stay_within_32_bits():
    assert packed([(1e12, -1e12)], OPEN) == [[2**31 - 1, 2**31 - 1]]


SHAPES = (
    np.array([POINT, LINE, POLYGON], np.uint8),
    np.array([0, 1, 2, 4], np.uint32),
    np.array([0, 1, 3, 7, 10], np.uint32),
    np.array([(5, 6), (0, 0), (3, 4), (0, 0), (8, 0), (8, 8), (0, 8), (2, 2), (2, 4), (4, 4)], np.int32),
)


def test_boxes_and_sizes_are_those_of_arithmetic():
    boxes, sizes = np.empty((3, 4), np.int32), np.empty(3)
    bound_shapes(*SHAPES[1:], boxes)
    size_shapes(*SHAPES, sizes)
    assert boxes.tolist() == [[5, 6, 5, 6], [0, 0, 3, 4], [0, 0, 8, 8]]
    assert sizes.tolist() == [0.0, 5.0, 64.0 - 2.0]


def test_features_are_gathered_in_another_order():
    parts, ends, vertices = np.empty(3, np.uint32), np.empty(4, np.uint32), np.empty((8, 2), np.int32)
    gather_shapes(np.array([2, 0]), *SHAPES[1:], parts, ends, vertices)
    assert parts.tolist() == [0, 2, 3]
    assert ends.tolist() == [0, 4, 7, 8]
    assert vertices.tolist() == [*SHAPES[3][3:].tolist(), [5, 6]]
