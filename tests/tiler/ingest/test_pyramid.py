"""tiler.ingest.pyramid: tiers of levels and shards of tiles, by arithmetic on the tile matrix sets."""

import pytest

from core.errors import InputRefused
from tiler.ingest.pyramid import Shard, Tier, cut_tiers, extent_of, finest_level, parents_of, shards_of, tiles_over
from tiler.ingest.raster_input import RasterInput
from tiler.matrix import tile_bounds, tile_matrix_set, tile_matrix_sets

WORLD = 4e7


def raster(west, south, east, north):
    return RasterInput(
        path="/a.tif", crs="EPSG:4326", gcps=False, width=10, height=10, dtypes=("uint8",), nodata=None, alpha=0,
        palette={}, bbox=(west, south, east, north),
    )  # fmt: skip


def tiers_of(name, level, extent=WORLD):
    tms = tile_matrix_set(name)
    return cut_tiers(tms, tms.by_id[level], extent)


def ids(tiers):
    return [[matrix.id for matrix in tier.matrices] for tier in tiers]


def test_five_levels_that_double_are_a_tier():
    assert ids(tiers_of("PM", "12")) == [["12", "11", "10", "9", "8"], ["7", "6", "5", "4", "3"], ["2", "1", "0"]]


@pytest.mark.parametrize("tms", sorted(set(tile_matrix_sets()) - {"WebMercatorQuad"}))
def test_every_level_of_every_set_is_in_one_tier_and_doubles_there(tms):
    matrices = tile_matrix_set(tms).matrices
    tiers = cut_tiers(tile_matrix_set(tms), matrices[-1], 1e9)
    assert [matrix.id for tier in tiers for matrix in tier.matrices] == [matrix.id for matrix in reversed(matrices)]
    for tier in tiers:
        assert len(tier.matrices) <= 5
        first = tier.matrices[0]
        for step, matrix in enumerate(tier.matrices):
            assert matrix.cell_size == pytest.approx(first.cell_size * 2**step, rel=1e-6)
            assert (matrix.origin_x, matrix.origin_y) == (first.origin_x, first.origin_y)


def test_scales_that_do_not_double_are_tiers_of_their_own():
    levels = tile_matrix_set("2975_1M_MNT").matrices
    assert levels[-2].cell_size / levels[-1].cell_size != 2
    assert len(ids(tiers_of("2975_1M_MNT", levels[-1].id))[0]) == 1


def test_a_layer_of_a_few_pixels_needs_no_coarser_tier():
    cell = tile_matrix_set("PM").by_id["8"].cell_size
    assert len(tiers_of("PM", "12", 64 * cell)) == 1
    assert len(tiers_of("PM", "12", 65 * cell)) == 2


@pytest.mark.parametrize(("tms", "level", "place"), [("PM", "14", (520, 370)), ("2154_10cm", "18", (3, 700))])
def test_the_edges_of_a_shard_are_edges_of_sixteen_tiles(tms, level, place):
    tier = tiers_of(tms, level)[0]
    west, south, east, north = Shard(tier, *place).bounds
    first = tile_bounds(tier.matrices[0], 16 * place[0], 16 * place[1])
    last = tile_bounds(tier.matrices[0], 16 * place[0] + 15, 16 * place[1] + 15)
    assert (west, north) == pytest.approx((first[0], first[3]))
    assert (east, south) == pytest.approx((last[2], last[1]))


def test_shards_are_those_that_an_input_meets_each_with_its_inputs_in_order():
    tier = tiers_of("PM", "14")[0]
    side = 360 / 2**14 * 16
    inputs = (
        raster(0.1 * side, -0.5 * side, 1.5 * side, -0.1 * side),
        raster(1.2 * side, -0.3 * side, 1.3 * side, -0.2 * side),
    )
    places = {(col - 512, row - 512): found for (col, row), found in shards_of(tier, inputs).items()}
    assert places == {(0, 0): (0,), (1, 0): (0, 1)}


def test_files_of_very_different_resolution_are_refused_before_anything_is_begun():
    with pytest.raises(InputRefused, match="level 21"):
        shards_of(tiers_of("PM", "21")[0], (raster(-170, -80, 170, 80),))


def test_an_input_beyond_the_crs_is_refused():
    tms = tile_matrix_set("2154_10cm")
    with pytest.raises(InputRefused, match=r"a\.tif"):
        extent_of(tms, (raster(3, -91, 4, -90.5),))


def test_the_parent_of_a_shard_covers_thirty_two_of_them():
    fine, coarse, *_ = tiers_of("PM", "14")
    children = [Shard(fine, col, row) for col, row in [(0, 0), (31, 31), (32, 0), (100, 63)]]
    parents = parents_of(coarse, children)
    assert {place: [(child.col, child.row) for child in below] for place, below in parents.items()} == {
        (0, 0): [(0, 0), (31, 31)],
        (1, 0): [(32, 0)],
        (3, 1): [(100, 63)],
    }


def test_the_tiles_of_a_parent_are_those_over_its_children():
    fine, coarse, *_ = tiers_of("PM", "14")
    children = [Shard(fine, col, row) for col, row in [(32, 0), (33, 1), (63, 31)]]
    assert list(tiles_over(Shard(coarse, 1, 0), children)) == [(0, 0), (15, 15)]


def test_where_scales_do_not_double_tiles_reach_over_the_edges_of_shards():
    tms = tile_matrix_set("2975_1M_MNT")
    tiers = cut_tiers(tms, tms.matrices[-1], 1e7)
    fine, coarse = tiers[0], tiers[1]
    child = Shard(fine, 1, 0)
    (parent,) = parents_of(coarse, [child])
    tiles = list(tiles_over(Shard(coarse, *parent), [child]))
    cell = coarse.matrices[0].cell_size * 256
    west, south, east, north = child.bounds
    box = Shard(coarse, *parent).bounds
    expected = {
        (col, row)
        for col in range(16)
        for row in range(16)
        if box[0] + col * cell < east and west < box[0] + (col + 1) * cell
        and box[3] - row * cell > south and north > box[3] - (row + 1) * cell
    }  # fmt: skip
    assert set(tiles) == expected


def test_the_finest_level_is_the_nearest_in_size(tmp_path):
    import numpy as np
    import rasterio
    from rasterio.transform import from_origin

    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, width=10, height=10, dtype="uint8", crs="EPSG:2154",
        transform=from_origin(700_000, 6_600_000, 0.25, 0.25),
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, 10, 10), np.uint8))
    from tiler.ingest.raster_input import look_at

    one = look_at(str(path), "")
    assert finest_level(tile_matrix_set("2154_25cm"), [one]).cell_size == pytest.approx(0.25)
    assert finest_level(tile_matrix_set("2154_10cm"), [one]).cell_size == pytest.approx(0.2)


def test_a_tier_can_be_sent_to_a_worker():
    import pickle

    tier = tiers_of("PM", "14")[0]
    assert pickle.loads(pickle.dumps(tier)) == tier
    assert isinstance(tier, Tier)
