"""tiler.ingest.vector: any vector file becomes a GeoParquet file on a Hilbert curve."""

import asyncio
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from pyproj import CRS, Transformer

from core.errors import InputRefused
from core.job import JobSpec, Limits, Notice, Progress
from tests.doubles import MemoryStore
from tests.tiler.vector.sources import published
from tiler.ingest import vector
from tiler.ingest.vector import ingest_vector, name_crs
from tiler.matrix import tile_bounds, tile_matrix_set
from tiler.vector.source import VectorSources
from tiler.vector.tile import encode_tile

DATA = Path(__file__).parents[4] / "shared" / "data" / "vector"
PARIS = np.array([652_000.0, 6_862_000.0])


def write(path, geometries, *, crs="EPSG:2154", kind="Unknown", layer=None, **fields):
    """Write a file by pyogrio, whose writer our reading shares nothing with."""
    pyogrio.raw.write(
        path,
        geometry=np.array(shapely.to_wkb(np.array(geometries, dtype=object)), dtype=object),
        field_data=[np.array(values) for values in fields.values()],
        fields=list(fields),
        geometry_type=kind,
        crs=crs,
        encoding="UTF-8",
        layer=layer,
        append=layer is not None and Path(path).exists(),
    )
    return str(path)


@pytest.fixture
def ingest(tmp_path):
    def run(*inputs, **spec):
        scratch = tmp_path / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        store, events = MemoryStore(), []
        result = ingest_vector(
            JobSpec(kind="vector", name="couche", inputs=inputs, prefix="data/1", scratch=str(scratch), **spec),
            events.append,
            store,
        )
        assert all(path.name.startswith("couche.") for path in scratch.iterdir())
        file = tmp_path / "result.parquet"
        file.write_bytes(store.objects[result.source.href])
        return result, file, events, store

    return run


def notices(events):
    return " / ".join(event.message for event in events if isinstance(event, Notice))


def stored(file):
    return shapely.from_wkb(pq.read_table(file).column("geometry").to_numpy())


def scattered(count, seed=0):
    return shapely.points(PARIS + np.random.default_rng(seed).uniform(-20_000, 20_000, (count, 2)))


