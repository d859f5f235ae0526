"""Answers read back by programs that share nothing with us."""

import csv as plain_csv
import io
import json
import math
from datetime import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from pyproj import CRS, Transformer

from core.errors import Unavailable
from tests.tiler.vector.query.ground import Asking, features, store_of
from tiler.vector.query.answer import Target, csv, geojson
from tiler.vector.query.files import as_file
from tiler.vector.query.pages import Query
from tiler.vector.query.reference import CRS84, parse_reference, stored_crs

ROWS = features(300, seed=7)
WAY = Transformer.from_crs(2154, 4326, always_xy=True)
TOWER = shapely.from_wkt("POLYGON Z ((600000 6800000 5, 600000 6800010 5, 600010 6800010 6, 600000 6800000 5))")


async def written(form, rows=ROWS, crs=CRS84, query=None, **options):
    store, source = store_of(rows, **options)
    target = Target(geometry="geometry", stored=stored_crs(source.crs), reference=parse_reference(crs))
    with Asking(store) as queries:
        schema, tables = await queries.stream(source, query or Query())
        if form == "geojson":
            pieces = geojson(tables, target)
        elif form == "csv":
            pieces = csv(tables, schema, target)
        else:
            pieces = as_file(form, tables, schema, target, queries.writing)
        return b"".join([piece async for piece in pieces])


def degrees(geometry):
    return shapely.transform(geometry, lambda points: np.column_stack(WAY.transform(*points.T)))


async def test_geojson_has_longitudes_ids_and_rings_against_the_clock():
    document = json.loads(await written("geojson"))
    assert document["type"] == "FeatureCollection"
    assert [one["id"] for one in document["features"]] == list(range(300))
    for row, feature in zip(ROWS, document["features"], strict=True):
        shape = shapely.geometry.shape(feature["geometry"])
        assert shapely.equals_exact(shapely.normalize(shape), shapely.normalize(degrees(row["geometry"])), 1e-9)
        assert shape.exterior.is_ccw
        given = feature["properties"]
        assert list(given) == ["n", "big", "h", "f", "name", "ok", "day", "at"]
        for name in ("n", "big", "h", "name", "ok"):
            assert given[name] == row[name]
        assert given["f"] == row["f"]
        assert given["day"] == (row["day"] and row["day"].isoformat())
        assert given["at"] == (row["at"] and row["at"].strftime("%Y-%m-%dT%H:%M:%S.000Z"))


async def test_texts_have_the_axis_order_of_the_crs():
    document = json.loads(await written("geojson", ROWS[:1], "EPSG:4326"))
    lat, lon = document["features"][0]["geometry"]["coordinates"][0][0]
    assert 48 < lat < 49
    assert 1 < lon < 2
    table = list(plain_csv.reader(io.StringIO((await written("csv", ROWS[:1], "EPSG:4326")).decode())))
    lat, lon = shapely.from_wkt(table[1][-1]).exterior.coords[0]
    assert 48 < lat < 49
    assert 1 < lon < 2


async def test_geojson_in_the_crs_of_the_layer_is_exact_and_keeps_heights():
    rows = [{**ROWS[0], "geometry": TOWER}]
    document = json.loads(await written("geojson", rows, "EPSG:2154"))
    shape = shapely.geometry.shape(document["features"][0]["geometry"])
    assert shape.has_z
    assert shapely.normalize(shape) == shapely.normalize(TOWER)
    assert {point[2] for point in shape.exterior.coords} == {5.0, 6.0}


async def test_a_stream_without_features_is_a_whole_answer():
    nothing = Query(filter="n = 77")
    assert json.loads(await written("geojson", query=nothing))["features"] == []
    assert len((await written("csv", query=nothing)).splitlines()) == 1
    parquet = pq.read_table(pa.BufferReader(await written("geoparquet", query=nothing)))
    assert parquet.num_rows == 0
    assert pyogrio.read_arrow(await written("flatgeobuf", query=nothing))[1].num_rows == 0


