import morecantile
import pytest

from bench.scenarios.raster import races

IDS = {race.id: race for race in races()}


def test_rows_have_the_agreed_identifiers():
    assert list(IDS) == ["crop-256-cold", "warp-256-cold"]


def test_the_crop_asks_each_block_of_512_pixels_once():
    asked = IDS["crop-256-cold"].requests
    assert {(one.x // 2, one.y // 2) for one in asked} == {
        (x, y)
        for x in range(asked[0].x // 32 * 16, asked[0].x // 32 * 16 + 16)
        for y in range(asked[0].y // 32 * 16, asked[0].y // 32 * 16 + 16)
    }
    assert len(asked) == 256


def test_the_crop_lies_in_the_tile_of_level_14_around_the_place():
    inside = morecantile.tms.get("WebMercatorQuad").tile(4.85, 45.75, 14)
    assert {(one.x // 32, one.y // 32, one.z) for one in IDS["crop-256-cold"].requests} == {(inside.x, inside.y, 19)}


@pytest.mark.parametrize("race", races(), ids=list(IDS))
def test_a_cold_race_times_no_tile_twice_nor_one_it_warmed(race):
    assert len(set(race.requests)) == len(race.requests) == 256
    assert not set(race.requests) & set(race.warmup)


def test_warped_tiles_lie_within_the_orthophotograph():
    from pyproj import Transformer

    mercator = Transformer.from_crs("EPSG:2154", "EPSG:3857", always_xy=True)
    tms = morecantile.tms.get("WebMercatorQuad")
    west, south, east, north = tms.xy_bounds(tms.tile(4.85, 45.75, 14))
    for one in IDS["warp-256-cold"].requests:
        for col, row in ((0, 0), (1, 0), (0, 1), (1, 1)):
            x, y = mercator.transform((one.x + col) * 51.2, 12_000_000 - (one.y + row) * 51.2)
            assert west < x < east
            assert south < y < north