def test_the_file_is_valid_geoparquet_1_1(tmp_path, ingest):
    areas = shapely.buffer(scattered(50), 100, quad_segs=2)
    result, file, _, _ = ingest(write(tmp_path / "a.gpkg", areas, kind="Polygon", nom=[f"É{n}" for n in range(50)]))
    parquet = pq.ParquetFile(file)
    geo = json.loads(parquet.schema_arrow.metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert geo["version"] == "1.1.0"
    assert geo["primary_column"] == result.source.geometry_column == "geometry"
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["Polygon"]
    assert CRS.from_json_dict(column["crs"]) == CRS(2154)
    table = parquet.read()
    boxes = np.array([list(box.values()) for box in table["bbox"].to_pylist()])
    np.testing.assert_array_equal(boxes, shapely.bounds(stored(file)))
    assert column["bbox"] == shapely.total_bounds(stored(file)).tolist()
    assert column["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    assert table.schema.field("bbox").type == pa.struct(
        [pa.field(corner, pa.float64(), nullable=False) for corner in ("xmin", "ymin", "xmax", "ymax")]
    )
    assert parquet.metadata.row_group(0).column(0).compression == "ZSTD"


def test_geometries_and_attributes_stay_together_along_the_curve(tmp_path, ingest):
    points = scattered(3_000)
    _, file, _, _ = ingest(write(tmp_path / "a.gpkg", points, kind="Point", n=np.arange(3_000)))
    table = pq.read_table(file)
    order = table["n"].to_numpy()
    assert shapely.equals(points[order], stored(file)).all()
    xy = shapely.get_coordinates(stored(file))
    steps = np.hypot(*np.diff(xy, axis=0).T)
    assert steps.mean() < 0.1 * np.hypot(*np.diff(shapely.get_coordinates(points), axis=0).T).mean()


def test_row_groups_are_bounded_in_rows_and_bytes(tmp_path, ingest, monkeypatch):
    monkeypatch.setattr(vector, "GROUP_ROWS", 1_000)
    monkeypatch.setattr(vector, "GROUP_BYTES", 21 * 900)
    _, file, _, _ = ingest(write(tmp_path / "a.gpkg", scattered(2_500), kind="Point"))
    metadata = pq.ParquetFile(file).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [900, 900, 700]


def test_heights_are_kept(tmp_path, ingest):
    points = [shapely.Point(652_000, 6_862_000, 35.5), shapely.Point(652_100, 6_862_000, -1)]
    result, file, _, _ = ingest(write(tmp_path / "a.gpkg", points, kind="Point Z"))
    geo = json.loads(pq.read_schema(file).metadata[b"geo"])["columns"]["geometry"]
    assert geo["geometry_types"] == ["Point Z"]
    assert geo["bbox"] == [652_000, 6_862_000, -1, 652_100, 6_862_000, 35.5]
    assert sorted(shapely.get_z(stored(file))) == [-1, 35.5]
    assert result.source.geometry_types == ("Point",)


def test_types_of_attributes_are_kept(tmp_path, ingest):
    path = tmp_path / "a.geojson"
    properties = {"jour": "2024-02-29", "liste": [1, 2], "objet": {"a": 1}, "oui": True, "n": 12345678901, "x": 0.5}
    feature = {"type": "Feature", "properties": properties, "geometry": {"type": "Point", "coordinates": [2, 48]}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    result, file, _, _ = ingest(str(path))
    schema = pq.read_schema(file)
    assert schema.field("jour").type == pa.date32()
    assert schema.field("n").type == pa.int64()
    assert result.source.fields == {
        "jour": "String", "liste": "String", "objet": "String", "oui": "Boolean", "n": "Number", "x": "Number",
    }  # fmt: skip
    assert result.srs == "EPSG:4326"
    assert result.sample == (2.0, 48.0)


def test_the_box_and_the_sample_are_in_degrees(tmp_path, ingest):
    areas = shapely.buffer(scattered(200), 300)
    result, _file, _, _ = ingest(write(tmp_path / "a.gpkg", areas, kind="Polygon"))
    way = Transformer.from_crs("EPSG:2154", "EPSG:4326", always_xy=True)
    lon, lat = way.transform(*shapely.get_coordinates(areas).T)
    west, south, east, north = result.bbox
    assert west <= lon.min() < lon.max() <= east
    assert south <= lat.min() < lat.max() <= north
    back = Transformer.from_crs("EPSG:4326", "EPSG:2154", always_xy=True).transform(*result.sample)
    assert shapely.dwithin(shapely.Point(back), areas, 0.01).any()


def test_the_sample_shows_data_at_every_level(tmp_path, ingest):
    areas = shapely.buffer(scattered(3_000), 10, quad_segs=1)
    result, _, _, store = ingest(write(tmp_path / "a.gpkg", areas, kind="Polygon"))
    sources = VectorSources(store, tmp_path / "copies", 1 << 30)
    vectors, _ = asyncio.run(sources.get(published(result.source), "EPSG:3857"))
    way = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True)
    x, y = way.transform(*result.sample)
    for zoom in range(result.source.min_zoom, result.source.max_zoom + 1):
        matrix = tile_matrix_set("PM").by_id[str(zoom)]
        side = matrix.cell_size * 256
        col, row = int((x - matrix.origin_x) // side), int((matrix.origin_y - y) // side)
        assert encode_tile(vectors, "l", bounds=tile_bounds(matrix, col, row), crs="EPSG:3857")


def test_several_files_are_one_layer_in_the_crs_of_the_first(tmp_path, ingest):
    way = Transformer.from_crs("EPSG:2154", "EPSG:4326", always_xy=True)
    first = write(tmp_path / "a.gpkg", [shapely.Point(PARIS)], kind="Point", nom=["a"], n=[1])
    lonlat = shapely.Point(way.transform(*(PARIS + 500)))
    second = write(tmp_path / "b.gpkg", [lonlat], crs="EPSG:4326", kind="Point", nom=["b"], n=[1.5], de_plus=[True])
    result, file, events, _ = ingest(first, second)
    rows = {row["nom"]: row for row in pq.read_table(file).to_pylist()}
    assert rows["a"]["de_plus"] is None
    assert rows["b"]["de_plus"] is True
    assert (rows["a"]["n"], rows["b"]["n"]) == (1.0, 1.5)
    moved = shapely.from_wkb(rows["b"]["geometry"])
    assert moved.distance(shapely.Point(PARIS + 500)) < 1e-3
    assert result.source.crs == "EPSG:2154"
    assert "b.gpkg is transformed" in notices(events)


def test_a_text_and_a_number_of_one_name_become_text(tmp_path, ingest):
    first = write(tmp_path / "a.gpkg", [shapely.Point(PARIS)], kind="Point", n=[1])
    second = write(tmp_path / "b.gpkg", [shapely.Point(PARIS)], kind="Point", n=["deux"])
    _, file, _, _ = ingest(first, second)
    assert sorted(pq.read_table(file)["n"].to_pylist()) == ["1", "deux"]


def test_attributes_may_have_the_names_of_our_columns(tmp_path, ingest):
    path = write(tmp_path / "a.gpkg", [shapely.Point(PARIS)], kind="Point", geometry=["g"], BBOX=["b"])
    result, file, _, _ = ingest(path)
    row = pq.read_table(file).to_pylist()[0]
    assert (row["geometry"], row["BBOX"]) == ("g", "b")
    assert result.source.geometry_column == "geometry_1"
    assert row["bbox_1"]["xmin"] == PARIS[0]


def test_missing_and_broken_geometries_are_told(tmp_path, ingest):
    bow_tie = shapely.Polygon(np.add(PARIS, [(0, 0), (10, 10), (10, 0), (0, 10)]))
    empty = shapely.Polygon()
    path = write(tmp_path / "a.gpkg", [bow_tie, empty, None, shapely.Point(PARIS).buffer(5)], kind="Unknown")
    result, file, events, _ = ingest(path)
    assert result.source.features == len(stored(file)) == 2
    assert shapely.is_valid(stored(file)).all()
    assert "2 features have no usable geometry" in notices(events)
    assert "1 areas were not valid" in notices(events)


def test_progress_grows_from_nothing_to_nearly_all(tmp_path, ingest):
    _, _, events, _ = ingest(write(tmp_path / "a.gpkg", scattered(40_000), kind="Point"))
    done = [event.done for event in events if isinstance(event, Progress)]
    assert done == sorted(done)
    assert done[0] == 0
    assert 0.9 < done[-1] <= 1
    assert len(done) >= 5


def test_a_layer_that_cannot_be_sorted_in_memory_is_refused(tmp_path, ingest):
    path = write(tmp_path / "a.gpkg", scattered(20_000), kind="Point")
    with pytest.raises(InputRefused, match="cannot be sorted"):
        ingest(path, limits=Limits(memory_bytes=1_000_000))


def test_metres_declared_as_degrees_are_refused(tmp_path, ingest):
    path = write(tmp_path / "a.gpkg", [shapely.Point(PARIS)], kind="Point")
    with pytest.raises(InputRefused, match=r"mean nothing .*--crs"):
        ingest(path, crs="EPSG:4326")


def test_an_empty_layer_is_refused(tmp_path, ingest):
    with pytest.raises(InputRefused, match="no feature"):
        ingest(write(tmp_path / "a.gpkg", [], kind="Point"))


def test_a_crs_is_named_by_the_code_that_says_the_same():
    assert name_crs(CRS(2154)) == "EPSG:2154"
    assert name_crs(CRS("OGC:CRS84")) == "OGC:CRS84"
    custom = CRS("+proj=laea +lat_0=12 +lon_0=34 +ellps=GRS80")
    assert CRS.from_user_input(name_crs(custom)).equals(custom, ignore_axis_order=True)


@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("bdtopo_sarthe/BATI_INDIFFERENCIE.shp", 4054),
        ("bdtopo_sarthe/ROUTE.shp", 1070),
        ("bdtopo_sarthe/SURFACE_EAU.shp", 133),
        ("bdtopo_sarthe/TRONCON_COURS_EAU.shp", 97),
        ("admin/departements.geojson", 96),
        ("fgb/countries.fgb", 179),
        ("gpkg/test_gpkg_nulls.gpkg", 4),
        ("gpkg/curvepolygon.gpkg", 1),
        ("plu_30014/30014_ZONE_URBA_20171013.shp", 90),
        ("misc/coutwildrnp.zip", 67),
    ],
)
@pytest.mark.filterwarnings("ignore:Measured:UserWarning")
def test_a_real_file_keeps_all_its_features(ingest, file, count):
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not beside the project")
    result, stored_file, _, _ = ingest(str(DATA / file))
    announced = pyogrio.read_info(DATA / file, force_feature_count=True)["features"]
    assert result.source.features == len(stored(stored_file)) == announced == count


