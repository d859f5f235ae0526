import numpy as np
import rasterio

from bench.ortho import draw_ortho, write_cog


def test_the_same_seed_draws_the_same_picture():
    np.testing.assert_array_equal(draw_ortho(512), draw_ortho(512))
    assert (draw_ortho(512, seed=8) != draw_ortho(512)).any()


def test_a_picture_has_the_relief_of_a_photograph():
    picture = draw_ortho(1024)
    assert picture.shape == (3, 1024, 1024)
    assert all(20 < band.std() < 80 for band in picture)


def test_the_cog_is_placed_tiled_and_compressed_as_asked(tmp_path):
    picture = draw_ortho(1024)
    path = tmp_path / "ortho.tif"
    write_cog(path, picture, crs="EPSG:3857", west=1000.0, north=9000.0, cell_size=0.5, block=512)
    with rasterio.open(path) as dataset:
        assert dataset.bounds == (1000.0, 9000.0 - 512.0, 1000.0 + 512.0, 9000.0)
        assert dataset.block_shapes == [(512, 512)] * 3
        assert dataset.compression.name == "jpeg"
        assert dataset.overviews(1) == [2]
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert np.abs(dataset.read().astype(int) - picture).mean() < 6
    assert [one.name for one in tmp_path.iterdir()] == ["ortho.tif"]
