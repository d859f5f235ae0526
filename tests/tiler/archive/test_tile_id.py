"""tiler.archive.tile_id against the package pmtiles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pmtiles.tile import tileid_to_zxy, zxy_to_tileid

from tiler.archive.tile_id import LAST_ZOOM, first_id, tile_id, tile_ids, tile_place, tile_places, tiles_within, zoom_of
from tiler.matrix import TileLimits


@st.composite
def places(draw):
    zoom = draw(st.integers(0, LAST_ZOOM))
    side = st.integers(0, (1 << zoom) - 1)
    return zoom, draw(side), draw(side)


@settings(deadline=None)
@given(places())
def test_ids_are_those_of_the_independent_package_and_lead_back(place):
    identifier = zxy_to_tileid(*place)
    assert tile_id(*place) == identifier
    assert tile_place(identifier) == place
    assert zoom_of(identifier) == place[0]


@pytest.mark.parametrize("zoom", [0, 1, 2, 5])
def test_columns_of_a_whole_level_are_those_of_single_tiles(zoom):
    ids = np.arange(first_id(zoom), first_id(zoom + 1))
    cols, rows = tile_places(zoom, ids)
    assert [(zoom, *pair) for pair in zip(cols.tolist(), rows.tolist(), strict=True)] == [
        tileid_to_zxy(one) for one in ids.tolist()
    ]
    np.testing.assert_array_equal(tile_ids(zoom, cols, rows), ids)


@settings(deadline=None)
@given(st.integers(0, 6), st.data())
def test_the_tiles_of_a_box_come_in_the_order_of_their_ids_after_the_one_given(zoom, data):
    side = st.integers(0, (1 << zoom) - 1)
    (west, east), (north, south) = (sorted((data.draw(side), data.draw(side))) for _ in range(2))
    limits = TileLimits(west, east, north, south)
    after = data.draw(st.integers(-1, first_id(zoom + 1)))
    everything = ((one, *tileid_to_zxy(one)[1:]) for one in range(first_id(zoom), first_id(zoom + 1)))
    expected = [one for one in everything if limits.holds(*one[1:]) and one[0] > after]
    assert list(tiles_within(zoom, limits, after)) == expected