async def test_csv_is_read_back_by_the_standard_library():
    text = (await written("csv", crs="EPSG:2154")).decode()
    rows = list(plain_csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 300
    for number, (row, given) in enumerate(zip(ROWS, rows, strict=True)):
        assert given["id"] == str(number)
        assert given["name"] == (row["name"] or "")
        assert given["n"] == ("" if row["n"] is None else str(row["n"]))
        assert shapely.from_wkt(given["geometry"]) == row["geometry"]


async def test_flatgeobuf_is_read_back_by_gdal():
    data = await written("flatgeobuf", crs="EPSG:2154")
    info = pyogrio.read_info(data)
    assert CRS.from_user_input(info["crs"]).equals(CRS.from_epsg(2154), ignore_axis_order=True)
    assert info["features"] == 300
    _, table = pyogrio.read_arrow(data)
    rows = sorted(table.to_pylist(), key=lambda row: row["id"])
    geometry = next(name for name in table.column_names if "geom" in name)
    for number, (row, given) in enumerate(zip(ROWS, rows, strict=True)):
        assert given["id"] == number
        assert shapely.from_wkb(given[geometry]) == row["geometry"]
        for name in ("n", "big", "h", "name", "ok"):
            assert given[name] == row[name]


async def test_geoparquet_is_valid_and_holds_what_was_asked():
    data = await written("geoparquet", crs=CRS84, query=Query(filter="n > 0", properties=("name",)))
    expected = [i for i, row in enumerate(ROWS) if row["n"] is not None and row["n"] > 0]
    file = pq.ParquetFile(pa.BufferReader(data))
    table = file.read()
    assert table["id"].to_pylist() == expected
    assert table["name"].to_pylist() == [ROWS[i]["name"] for i in expected]
    geo = json.loads(file.metadata.metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["primary_column"] == "geometry"
    column = geo["columns"]["geometry"]
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["Polygon"]
    assert CRS.from_user_input(column["crs"]).is_geographic
    shapes = shapely.from_wkb(table["geometry"].to_numpy())
    assert np.allclose(column["bbox"], shapely.total_bounds(shapes))
    boxes = [tuple(box[corner] for corner in ("xmin", "ymin", "xmax", "ymax")) for box in table["bbox"].to_pylist()]
    assert boxes == [shape.bounds for shape in shapes]
    for i, shape in zip(expected, shapes, strict=True):
        assert shapely.equals_exact(shapely.normalize(shape), shapely.normalize(degrees(ROWS[i]["geometry"])), 1e-9)


async def test_numbers_that_are_none_are_missing():
    rows = [{**ROWS[0], "h": math.nan}, {**ROWS[1], "h": math.inf}]
    document = json.loads(await written("geojson", rows))
    assert [one["properties"]["h"] for one in document["features"]] == [None, None]


@pytest.mark.parametrize("form", ["flatgeobuf", "geoparquet"])
async def test_the_file_aside_is_taken_away_even_when_nobody_reads_to_the_end(form, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store, source = store_of(ROWS)
    target = Target(geometry="geometry", stored=stored_crs(source.crs), reference=parse_reference(CRS84))
    with Asking(store) as queries:
        schema, tables = await queries.stream(source, Query())
        pieces = as_file(form, tables, schema, target, queries.writing)
        assert await anext(pieces)
        assert list(tmp_path.iterdir())
        await pieces.aclose()
    assert not list(tmp_path.iterdir())


ODD = pa.schema(
    [
        ("l", pa.list_(pa.int32())),
        ("d", pa.dictionary(pa.int32(), pa.string())),
        ("dec", pa.decimal128(10, 2)),
        ("u8", pa.uint64()),
        ("i1", pa.int8()),
        ("id", pa.string()),
        ("long", pa.large_string()),
        ("ts", pa.timestamp("ns")),
    ]
)


@pytest.mark.parametrize("form", ["geojson", "csv", "flatgeobuf", "geoparquet"])
async def test_attributes_of_odd_types_are_in_every_form(form):
    first = {"l": [1, 2], "d": "x", "dec": Decimal("1.50"), "u8": 1 << 63, "i1": -3, "id": "A", "long": "é"}
    place = {"geometry": ROWS[0]["geometry"]}
    rows = [first | {"ts": datetime(2020, 1, 1)} | place, dict.fromkeys(ODD.names) | place]  # noqa: DTZ001 - a local time
    data = await written(form, rows, schema=ODD)
    if form == "geojson":
        found = [one["properties"] for one in json.loads(data)["features"]]
    elif form == "csv":
        found = list(plain_csv.DictReader(io.StringIO(data.decode())))
    elif form == "flatgeobuf":
        found = sorted(pyogrio.read_arrow(data)[1].to_pylist(), key=lambda row: row["long"] is None)
    else:
        found = pq.read_table(pa.BufferReader(data)).to_pylist()
    assert [row["long"] or None for row in found] == ["é", None]
    assert float(found[0]["dec"]) == 1.5
    assert float(found[0]["u8"]) == float(1 << 63)
    assert int(found[0]["i1"]) == -3
    assert found[0]["d"] == "x"


@pytest.mark.parametrize("form", ["geojson", "flatgeobuf", "geoparquet"])
async def test_a_store_that_fails_in_the_middle_is_said_to_fail(form, monkeypatch):
    async def failing(*_, **__):
        raise Unavailable("the store is away")

    store, source = store_of(ROWS)
    target = Target(geometry="geometry", stored=stored_crs(source.crs), reference=parse_reference(CRS84))
    with Asking(store) as queries:
        schema, tables = await queries.stream(source, Query())
        monkeypatch.setattr(store, "get_range", failing)
        pieces = (
            geojson(tables, target) if form == "geojson" else as_file(form, tables, schema, target, queries.writing)
        )
        with pytest.raises(Unavailable, match="the store is away"):
            _ = [piece async for piece in pieces]
