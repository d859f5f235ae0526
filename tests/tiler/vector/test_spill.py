"""tiler.vector.spill: what is gathered part after part is what was given."""

import numpy as np
import shapely

from tests.tiler.vector.sources import made
from tiler.vector.shapes import no_shapes, take
from tiler.vector.spill import ShapeSpill


def test_parts_come_back_as_one():
    figures = [shapely.box(n, 0, n + 1, 1).difference(shapely.box(n + 0.2, 0.2, n + 0.4, 0.4)) for n in range(40)]
    shapes = made([*figures, shapely.LineString([(0, 0), (3, 3)]), shapely.Point(1, 2)]).levels[0].shapes
    with ShapeSpill() as spill:
        for first in range(0, shapes.count, 9):
            spill.add(take(shapes, np.arange(first, min(first + 9, shapes.count))))
        spill.add(no_shapes())
        assert spill.vertices == len(shapes.vertices)
        found = spill.finish()
    for name in ("kinds", "rows", "parts", "ends", "vertices"):
        np.testing.assert_array_equal(getattr(found, name), getattr(shapes, name))


def test_nothing_comes_back_as_nothing(tmp_path):
    with ShapeSpill(tmp_path) as spill:
        found = spill.finish()
    assert (found.count, found.parts.tolist(), found.ends.tolist()) == (0, [0], [0])
    assert list(tmp_path.iterdir()) == []
