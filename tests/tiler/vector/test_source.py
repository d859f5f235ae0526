"""tiler.vector.source: layers are opened once, copied while there is room, and refused when they cannot be."""

import asyncio
import datetime as dt
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import CRS, Transformer

from core.errors import BadSource
from core.layer import VectorSource
from tests.doubles import MemoryStore
from tests.tiler.vector.sources import published
from tiler.vector import source as vector_source
from tiler.vector.geoparquet import KEY, encode_geo
from tiler.vector.source import VectorSources
from tiler.vector.values import decode_values


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


async def open_of(sources, source, crs):
    """Return what tiles of a layer are drawn from."""
    found, settled = await sources.get(published(source), crs)
    assert settled
    return found


def shapes_of(opened):
    return opened.levels[0].shapes


def rows_of(opened):
    keys, codes = opened.values.keys, opened.values.codes.tolist()
    return [dict(zip(keys, decode_values(opened.values, row), strict=True)) for row in codes]


@pytest.fixture
def sources(store, tmp_path):
    return VectorSources(store, tmp_path / "copies", 1 << 30)


async def test_geometries_lose_their_z_and_attributes_follow(store, sources):
    store.objects["a.parquet"] = parquet(POINTS, nom=["é", None, "à"])
    opened = await open_of(sources, source(), "EPSG:2154")
    x, y = Transformer.from_crs("EPSG:2154", "EPSG:3857", always_xy=True).transform([1, 4, 7], [2, 5, 8])
    cell = 2 * 20037508.342789244 / 2**32
    np.testing.assert_array_equal(shapes_of(opened).vertices, np.rint(np.column_stack([x, -np.array(y)]) / cell))
    assert rows_of(opened) == [{"nom": "é"}, {"nom": None}, {"nom": "à"}]


async def test_values_become_what_a_tile_can_hold(store, sources):
    store.objects["a.parquet"] = parquet(
        POINTS[:1],
        day=[dt.date(2024, 2, 29)],
        time=[dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC)],
        tags=[["a", "é"]],
        raw=[b"\x00"],
        small=pa.array([0.1], pa.float32()),
        whole=[-(2**62)],
        yes=[True],
    )
    values = rows_of(await open_of(sources, source(), "EPSG:3857"))[0]
    assert values.pop("time").startswith("2024-02-29T12:30:00")
    assert values == {"day": "2024-02-29", "tags": '["a","é"]', "small": 0.1, "whole": -(2**62), "yes": True}


async def test_callers_at_the_same_time_share_one_opening(store, sources):
    first, *others = await asyncio.gather(*(open_of(sources, source(), "EPSG:3857") for _ in range(20)))
    assert all(other is first for other in others)
    assert [call for call in store.calls if call[0] == "head"] == [("head", "a.parquet")]


async def test_a_caller_that_goes_away_does_not_stop_the_opening(sources):
    gone = asyncio.create_task(open_of(sources, source(), "EPSG:3857"))
    staying = asyncio.create_task(open_of(sources, source(), "EPSG:3857"))
    await asyncio.sleep(0)
    gone.cancel()
    assert shapes_of(await staying).count == 3


async def test_copies_stay_within_their_bytes_and_what_is_open_stays_open(store, tmp_path):
    folder = tmp_path / "copies"
    sources = VectorSources(store, folder, 30_000)
    opened = [await open_of(sources, source(f"{name}.parquet"), "EPSG:3857") for name in "abc"]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 30_000
    assert [shapes_of(one).count for one in opened] == [3, 3, 3]


async def test_a_copy_is_used_again_by_the_next_engine(store, tmp_path):
    await open_of(VectorSources(store, tmp_path, 1 << 30), source(), "EPSG:3857")
    store.calls.clear()
    await open_of(VectorSources(store, tmp_path, 1 << 30), source(), "EPSG:3857")
    assert store.calls == []


async def test_a_failure_is_not_kept(store, sources):
    with pytest.raises(BadSource, match=r"d\.parquet is not in the object store"):
        await open_of(sources, source("d.parquet"), "EPSG:3857")
    store.objects["d.parquet"] = store.objects["a.parquet"]
    assert shapes_of(await open_of(sources, source("d.parquet"), "EPSG:3857")).count == 3


async def test_a_file_that_an_engine_will_not_prepare_is_refused(sources, monkeypatch):
    monkeypatch.setattr(vector_source, "MAX_FILE_BYTES", 100)
    with pytest.raises(BadSource, match="ingest the layer again"):
        await open_of(sources, source(), "EPSG:3857")


async def test_a_file_larger_than_all_copies_is_refused_before_it_is_read(store, tmp_path):
    with pytest.raises(BadSource, match="GEOPF_VECTOR_CACHE_BYTES"):
        await open_of(VectorSources(store, tmp_path, 100), source(), "EPSG:3857")
    assert {what for what, _ in store.calls} == {"head"}


@pytest.mark.parametrize("cut", [10, 200, -1])
async def test_a_damaged_file_is_a_bad_source(store, sources, cut):
    store.objects["a.parquet"] = parquet(POINTS)[:cut]
    with pytest.raises(BadSource, match="cannot be read"):
        await open_of(sources, source(), "EPSG:3857")


async def test_a_parquet_file_without_geo_metadata_is_a_bad_source(store, sources):
    file = io.BytesIO()
    pq.write_table(pa.table({"geom": [b""]}), file)
    store.objects["a.parquet"] = file.getvalue()
    with pytest.raises(BadSource, match="geo"):
        await open_of(sources, source(), "EPSG:3857")
