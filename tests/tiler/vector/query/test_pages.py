"""Pages of features against the features themselves."""

from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import Transformer

from core.directory import DirectoryStore
from core.errors import BadRequest, BadSource, Conflict, NotFound, TooLarge, Unavailable
from core.s3 import S3Store
from core.s3_settings import s3_settings
from tests.tiler.vector.query.ground import HREF, Asking, features, source_of, store_of, write
from tiler.vector.query.pages import Bounds, Query
from tiler.vector.query.selection import ROW, Order, parse_orders

ROWS = features(200)
L93 = "EPSG:2154"


def ids(page):
    return page.features[ROW].to_pylist()


async def all_pages(queries, source, query, limit):
    token, found = "", []
    while True:
        page = await queries.page(source, query, limit=limit, token=token)
        assert page.features.num_rows <= limit
        found += ids(page)
        token = page.next
        if not token:
            return found


async def test_pages_give_every_feature_once_in_the_order_of_the_file():
    store, source = store_of(ROWS)
    with Asking(store) as queries:
        assert await all_pages(queries, source, Query(), 7) == list(range(200))


async def test_the_last_full_page_has_no_next_one():
    store, source = store_of(ROWS)
    with Asking(store) as queries:
        assert (await queries.page(source, Query(), limit=200)).next == ""
        assert (await queries.page(source, Query(), limit=199)).next != ""


async def test_an_offset_passes_over_what_matches():
    store, source = store_of(ROWS)
    expected = [i for i, row in enumerate(ROWS) if row["n"] == 3]
    with Asking(store) as queries:
        page = await queries.page(source, Query(filter="n = 3"), limit=4, offset=5)
    assert ids(page) == expected[5:9]


@pytest.mark.parametrize("descending", [False, True])
async def test_sorted_pages_have_missing_values_last_and_ties_in_the_order_of_the_file(descending):
    present = sorted(
        (i for i in range(200) if ROWS[i]["n"] is not None), key=lambda i: ROWS[i]["n"], reverse=descending
    )
    expected = present + [i for i in range(200) if ROWS[i]["n"] is None]
    store, source = store_of(ROWS)
    with Asking(store) as queries:
        query = Query(sort_by=(Order("n", descending),), properties=("name",))
        assert await all_pages(queries, source, query, 33) == expected


async def test_a_bbox_gives_the_features_that_meet_it_and_not_only_their_boxes():
    rows = [{**ROWS[0], "geometry": shapely.Polygon([(0, 0), (100, 0), (0, 100)])}, {**ROWS[1]}]
    store, source = store_of(rows)
    with Asking(store) as queries:
        corner = await queries.page(source, Query(bbox="80,80,90,90", bbox_crs=L93))
        inside = await queries.page(source, Query(bbox="10,10,20,20", bbox_crs=L93))
    assert ids(corner) == []
    assert ids(inside) == [0]


async def test_a_bbox_in_degrees_is_that_in_the_crs_of_the_layer():
    way = Transformer.from_crs(2154, 4326, always_xy=True)
    west, south = way.transform(605_000, 6_799_000)
    east, north = way.transform(609_000, 6_802_000)
    figure = shapely.transform(
        shapely.segmentize(shapely.box(west, south, east, north), 1e-4),
        lambda points: np.column_stack(way.transform(*points.T, direction="INVERSE")),
    )
    expected = [i for i, row in enumerate(ROWS) if shapely.intersects(figure, row["geometry"])]
    assert 20 < len(expected) < 100
    store, source = store_of(ROWS)
    with Asking(store) as queries:
        lon_lat = Query(bbox=f"{west},{south},{east},{north}")
        lat_lon = Query(bbox=f"{south},{west},{north},{east}", bbox_crs="http://www.opengis.net/def/crs/EPSG/0/4326")
        for query in (lon_lat, lat_lon):
            assert ids(await queries.page(source, query, limit=200)) == expected
            assert await queries.count(source, query) == len(expected)


@pytest.mark.parametrize(
    ("crs", "bbox"),
    [
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "-180,-90,180,90"),
        ("EPSG:4326", "-90,-180,90,180"),
        ("EPSG:3857", "-20037508,-20037508,20037508,20037508"),
    ],
)
@pytest.mark.parametrize("layer_crs", [L93, "EPSG:32631", "EPSG:3857"])
async def test_a_bbox_of_the_world_holds_every_feature(crs, bbox, layer_crs):
    store, source = store_of(ROWS, crs=layer_crs)
    with Asking(store) as queries:
        assert await queries.count(source, Query(bbox=bbox, bbox_crs=crs)) == 200
        assert await queries.count(source, Query(bbox="100,-20,120,-10")) == 0


