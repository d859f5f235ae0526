"""bench.scenarios.raster: rows as agreed, requests that measure what they say."""

import morecantile
import pytest
from pyproj import Transformer

from bench.imagery import LAMBERT, MERCATOR, MOSAIC, box_of
from bench.scenarios.raster import races, trials
from bench.terrain import RELIEF, relief_box

IDS = {race.id: race for race in races()}


def test_rows_have_the_agreed_identifiers():
    assert list(IDS) == [
        "cached", "passthrough-512", "passthrough-s3", "crop-256-cold", "crop-256-hot", "warp-256-cold",
        "warp-256-hot", "warp-256-hot-bilinear", "mosaic-16-cold", "mosaic-16-hot", "terrain-rgb", "hillshade", "ramp",
        "png-512",
    ]  # fmt: skip
    assert [trial.id for trial in trials()] == ["layer-growth", "rss-drift"]


def test_the_crops_lie_in_the_tile_of_level_14_around_the_place():
    inside = morecantile.tms.get("WebMercatorQuad").tile(4.85, 45.75, 14)
    for name in ("crop-256-cold", "crop-256-hot"):
        assert {(one.x // 32, one.y // 32, one.z) for one in IDS[name].requests} == {(inside.x, inside.y, 19)}


def test_the_stored_blocks_are_the_tiles_of_level_18():
    inside = morecantile.tms.get("WebMercatorQuad").tile(4.85, 45.75, 14)
    asked = IDS["passthrough-512"].requests
    assert {(one.x // 16, one.y // 16, one.z, one.size) for one in asked} == {(inside.x, inside.y, 18, 512)}
    assert len(set(asked)) == len(asked) == 256


@pytest.mark.parametrize("race", [race for race in races() if race.keeps == "nothing"], ids=lambda race: race.id)
def test_a_cold_race_warms_with_tiles_it_does_not_time(race):
    assert len(set(race.requests)) == len(race.requests)
    assert not set(race.requests) & set(race.warmup)


@pytest.mark.parametrize("race", [race for race in races() if race.keeps != "nothing"], ids=lambda race: race.id)
def test_a_hot_race_warms_with_all_it_times(race):
    assert set(race.requests) <= set(race.warmup)


@pytest.mark.parametrize("race", races(), ids=list(IDS))
def test_tiles_lie_within_their_source(race):
    tms = morecantile.tms.get("WebMercatorQuad")
    for one in set(race.requests):
        assert one.source in {MERCATOR, LAMBERT, MOSAIC, RELIEF}
        crs, (west, south, east, north) = ("EPSG:3857", relief_box()) if one.source == RELIEF else box_of(one.source)
        to_source = Transformer.from_crs("EPSG:3857", crs, always_xy=True)
        box = tms.xy_bounds(morecantile.Tile(one.x, one.y, one.z))
        for x in (box.left, box.right):
            for y in (box.bottom, box.top):
                at_x, at_y = to_source.transform(x, y)
                assert west - 1e-3 <= at_x <= east + 1e-3
                assert south - 1e-3 <= at_y <= north + 1e-3
