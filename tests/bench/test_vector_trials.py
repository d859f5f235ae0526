"""What the trials of the vector scenario run, on small sources."""

import mapbox_vector_tile
import pytest
from pyproj import Transformer

from bench import freshness, many_features
from bench.buildings import middles, prepare_buildings
from bench.compare_tiles import feature_difference
from bench.low_zooms import draw_all
from bench.many_features import open_many, write_many
from bench.memory import parse_status
from bench.plain_tiles import PlainLayer
from bench.source_build import build_apart
from core.errors import Unavailable
from tiler.matrix import tile_at, tile_bounds, tile_matrix_set
from tiler.vector.layer import TileSource
from tiler.vector.stored import open_levels, open_values
from tiler.vector.tile import encode_tile


def test_memory_is_read_from_the_lines_of_proc():
    text = "Name:\tpython\nVmPeak:\t  9000 kB\nVmHWM:\t  700 kB\nVmRSS:\t  500 kB\nRssAnon:\t  300 kB\n"
    found = parse_status(text)
    assert (found.rss_bytes, found.own_bytes, found.peak_bytes) == (500 * 1024, 300 * 1024, 700 * 1024)


def test_a_source_is_built_apart_and_drawn_at_low_levels(tmp_path, monkeypatch):
    parquet = prepare_buildings(tmp_path, lambda _: None, 2_000)
    built = build_apart(parquet, tmp_path / "built")
    assert built.wall_s > 0
    assert built.own_bytes >= built.before_bytes > 0
    drawn = draw_all(tmp_path / "built")
    assert {one.request.z for one in drawn} == set(range(11))
    assert all(one.draw_ms > 0 for one in drawn)
    assert max(one.size for one in drawn) > 0


def test_a_file_that_cannot_be_built_says_why(tmp_path):
    (tmp_path / "no.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(Unavailable, match=r"no\.parquet could not be built"):
        build_apart(tmp_path / "no.parquet", tmp_path / "built")


def test_squares_are_found_where_they_were_written(tmp_path):
    write_many(tmp_path, 40, 30)
    opened = open_many(tmp_path, tiles=4)
    assert opened.features == 1_200
    assert opened.tiles >= 1
    grid, levels = open_levels(tmp_path / many_features._SHAPES)
    source = TileSource(grid, levels, open_values(tmp_path / many_features._VALUES))
    box = levels[0].tree[-1]
    # corner of the first square, and the far side of the last: 8000 cells apart, 1200 wide
    assert box.tolist() == [
        50_000_000,
        -600_000_000,
        50_000_000 + 39 * 8_000 + 1_200,
        -600_000_000 + 29 * 8_000 + 1_200,
    ]
    matrix = tile_matrix_set("PM").by_id["10"]
    side = 4096 << 10
    col, row = int(box[0]) // side + matrix.width // 2, int(box[1]) // side + matrix.height // 2
    data = encode_tile(source, "many", bounds=tile_bounds(matrix, col, row), crs=grid.crs)
    (layer,) = mapbox_vector_tile.decode(data).values()
    assert len(layer["features"]) == 1_200


@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")  # the encoder's own
def test_the_plain_way_draws_the_same_features_as_ours(tmp_path):
    parquet = prepare_buildings(tmp_path, lambda _: None, 1_600)
    build_apart(parquet, tmp_path / "built")
    grid, levels = open_levels(tmp_path / "built.0.shapes.arrow")
    source = TileSource(grid, levels, open_values(tmp_path / "built.values.arrow"))
    x, y = Transformer.from_crs("EPSG:2154", "EPSG:3857", always_xy=True).transform(*middles(1_600)[0])
    matrix = tile_matrix_set("PM").by_id["14"]
    col, row = tile_at(matrix, x, y)
    ours = encode_tile(source, "any", bounds=tile_bounds(matrix, col, row), crs="EPSG:3857")
    assert feature_difference(ours, PlainLayer(parquet, "EPSG:2154").encode(14, col, row), "cleabs") <= 0.01


@pytest.mark.xdist_group("changes")
def test_freshness_is_that_of_changes_through_the_whole_platform(tmp_path, monkeypatch):
    monkeypatch.setattr(freshness, "prepare_buildings", lambda folder, say: prepare_buildings(folder, say, 2_000))
    monkeypatch.setattr(freshness, "middles", lambda: middles(2_000))
    monkeypatch.setattr(freshness, "_TURNS", 2)
    figure = freshness.run(tmp_path / "vector" / "geopf", lambda _: None)
    assert figure.value is not None
    assert 0.0 < figure.value < 30.0
    assert "median of 2 changes" in figure.note
    assert "on another host" in figure.note