async def test_only_row_groups_that_may_match_are_read():
    rows = features(2000)
    store, source = store_of(rows, group_rows=100)
    size = len(store.objects[HREF])
    with Asking(store) as queries:
        await queries.count(source, Query())
        read = []
        inner = store.get_range

        async def counted(key, offset, length, **options):
            read.append(length)
            return await inner(key, offset, length, **options)

        store.get_range = counted
        page = await queries.page(source, Query(bbox="605000,6700000,605100,6900000", bbox_crs=L93), limit=100)
        assert 0 < page.features.num_rows < 10
        assert sum(read) < size / 5


async def test_a_feature_is_found_by_its_number():
    store, source = store_of(ROWS)
    with Asking(store) as queries:
        for number in (0, 19, 20, 199):
            table = await queries.feature(source, number, ("name",))
            assert table[ROW].to_pylist() == [number]
            assert table["name"].to_pylist() == [ROWS[number]["name"]]
            assert shapely.from_wkb(table["geometry"][0].as_py()) == ROWS[number]["geometry"]
        for number in (-1, 200, 1 << 70):
            with pytest.raises(NotFound, match="ids are 0 to 199"):
                await queries.feature(source, number)


async def test_properties_choose_the_attributes_and_their_order():
    store, source = store_of(ROWS)
    with Asking(store) as queries:
        page = await queries.page(source, Query(properties=("name", "h"), filter="ok = true"))
    assert page.features.column_names == ["name", "h", "geometry", ROW]


async def test_a_token_of_another_version_or_query_is_a_conflict():
    store, source = store_of(ROWS)
    with Asking(store) as queries:
        page = await queries.page(source, Query(), limit=5)
        with pytest.raises(Conflict, match="first page"):
            await queries.page(source, Query(filter="n = 1"), limit=5, token=page.next)
        store.objects.update(store_of(ROWS[:100])[0].objects)
        with pytest.raises(Conflict, match="first page"):
            await queries.page(source, Query(), limit=5, token=page.next)


@pytest.mark.parametrize("token", ["x", "é", "A" * 500, "W10", "W251bGwsbnVsbF0", "WyJhIiwtMV0"])
async def test_a_token_that_is_none_is_refused(token):
    store, source = store_of(ROWS)
    with Asking(store) as queries, pytest.raises(BadRequest, match="none of ours"):
        await queries.page(source, Query(), token=token)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (Query(bbox="1,2,3"), "four numbers"),
        (Query(bbox="1,2,nan,4"), "four numbers"),
        (Query(bbox="1,5,3,4"), "ends before it begins"),
        (Query(bbox="1,2,3,4", bbox_crs="EPSG:0"), "EPSG:0"),
        (Query(bbox="1,2,3,4", bbox_crs="EPSG:5720"), "EPSG:5720"),
        (Query(bbox="1,2,3,4", bbox_crs="file:///etc/passwd"), "passwd"),
        (Query(filter="size > 3"), "no property 'size'.*n, big, h"),
        (Query(filter="n = = 1"), "line 1, column 5"),
        (Query(filter="n = 'a'"), "cannot be compared"),
        (Query(filter="S_INTERSECTS(geometry, POINT(1 2))", filter_crs="EPSG:1"), "EPSG:1"),
        (Query(properties=("nom",)), "no property 'nom'"),
        (Query(sort_by=(Order("nom"),)), "no property 'nom'"),
    ],
)
async def test_a_query_that_cannot_be_understood_says_what_is_wrong(query, message):
    store, source = store_of(ROWS)
    with Asking(store) as queries, pytest.raises(BadRequest, match=message):
        await queries.page(source, query)


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (10_001, 0), (1, -1)])
async def test_a_page_out_of_bounds_is_refused(limit, offset):
    store, source = store_of(ROWS)
    with Asking(store) as queries, pytest.raises(BadRequest, match="out of bounds"):
        await queries.page(source, Query(), limit=limit, offset=offset)


async def test_a_query_that_reads_sorts_or_gives_too_much_is_refused():
    store, source = store_of(ROWS)
    with Asking(store, bounds=Bounds(read_bytes=1000)) as queries:
        with pytest.raises(TooLarge, match="1,000 are allowed"):
            await queries.count(source, Query(filter="n = 3"))
        with pytest.raises(TooLarge, match="1,000 are allowed"):
            await queries.stream(source, Query())
        with pytest.raises(TooLarge, match="1,000 are allowed"):
            await queries.page(source, Query(), limit=100)
    bounds = Bounds(sorted_features=100)
    with Asking(store, bounds=bounds) as queries, pytest.raises(TooLarge, match="sorts up to 200"):
        await queries.page(source, Query(sort_by=(Order("n"),)))
    with Asking(store, bounds=Bounds(page_bytes=1000)) as queries, pytest.raises(TooLarge, match="fewer features"):
        await queries.page(source, Query(), limit=100)


