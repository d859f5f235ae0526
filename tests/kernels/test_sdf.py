"""kernels.sdf: distances to outlines, against shapely."""

import math

import numpy as np
import pytest
from shapely import Point, Polygon

from kernels.sdf import encode_distances

SQUARE = [(2.0, 2.0), (8.0, 2.0), (8.0, 9.0), (2.0, 9.0)]
HOLE = [(4.0, 4.0), (4.0, 7.0), (6.0, 7.0), (6.0, 4.0)]
STAR = [(5 + r * math.cos(k * math.pi / 5), 5 + r * math.sin(k * math.pi / 5)) for k, r in enumerate([4.7, 1.9] * 5)]


def segments(*rings):
    return np.concatenate([np.column_stack((ring, np.roll(ring, -1, axis=0))) for ring in map(np.array, rings)])


def drawn(edges, *, west=-1.0, north=11.0, radius=8.0, shape=(12, 13)):
    out = np.empty(shape, np.uint8)
    encode_distances(edges, west, north, radius, out)
    return out


def expected(polygon, *, west=-1.0, north=11.0, radius=8.0, shape=(12, 13)):
    values = np.empty(shape)
    for row in range(shape[0]):
        for col in range(shape[1]):
            place = Point(west + col + 0.5, north - row - 0.5)
            away = polygon.boundary.distance(place) * (-1 if polygon.contains(place) else 1)
            values[row, col] = np.clip(255 - (away / radius + 0.25) * 256, 0, 255)
    return values


@pytest.mark.parametrize(
    ("rings", "polygon"),
    [((SQUARE,), Polygon(SQUARE)), ((SQUARE, HOLE), Polygon(SQUARE, [HOLE])), ((STAR,), Polygon(STAR))],
    ids=["square", "hole", "star"],
)
@pytest.mark.parametrize("radius", [2.0, 8.0])
def test_bytes_are_the_distances_of_shapely(rings, polygon, radius):
    got = drawn(segments(*rings), radius=radius)
    assert np.abs(got - expected(polygon, radius=radius)).max() <= 0.5 + 1e-6


def test_the_edge_itself_is_three_quarters_of_the_way():
    edges = segments([(0.0, 0.5), (9.0, 0.5), (9.0, 9.5), (0.0, 9.5)])
    assert drawn(edges, west=4.0, north=10.0, shape=(1, 1))[0, 0] == 191


def test_rings_that_lie_over_each_other_the_same_way_are_one_shape():
    twice = segments(SQUARE, SQUARE)
    np.testing.assert_array_equal(drawn(twice), drawn(segments(SQUARE)))


@pytest.mark.parametrize("writeable", [True, False], ids=["owned", "read-only"])
def test_rings_may_run_either_way_and_be_read_only(writeable):
    edges = segments(SQUARE[::-1])
    edges.flags.writeable = writeable
    np.testing.assert_array_equal(drawn(edges), drawn(segments(SQUARE)))


def test_edges_of_no_length_do_no_harm():
    doubled = [point for point in SQUARE for _ in range(2)]
    np.testing.assert_array_equal(drawn(segments(doubled)), drawn(segments(SQUARE)))
