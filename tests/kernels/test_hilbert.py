"""kernels.hilbert: the curve visits every cell once, step by step, as its definition says."""

import numpy as np
import pytest

from kernels.hilbert import hilbert_keys, hilbert_place


def definition(order):
    """Return the cells (col, row) in the order of the curve, from Hilbert's own recursion.

    A curve is four copies of the one a level below: the first mirrored on the
    diagonal, the last on the other, with the two in between as they are.
    """
    if order == 0:
        return [(0, 0)]
    small, half = definition(order - 1), 2 ** (order - 1)
    return [
        *((row, col) for col, row in small),
        *((col, row + half) for col, row in small),
        *((col + half, row + half) for col, row in small),
        *((2 * half - 1 - row, half - 1 - col) for col, row in small),
    ]


def keys_of(x, y, order, *, west=0.0, south=0.0, cell=1.0):
    keys = np.full(len(x), -1, np.int64)
    hilbert_keys(np.asarray(x, float), np.asarray(y, float), west, south, cell, order, keys)
    return keys


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
def test_cells_come_in_the_order_of_the_recursive_definition(order):
    cols, rows = np.array(definition(order)).T
    np.testing.assert_array_equal(keys_of(cols + 0.5, rows + 0.5, order), np.arange(4**order))


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4, 5, 6])
def test_the_place_of_a_cell_is_where_the_recursive_definition_has_it(order):
    assert [hilbert_place(order, col, row) for col, row in definition(order)] == list(range(4**order))


def test_the_last_cell_of_the_longest_curve_has_the_last_place():
    assert hilbert_place(31, 2**31 - 1, 0) == 4**31 - 1


def test_the_origin_and_the_cell_size_place_the_grid():
    cols, rows = np.array(definition(3)).T
    x, y = 700_000 + cols * 2.5 + 1, 6_600_000 + rows * 2.5 + 1
    np.testing.assert_array_equal(keys_of(x, y, 3, west=700_000, south=6_600_000, cell=2.5), np.arange(64))


def test_points_outside_count_as_in_the_nearest_cell():
    np.testing.assert_array_equal(
        keys_of([-5.0, 100.0, -3.0, 8.0], [-5.0, 100.0, 9.0, 0.0], 3),
        keys_of([0.5, 7.5, 0.5, 7.5], [0.5, 7.5, 7.5, 0.5], 3),
    )


def test_the_finest_order_fills_62_bits():
    keys = keys_of([0.0, 2.0**31], [0.0, 0.0], 31)
    assert keys.tolist() == [0, 4**31 - 1]


@pytest.mark.parametrize("writeable", [True, False], ids=["owned", "read-only"])
def test_arrays_from_a_socket_are_taken(writeable):
    x = np.array([0.5, 1.5])
    x.flags.writeable = writeable
    keys = np.empty(2, np.int64)
    hilbert_keys(x, x, 0.0, 0.0, 1.0, 1, keys)
    assert keys.tolist() == [0, 2]


def test_no_point_is_no_work():
    assert keys_of([], [], 4).size == 0
