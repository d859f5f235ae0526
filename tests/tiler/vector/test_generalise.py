"""tiler.vector.generalise: in parts or at once, the levels are the same."""

from unittest.mock import patch

import numpy as np
import pytest

from tests.tiler.vector.test_overlay import LAYERS, History
from tiler.vector import around, generalise


@pytest.mark.parametrize("patience", [0, 64])
@pytest.mark.parametrize("kind", sorted(LAYERS))
def test_levels_made_part_by_part_are_those_made_at_once(kind, patience):
    """With no patience a part is given up, and the level made at once after all."""
    history = History(kind, 3_000, seed=6)
    whole = history.source("EPSG:3857")
    with (
        patch.object(generalise, "PART", 700),
        patch.object(around, "_EACH", patience),
        patch.object(around, "_PATIENCE", 50_000 if patience else 0),
    ):
        parts = history.source("EPSG:3857")
    assert [level.shift for level in parts.levels] == [level.shift for level in whole.levels]
    for one, other in zip(parts.levels, whole.levels, strict=True):
        for name in ("kinds", "rows", "parts", "ends", "vertices"):
            np.testing.assert_array_equal(getattr(one.shapes, name), getattr(other.shapes, name))
        np.testing.assert_array_equal(one.shown, other.shown)
