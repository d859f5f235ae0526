"""tiler.vector.edition: it differs where tiles differ, and there alone."""

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from core.changes import Change
from tests.tiler.vector.test_overlay import CENTRE, CRS, History
from tiler.matrix import tile_at, tile_bounds, tile_matrix_set
from tiler.vector.edition import edition_of
from tiler.vector.overlay import apply_changes
from tiler.vector.tile import encode_tile


def tiles_near(set_id, levels):
    tms = tile_matrix_set(set_id)
    x, y = Transformer.from_crs(CRS, tms.crs, always_xy=True).transform(*CENTRE)
    for matrix in tms.matrices[levels]:
        col, row = tile_at(matrix, x, y)
        for dc in range(-3, 4):
            for dr in range(-3, 4):
                inside = 0 <= col + dc < matrix.width and 0 <= row + dr < matrix.height
                if inside:
                    yield tms.crs, tile_bounds(matrix, col + dc, row + dr)


@pytest.mark.parametrize("set_id", ["PM", "2154_10cm"])
@pytest.mark.parametrize("kind", ["town", "parcels"])
def test_a_tile_that_differs_has_another_edition_and_one_that_is_not_near_has_none(kind, set_id):
    history = History(kind, 6_000, seed=11)
    stored = history.source("EPSG:3857")
    source = apply_changes(stored, history.edit(3), CRS)
    changed = same = 0
    for crs, bounds in tiles_near(set_id, slice(8, 18, 2)):
        tiles = [encode_tile(one, "l", bounds=bounds, crs=crs) for one in (stored, source)]
        edition = edition_of(source, bounds, crs)
        if tiles[0] != tiles[1]:
            assert edition
            changed += 1
        same += not edition
        assert edition_of(stored, bounds, crs) == ""
    assert changed > 5
    assert same > 80


def test_all_engines_say_the_same_in_however_many_steps_they_applied_the_changes():
    history = History("mixed", 5_000, seed=4)
    stored = history.source("EPSG:3857")
    changes = history.edit(60)
    once, stepwise = apply_changes(stored, changes, CRS), stored
    for first in range(0, 60, 7):
        stepwise = apply_changes(stepwise, changes[first : first + 7], CRS)
    for crs, bounds in tiles_near("PM", slice(4, 19, 2)):
        assert edition_of(once, bounds, crs) == edition_of(stepwise, bounds, crs)


def test_a_change_of_attributes_alone_is_another_edition():
    history = History("town", 50, seed=4)
    stored = history.source("EPSG:3857")
    wkb = shapely.to_wkb(history.rows[7][0])
    whole = (*np.array([-1.0, -1.0]) * 20037508.342789244, *np.array([1.0, 1.0]) * 20037508.342789244)
    editions = {
        edition_of(apply_changes(stored, [Change(7, wkb, {"nom": name})], CRS), whole, "EPSG:3857")
        for name in ("a", "b")
    }
    assert len(editions) == 2
    assert "" not in editions
