"""tiler.vector.source: layers are loaded once, kept while there is room, and refused when they cannot be."""

import asyncio
import datetime as dt
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import CRS

from core.errors import BadSource, ObjectNotFound
from core.layer import VectorSource
from tests.doubles import MemoryStore
from tiler.vector import source as vector_source
from tiler.vector.geoparquet import KEY, encode_geo
from tiler.vector.source import VectorSources, load_vectors


def parquet(geometries, **columns):
    geo = encode_geo(column="geom", covering="box", crs=CRS(2154), geometry_types=("Point Z",), bbox=(0, 0, 9, 9))
    box = [{"xmin": 0.0, "ymin": 0.0, "xmax": 9.0, "ymax": 9.0}] * len(geometries)
    wkb = shapely.to_wkb(np.array(geometries, dtype=object), output_dimension=3)
    table = pa.table({**columns, "geom": pa.array(wkb, pa.binary()), "box": pa.array(box)})
    file = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({KEY: geo}), file, row_group_size=2)
    return file.getvalue()


def source(href="a.parquet"):
    return VectorSource(href=href, geometry_column="geom", crs="EPSG:2154", fields={})


POINTS = [shapely.Point(1, 2, 3), shapely.Point(4, 5, 6), shapely.Point(7, 8, 9)]


@pytest.fixture
def store():
    store = MemoryStore()
    for name in "abc":
        store.objects[f"{name}.parquet"] = parquet(POINTS, n=[1, 2, 3])
    return store


def test_geometries_lose_their_z_and_attributes_follow():
    loaded = load_vectors(parquet(POINTS, nom=["é", None, "à"]), source(), max_bytes=1 << 30)
    assert [g.wkt for g in loaded.geometries] == ["POINT (1 2)", "POINT (4 5)", "POINT (7 8)"]
    assert loaded.bounds.tolist() == [[1, 2, 1, 2], [4, 5, 4, 5], [7, 8, 7, 8]]
    assert loaded.attributes.to_pydict() == {"nom": ["é", None, "à"]}
    assert loaded.tree.query(shapely.box(3, 3, 6, 6)).tolist() == [1]


def test_values_become_what_a_tile_can_hold():
    data = parquet(
        POINTS[:1],
        day=[dt.date(2024, 2, 29)],
        time=[dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC)],
        tags=[["a", "é"]],
        raw=[b"\x00"],
        small=pa.array([0.1], pa.float32()),
    )
    values = load_vectors(data, source(), max_bytes=1 << 30).attributes.to_pylist()[0]
    assert values.pop("time").startswith("2024-02-29T12:30:00")
    assert values == {"day": "2024-02-29", "tags": '["a","é"]', "small": 0.1}


async def test_callers_at_the_same_time_share_one_load(store):
    sources = VectorSources(store, 1 << 30)
    first, *others = await asyncio.gather(*(sources.get(source()) for _ in range(20)))
    assert all(other is first for other in others)
    assert [call for call in store.calls if call[0] == "get"] == [("get", "a.parquet")]


async def test_a_caller_that_goes_away_does_not_stop_the_load(store):
    sources = VectorSources(store, 1 << 30)
    gone = asyncio.create_task(sources.get(source()))
    staying = asyncio.create_task(sources.get(source()))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await staying).attributes.num_rows == 3


async def test_the_least_recently_asked_is_given_up(store):
    size = load_vectors(store.objects["a.parquet"], source(), max_bytes=1 << 30).size
    sources = VectorSources(store, size * 5 // 2)
    for name in ("a", "b", "a", "c", "a", "b"):
        await sources.get(source(f"{name}.parquet"))
    assert [key for what, key in store.calls if what == "get"] == ["a.parquet", "b.parquet", "c.parquet", "b.parquet"]
    assert sources.taken <= size * 5 // 2


async def test_a_failure_is_not_kept(store):
    sources = VectorSources(store, 1 << 30)
    with pytest.raises(ObjectNotFound):
        await sources.get(source("d.parquet"))
    store.objects["d.parquet"] = store.objects["a.parquet"]
    assert (await sources.get(source("d.parquet"))).attributes.num_rows == 3


async def test_a_file_over_the_bound_is_refused_before_it_is_read(store, monkeypatch):
    monkeypatch.setattr(vector_source, "MAX_FILE_BYTES", 100)
    with pytest.raises(BadSource, match="cut the layer"):
        await VectorSources(store, 1 << 30).get(source())
    assert ("get", "a.parquet") not in store.calls


async def test_a_file_that_would_not_fit_in_memory_is_refused_from_its_footer(store):
    with pytest.raises(BadSource, match="GEOPF_VECTOR_CACHE_BYTES"):
        await VectorSources(store, 100).get(source())


@pytest.mark.parametrize("cut", [0, 10, 200, -1])
def test_a_damaged_file_is_a_bad_source(cut):
    with pytest.raises(BadSource, match=r"a\.parquet cannot be read"):
        load_vectors(parquet(POINTS)[:cut], source(), max_bytes=1 << 30)


def test_a_parquet_file_without_geo_metadata_is_a_bad_source():
    file = io.BytesIO()
    pq.write_table(pa.table({"geom": [b""]}), file)
    with pytest.raises(BadSource, match="geo"):
        load_vectors(file.getvalue(), source(), max_bytes=1 << 30)
