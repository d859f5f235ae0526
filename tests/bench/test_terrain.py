import morecantile
import pytest

from bench.relief import write_heights
from bench.terrain import ramp_colours, relief_box, relief_tiles, shown_limits
from tests.tiler.raster.tiffs import photo


def test_the_relief_fills_the_tile_of_level_13_around_the_place():
    grid = morecantile.tms.get("WebMercatorQuad")
    assert relief_box() == pytest.approx(tuple(grid.xy_bounds(grid.tile(4.85, 45.75, 13))), abs=1e-3)
    inside = grid.tile(4.85, 45.75, 13)
    asked = relief_tiles("hillshade")
    assert {(one.x // 16, one.y // 16, one.z, one.style) for one in asked} == {(inside.x, inside.y, 17, "hillshade")}
    assert len(set(asked)) == 256


def test_the_ramp_goes_from_lowland_green_to_summit_white(tmp_path):
    path = tmp_path / "h.tif"
    heights = photo(512, 512, 1)[0].astype("float32")
    write_heights(path, heights, crs="EPSG:3857", west=1000.0, north=9000.0, cell_size=1.0, block=512)
    low, high = shown_limits(path)
    assert heights.min() <= low < high <= heights.max()
    colours = ramp_colours(path)
    assert (len(colours), colours[0], colours[-1]) == (256, (70, 120, 86, 255), (250, 250, 252, 255))