def test_the_real_buildings_are_those_of_the_shapefile_in_lambert_93(ingest):
    path = DATA / "bdtopo_sarthe" / "BATI_INDIFFERENCIE.shp"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the project")
    result, file, _, _ = ingest(str(path))
    _, _, wkb, _ = pyogrio.raw.read(path, columns=[])
    original = shapely.from_wkb(wkb)
    assert result.source.crs == "EPSG:2154"
    assert shapely.area(stored(file)).sum() == pytest.approx(shapely.area(original).sum())
    assert shapely.has_z(stored(file)).all()


def test_a_zip_of_a_shapefile_is_read_with_its_accents(tmp_path, ingest):
    write(tmp_path / "communes.shp", [shapely.Point(PARIS)], kind="Point", nom=["Évry"])
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for part in ("shp", "shx", "dbf", "prj"):
            archive.write(tmp_path / f"communes.{part}", f"dossier/communes.{part}")
    _, file, _, _ = ingest(str(tmp_path / "c.zip"))
    assert pq.read_table(file)["nom"].to_pylist() == ["Évry"]


def test_features_at_the_origin_far_from_all_others_are_told_with_their_row(tmp_path, ingest):
    points = [*scattered(20), None, shapely.Point(0, 0), shapely.Point(0, 0)]
    result, file, events, _ = ingest(write(tmp_path / "a.gpkg", points, n=np.arange(23)))
    assert "2 features lie at the origin (0, 0), far from all others" in notices(events)
    assert "first feature 22 of those read" in notices(events)
    assert result.source.features == len(stored(file)) == 22
    _, _, events, _ = ingest(write(tmp_path / "b.gpkg", scattered(20)))
    assert "origin" not in notices(events)


def test_an_area_that_crosses_itself_without_end_is_left_out_and_told(tmp_path, ingest):
    corners = np.random.default_rng(1).uniform(-20_000, 20_000, (1000, 2))
    areas = [shapely.buffer(scattered(1)[0], 50), shapely.Polygon(PARIS + corners)]
    result, _, events, _ = ingest(write(tmp_path / "a.gpkg", areas, n=[1, 2]))
    assert result.source.features == 1
    assert "1 areas cross themselves too often to be mended and are left out, first feature 2" in notices(events)
