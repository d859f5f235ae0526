import pyarrow.parquet as pq
import shapely

from bench.buildings import ATTRIBUTES, draw_buildings, prepare_buildings
from tiler.ingest.vector_input import look_at


def test_buildings_are_valid_polygons_of_four_to_eight_corners():
    polygons = draw_buildings(5_000)
    assert shapely.is_valid(polygons).all()
    corners = shapely.get_num_coordinates(polygons) - 1
    assert (corners.min(), corners.max()) == (4, 8)


def test_buildings_do_not_overlap():
    polygons = draw_buildings(5_000)
    tree = shapely.STRtree(polygons)
    one, other = tree.query(polygons, predicate="overlaps")
    assert len(one) == len(other) == 0


def test_the_file_is_geoparquet_with_the_attributes_and_written_once(tmp_path):
    said = []
    path = prepare_buildings(tmp_path, said.append, 1_000)
    written = path.stat().st_mtime_ns
    assert prepare_buildings(tmp_path, said.append, 1_000).stat().st_mtime_ns == written
    assert said == ["drawing 1,000 buildings"]
    table = pq.read_table(path)
    assert table.num_rows == 1_000
    assert tuple(table.column_names[:6]) == ATTRIBUTES
    assert len(set(table["cleabs"].to_pylist())) == 1_000
    assert 0 < table["nombre_d_etages"].null_count < 1_000
    assert look_at(str(path), None, "").crs.to_epsg() == 2154
