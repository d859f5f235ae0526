"""tiler.ingest.vector_stray: features at (0, 0) are found where no place can be meant, and nowhere else."""

import numpy as np
import pytest

from tiler.ingest.vector_stray import find_strays


def boxes(*points):
    return np.array([[x, y, x, y] for x, y in points], dtype=float)


def test_features_at_the_origin_among_lambert_coordinates_are_counted_and_the_first_is_named():
    found = find_strays(boxes((652_000, 6_862_000), (0, 0), (660_000, 6_850_000), (0, 0)))
    assert (found.count, found.first) == (2, 1)


def test_an_area_of_a_few_metres_at_the_origin_is_a_stray_too():
    found = find_strays(np.array([[652_000, 6_862_000, 653_000, 6_863_000], [0, 0, 10, 10]], dtype=float))
    assert (found.count, found.first) == (1, 1)


@pytest.mark.parametrize(
    "bounds",
    [
        boxes((0, 0)),
        boxes((0, 0), (0, 0)),
        boxes((1, 1), (4, 4), (0, 0)),
        boxes((-170, -80), (170, 80), (0, 0)),
        boxes((652_000, 6_862_000), (660_000, 6_850_000)),
        boxes((-300, -300), (0, 0), (300, 300)),
    ],
)
def test_the_origin_among_its_like_is_no_stray(bounds):
    assert find_strays(bounds) is None
