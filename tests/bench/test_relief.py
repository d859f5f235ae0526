import numpy as np
import rasterio

from bench.relief import CELL_M, draw_relief, write_heights


def test_the_same_seed_draws_the_same_relief():
    np.testing.assert_array_equal(draw_relief(512), draw_relief(512))


def test_slopes_are_those_of_hills():
    heights = draw_relief(1024)
    south, east = np.gradient(heights.astype(np.float64), CELL_M)
    slopes = np.degrees(np.arctan(np.hypot(south, east)))
    assert heights.dtype == np.float32
    assert 5 < np.median(slopes) < 35
    assert slopes.max() < 80


def test_heights_are_kept_to_a_centimetre(tmp_path):
    heights = draw_relief(1024)
    write_heights(tmp_path / "r.tif", heights, crs="EPSG:3857", west=1000.0, north=9000.0, cell_size=1.0, block=512)
    with rasterio.open(tmp_path / "r.tif") as dataset:
        assert dataset.bounds == (1000.0, 9000.0 - 1024.0, 2024.0, 9000.0)
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.compression.name == "lerc_zstd"
        assert np.abs(dataset.read(1) - heights).max() <= 0.0101