async def test_a_file_that_is_missing_or_none_is_said_to_be():
    store, source = store_of(ROWS)
    with Asking(store) as queries:
        store.objects[HREF] = b"PAR1 but not really"
        with pytest.raises(BadSource, match="cannot be read"):
            await queries.count(source, Query())
        store.objects.clear()
        with pytest.raises(BadSource, match="not in the store"):
            await queries.count(source, Query())


async def test_a_damaged_row_group_is_said_to_be():
    store, source = store_of(ROWS)
    data = bytearray(store.objects[HREF])
    data[4:2000] = b"\xff" * 1996
    store.objects[HREF] = bytes(data)
    with Asking(store) as queries, pytest.raises(BadSource, match="cannot be read"):
        await queries.page(source, Query(), limit=10)


async def test_a_folder_of_large_row_groups_is_read_by_many_at_once(tmp_path):
    import asyncio

    store = DirectoryStore(tmp_path / "store")
    rows = features(6000)
    write(tmp_path / "layer.parquet", rows, group_rows=6000)
    await store.put_file(HREF, tmp_path / "layer.parquet")
    expected = sum(row["n"] == 3 for row in rows)
    with Asking(store) as queries:
        async with asyncio.timeout(60):
            counts = await asyncio.gather(*(queries.count(source_of(), Query(filter="n = 3")) for _ in range(40)))
    assert set(counts) == {expected}


async def test_only_row_groups_whose_values_may_match_are_read():
    rows = [{**row, "big": number} for number, row in enumerate(features(1000))]
    store, source = store_of(rows, group_rows=100)
    with Asking(store) as queries:
        await queries.count(source, Query())
        before = len(store.calls)
        assert await queries.count(source, Query(filter="big > 1000")) == 0
        assert [call for call, _ in store.calls[before:]] == ["head"]
        assert await queries.count(source, Query(filter="big BETWEEN 150 AND 160")) == 11


async def test_a_store_that_fails_while_features_are_read_is_said_to_fail():
    store, source = store_of(ROWS)
    with Asking(store) as queries:
        await queries.count(source, Query())
        inner = store.get_range

        async def failing(*_, **__):
            raise Unavailable("the store is away")

        store.get_range = failing
        with pytest.raises(Unavailable, match="the store is away"):
            await queries.page(source, Query())
        store.get_range = inner
        assert (await queries.page(source, Query())).features.num_rows == 10


async def test_a_file_without_covering_and_statistics_is_searched_whole():
    store, source = store_of(ROWS)
    table = pq.read_table(pa.BufferReader(store.objects[HREF]))
    geo = table.schema.metadata[b"geo"].replace(b'"covering"', b'"other"')
    sink = pa.BufferOutputStream()
    bare = table.drop_columns(["bbox"]).replace_schema_metadata({b"geo": geo})
    pq.write_table(bare, sink, row_group_size=30, write_statistics=False)
    box = "605000,6799000,609000,6802000"
    with Asking(store) as queries:
        expected = ids(await queries.page(source, Query(bbox=box, bbox_crs=L93, filter="n > 0"), limit=200))
        store.objects[HREF] = sink.getvalue().to_pybytes()
        assert ids(await queries.page(source, Query(bbox=box, bbox_crs=L93, filter="n > 0"), limit=200)) == expected
    assert expected


def test_orders_are_read_with_their_signs():
    assert parse_orders("name,-height, +n") == (Order("name"), Order("height", descending=True), Order("n"))
    for text in ("", "-", "a,,b", ",".join("abcdefghi")):
        with pytest.raises(BadRequest, match="is no order"):
            parse_orders(text)


async def test_an_s3_bucket_is_read_by_ranges(swift):
    store = S3Store(swift.bucket, f"query/{uuid4()}", s3_settings(swift.environ()))
    memory, source = store_of(ROWS)
    try:
        await store.put(HREF, memory.objects[HREF])
        with Asking(store) as queries:
            found = ids(await queries.page(source, Query(filter="n = 3"), limit=200))
    finally:
        await store.close()
    assert found == [i for i, row in enumerate(ROWS) if row["n"] == 3]
