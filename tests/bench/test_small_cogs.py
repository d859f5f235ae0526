import pytest
import rasterio

from bench.small_cogs import SIDE_M, file_box, file_name, write_small_cogs


def test_every_file_is_a_cog_at_a_place_of_its_own(tmp_path):
    write_small_cogs(tmp_path / "many", 3, 2, lambda _: None)
    assert len(list((tmp_path / "many").iterdir())) == 6
    assert [one.name for one in tmp_path.iterdir()] == ["many"]
    for row in range(2):
        for col in range(3):
            with rasterio.open(tmp_path / "many" / file_name(col, row)) as dataset:
                assert tuple(dataset.bounds) == pytest.approx(file_box(col, row), abs=1e-6)
                assert (dataset.crs.to_epsg(), dataset.shape, dataset.count) == (2154, (256, 256), 3)
                assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                assert dataset.read().std() > 10


def test_files_lie_side_by_side():
    west, south, east, north = file_box(4, 7)
    assert (file_box(5, 7)[0], file_box(4, 8)[3]) == pytest.approx((east, south), abs=1e-6)
    assert (east - west, north - south) == pytest.approx((SIDE_M, SIDE_M), abs=1e-6)
