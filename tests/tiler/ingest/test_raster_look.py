"""tiler.ingest.raster_look: our own directories tell what rasterio tells, for thousands of files."""

import pytest
import rasterio

from core.errors import InputRefused
from tests.tiler.raster.tiffs import photo, write_cog, write_tiff
from tiler.ingest import raster_look
from tiler.ingest.raster_look import look_at_all

LAMBERT = {"cell": 0.2, "crs": "EPSG:2154"}


def test_what_is_kept_of_a_file_is_what_gdal_sees(tmp_path, monkeypatch):
    monkeypatch.setattr(raster_look, "_AT_A_TIME", 2)
    paths = [
        str(write_cog(tmp_path / f"{number}.tif", photo(300, 500), west=7e5 + 100 * number, north=6.6e6, **LAMBERT,
                      BLOCKSIZE=128, nodata=0))
        for number in range(5)
    ]  # fmt: skip
    told = []
    looked = look_at_all(paths, "", told.append)
    assert told == [2, 4, 5]
    assert [one.path for one in looked] == paths
    for one in looked:
        with rasterio.open(one.path) as dataset:
            assert one.box == pytest.approx(tuple(dataset.bounds))
            assert (one.cell_x, one.cell_y) == pytest.approx(dataset.res)
            assert (one.width, one.height, one.bands) == (dataset.width, dataset.height, dataset.count)
            assert (one.dtype, one.nodata, one.alpha) == (dataset.dtypes[0], dataset.nodata, False)
            assert one.reductions == len(dataset.overviews(1))
            assert one.crs == "EPSG:2154"


def test_a_file_of_another_kind_is_named(tmp_path):
    one = write_cog(tmp_path / "one.tif", photo(200, 200), **LAMBERT, BLOCKSIZE=128)
    grey = write_cog(tmp_path / "grey.tif", photo(200, 200, 1), **LAMBERT, BLOCKSIZE=128)
    with pytest.raises(InputRefused, match=r"grey\.tif has other bands or another CRS than one\.tif"):
        look_at_all([str(one), str(grey)], "", lambda _: None)


def test_a_crs_given_in_other_words_is_the_same(tmp_path):
    wkt = rasterio.crs.CRS.from_epsg(2154).to_wkt()
    assert raster_look._is_same("EPSG:2154", wkt)
    assert not raster_look._is_same("EPSG:2154", "EPSG:3857")


@pytest.mark.parametrize("content", [b"", b"II*\0", b"GIF89a" * 10], ids=["empty", "cut", "gif"])
def test_what_is_no_tiff_is_refused(tmp_path, content):
    path = tmp_path / "bad.tif"
    path.write_bytes(content)
    with pytest.raises(InputRefused, match=r"bad\.tif cannot be stored as it is"):
        look_at_all([str(path)], "", lambda _: None)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputRefused, match=r"gone\.tif cannot be read"):
        look_at_all([str(tmp_path / "gone.tif")], "", lambda _: None)


def test_strips_are_refused_with_a_remedy(tmp_path):
    with pytest.raises(InputRefused, match="strips") as caught:
        look_at_all([str(write_tiff(tmp_path / "s.tif", photo(300, 300), **LAMBERT))], "", lambda _: None)
    assert "--as-is" in caught.value.remedy
