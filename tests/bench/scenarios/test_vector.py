"""bench.scenarios.vector: rows as agreed, requests that measure what they say."""

import morecantile
import numpy as np
import pytest
from pyproj import Transformer

from bench.buildings import BUILDINGS, COUNT, middles
from bench.peer import peer_names
from bench.scenarios.vector import MBTILES, PEERS, PMTILES, races, trials

IDS = {race.id: race for race in races()}


def test_rows_have_the_agreed_identifiers():
    assert list(IDS) == ["mvt-1000", "pmtiles", "mbtiles"]
    assert [trial.id for trial in trials()] == ["low-zoom-ms", "build-400k-s", "open-10m-ms", "freshness-s"]


def test_every_peer_is_a_file_of_the_bench():
    assert set(PEERS) <= set(peer_names())
    assert {peer for race in races() for peer in race.peers} == set(PEERS)


def test_tiles_hold_about_a_thousand_buildings():
    tms = morecantile.tms.get("WebMercatorQuad")
    x, y = Transformer.from_crs("EPSG:2154", "EPSG:3857", always_xy=True).transform(*middles().T)
    assert len(x) == COUNT == 400_000
    asked = IDS["mvt-1000"].requests
    for one in asked[::10]:
        box = tms.xy_bounds(morecantile.Tile(one.x, one.y, one.z))
        inside = (x >= box.left) & (x < box.right) & (y > box.bottom) & (y <= box.top)
        assert 900 <= np.count_nonzero(inside) <= 1_100


def test_tiles_are_drawn_anew_and_compressed():
    race = IDS["mvt-1000"]
    assert race.keeps == "nothing"
    assert race.encoding == "gzip"
    assert len(set(race.requests)) == len(race.requests) > 100
    assert not set(race.requests) & set(race.warmup)
    assert {one.source for one in race.requests} == {BUILDINGS}


@pytest.mark.parametrize(("row", "source"), [("pmtiles", PMTILES), ("mbtiles", MBTILES)])
def test_stored_tiles_are_passed_on_without_a_cache(row, source):
    race = IDS[row]
    assert race.keeps == "nothing"
    assert race.bound == 0.0
    assert set(race.requests) <= set(race.warmup)  # the bare program holds what it was asked once
    assert {one.source for one in race.requests} == {source}


def test_the_ratio_to_each_database_decides():
    target = IDS["mvt-1000"].target
    assert target.holds(200.0, 10.5, {"postgis": 10.5, "tipg": 17.5, "mapbox_vector_tile": 2.0}) is True
    assert target.holds(5000.0, 9.0, {"postgis": 9.0, "tipg": 20.0}) is False
    assert target.holds(5000.0, 12.0, {"postgis": 12.0, "tipg": 16.9}) is False
    assert target.holds(1500.0, 300.0, {"mapbox_vector_tile": 300.0}) is True  # no database here
    assert target.holds(1499.0, 300.0, {"mapbox_vector_tile": 300.0}) is False
