"""tiler.ingest.raster_folder: GeoTIFFs of a folder by name, and a word on what is left out."""

import pytest

from core.errors import InputRefused
from core.job import Notice
from tiler.ingest.raster_folder import list_rasters


def test_a_folder_stands_for_the_geotiffs_in_it(tmp_path):
    for name in ("b.tif", "a.TIFF", "c.tif", ".hidden.tif", "a.tfw", "c.tif.aux.xml", "readme.txt"):
        (tmp_path / name).touch()
    told = []
    found = list_rasters(["/x/first.tif", str(tmp_path)], told.append)
    assert found == ("/x/first.tif", *(str(tmp_path / name) for name in ("a.TIFF", "b.tif", "c.tif")))
    assert told == [Notice(f"left out of {tmp_path.name}, as no GeoTIFF: a.tfw, c.tif.aux.xml, readme.txt")]


def test_very_many_other_files_are_told_in_one_line(tmp_path):
    (tmp_path / "a.tif").touch()
    for number in range(100):
        (tmp_path / f"{number:03}.tfw").touch()
    told = []
    list_rasters([str(tmp_path)], told.append)
    assert told[0].message.endswith("000.tfw, 001.tfw, 002.tfw, 003.tfw, 004.tfw and 95 more")


def test_a_folder_without_geotiffs_is_refused(tmp_path):
    (tmp_path / "a.jp2").touch()
    with pytest.raises(InputRefused, match="holds no GeoTIFF"):
        list_rasters([str(tmp_path)], print)
