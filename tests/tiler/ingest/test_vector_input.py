"""tiler.ingest.vector_input: what is taken, and what is refused with a reason."""

import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from pyproj import CRS

from core.errors import InputRefused
from tiler.ingest.vector_input import look_at, read_batches
from tiler.vector.geoparquet import KEY, encode_geo


def write(path, *, count=3, layer=None, crs="EPSG:2154", encoding="UTF-8", nom="Évry", **options):
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(shapely.Point(652_000 + n, 6_862_000)) for n in range(count)], dtype=object),
        field_data=[np.array([nom] * count, dtype=object)],
        fields=["nom"],
        geometry_type="Point",
        crs=crs,
        encoding=encoding,
        layer=layer,
        append=layer is not None and path.exists(),
        **options,
    )
    return str(path)


def names(path, *, layer="", crs=""):
    batches = read_batches(look_at(path, layer, crs), 2)
    return [value for batch, _ in batches for value in batch.column("nom").to_pylist()]


@pytest.mark.parametrize("ending", ["gpkg", "shp", "fgb", "gml"])
def test_the_usual_formats_are_read(tmp_path, ending):
    path = write(tmp_path / f"a.{ending}")
    source = look_at(path, "", "")
    assert source.crs.equals(CRS(2154), ignore_axis_order=True)
    assert names(path) == ["Évry"] * 3
    assert [len(geometries) for _, geometries in read_batches(source, 2)] == [2, 1]


def test_a_csv_with_columns_of_coordinates_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("nom;code;lon;lat\nÉvry;01001;2.43;48.62\n")
    source = look_at(str(path), "", "EPSG:4326")
    [(batch, [point])] = read_batches(source, 10)
    assert (point.x, point.y) == (2.43, 48.62)
    assert batch.to_pylist() == [{"nom": "Évry", "code": "01001"}]


def test_a_csv_with_wkt_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('nom,geom\nÉvry,"LINESTRING(0 0,1 1)"\n')
    [(_, [line])] = read_batches(look_at(str(path), "", "EPSG:4326"), 10)
    assert line.wkt == "LINESTRING (0 0, 1 1)"


@pytest.mark.parametrize(
    ("written", "declared", "told"),
    [("UTF-8", "UTF-8", False), ("UTF-8", None, False), ("cp1252", "UTF-8", True), ("cp1252", None, True),
     ("cp1252", "1252", False), ("UTF-8", "1252", True)],
)  # fmt: skip
def test_accents_of_a_shapefile_survive_a_wrong_declaration(tmp_path, written, declared, told):
    path = write(tmp_path / "a.shp", encoding=written)
    (tmp_path / "a.cpg").unlink()
    if declared:
        (tmp_path / "a.cpg").write_text(declared)
    assert names(path) == ["Évry"] * 3
    assert bool(look_at(path, "", "").notices) == told


def test_geoparquet_is_read_without_the_boxes_that_repeat_it(tmp_path):
    geo = encode_geo(column="g", covering="box", crs=CRS(2154), geometry_types=("Point",), bbox=(0, 0, 1, 1))
    box = {"xmin": 0.0, "ymin": 0.0, "xmax": 1.0, "ymax": 1.0}
    table = pa.table({"nom": ["Évry"], "g": [shapely.to_wkb(shapely.Point(1, 1))], "box": [box]})
    pq.write_table(table.replace_schema_metadata({KEY: geo}), tmp_path / "a.parquet")
    source = look_at(str(tmp_path / "a.parquet"), "", "")
    assert [field.name for field in source.fields] == ["nom"]
    assert source.crs == CRS(2154)
    [(_, [point])] = read_batches(source, 10)
    assert point == shapely.Point(1, 1)


def test_a_layer_is_chosen_by_its_name(tmp_path):
    path = tmp_path / "a.gpkg"
    write(path, layer="routes", nom="r")
    write(path, layer="communes", nom="c")
    assert names(str(path), layer="communes") == ["c"] * 3
    with pytest.raises(InputRefused, match=r"2 layers: routes, communes.*--layer routes"):
        look_at(str(path), "", "")
    with pytest.raises(InputRefused, match=r"no layer 'ponts'.*routes, communes"):
        look_at(str(path), "ponts", "")


def test_the_only_layer_with_geometries_is_taken(tmp_path):
    path = tmp_path / "a.gpkg"
    write(path, layer="communes")
    pyogrio.raw.write(
        path, geometry=None, field_data=[np.array([1])], fields=["n"], geometry_type=None, layer="table", append=True
    )
    assert look_at(str(path), "", "").layer == "communes"


def test_a_file_is_chosen_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("b", "c"):
            archive.write(write(tmp_path / f"{name}.gpkg", nom=name), f"d/{name}.gpkg")
    assert names(str(tmp_path / "a.zip"), layer="c") == ["c"] * 3
    with pytest.raises(InputRefused, match=r"holds 2 files: b, c.*--layer b"):
        look_at(str(tmp_path / "a.zip"), "", "")


@pytest.mark.parametrize("ending", ["zip", "ZIP"])
def test_a_shapefile_cut_in_a_zip_is_refused(tmp_path, ending):
    shp = tmp_path / "a.shp"
    write(shp, count=500)
    shp.write_bytes(shp.read_bytes()[:5_000])
    with zipfile.ZipFile(tmp_path / f"a.{ending}", "w") as archive:
        for part in ("shp", "shx", "dbf", "prj"):
            archive.write(tmp_path / f"a.{part}", f"a.{part}")
    with pytest.raises(InputRefused, match="announces 14,100 bytes and has 5,000"):
        look_at(str(tmp_path / f"a.{ending}"), "", "")


def test_without_a_crs_one_is_asked_for(tmp_path):
    path = write(tmp_path / "a.shp")
    (tmp_path / "a.prj").unlink()
    with pytest.raises(InputRefused, match=r"has no CRS.*--crs EPSG:2154"):
        look_at(path, "", "")
    assert look_at(path, "", "EPSG:3857").crs == CRS(3857)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.geojson", b'{"type": "FeatureCollection", "features": [{"type"', "cannot be read"),
        ("a.gpkg", b"not a database", "cannot be read"),
        ("a.shp", b"\0" * 50, "cannot be read"),
        ("a.xyz", b"hello", "cannot be read"),
        ("a.csv", b"nom,n\nx,1\n", "has no geometry"),
        ("a.parquet", b"PAR1", "cannot be read"),
        ("a.zip", b"PK", "not a zip"),
        ("a.gml", b"<OGRVRTDataSource><OGRVRTLayer name='l'/></OGRVRTDataSource>", "only points to other data"),
    ],
)
def test_what_is_no_vector_file_is_refused_in_one_line(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputRefused, match=reason) as refused:
        look_at(str(tmp_path / name), "", "EPSG:4326")
    assert "\n" not in refused.value.message
    assert name in refused.value.message
    assert refused.value.remedy


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InputRefused, match="does not exist"):
        look_at(str(tmp_path / "a.gpkg"), "", "")


def test_a_crs_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputRefused, match="EPSG:0 is not usable"):
        look_at(write(tmp_path / "a.gpkg"), "", "EPSG:0")


@pytest.mark.parametrize("ending", ["shp", "fgb"])
def test_a_truncated_file_is_refused_not_shortened(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    write(path, count=500, nom="x" * 50)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(InputRefused):
        list(read_batches(look_at(str(path), "", ""), 100))
