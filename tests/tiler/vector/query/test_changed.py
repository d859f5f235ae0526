"""Queries of a layer that has changed since its file was written, against the features themselves."""

import random

import msgspec
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from core.changes import Change, Changes
from core.errors import Conflict, NotFound
from tests.tiler.vector.query.ground import Asking, features, store_of
from tests.tiler.vector.query.test_pages import ids
from tiler.vector.query.pages import Query
from tiler.vector.query.selection import Order

COUNT = 90


def changed(seed, edits):
    """Return a store and its source, changes, and what the features are then, by id."""
    rows = features(COUNT, seed=2)
    store, source = store_of(rows)
    now = dict(enumerate(rows))
    chance, fresh, changes = random.Random(seed), iter(features(edits, seed=seed)), []
    for _ in range(edits):
        row = next(fresh)
        what = chance.choice(("add", "put", "remove"))
        number = max(now) + 1 if what == "add" else chance.choice(sorted(now))
        if what == "remove" and len(now) > 1:
            del now[number]
            changes.append(Change(number, b"", {}))
            continue
        now[number] = row
        given = {key: value for key, value in row.items() if key in {"n", "h", "name", "ok"}}
        now[number] = {"n": None, "name": None} | given | {"geometry": row["geometry"]}
        changes.append(Change(number, shapely.to_wkb(row["geometry"]), given))
    half = len(changes) // 2
    parts = (Changes("d", 1, tuple(changes[:half])), Changes("d", half + 1, tuple(changes[half:])))
    return store, msgspec.structs.replace(source, features=COUNT), parts, now


async def all_pages(queries, source, query, changes, limit):
    token, found = "", []
    while True:
        page = await queries.page(source, query, limit=limit, token=token, changes=changes)
        found += ids(page)
        token = page.next
        if not token:
            return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 120))
async def test_pages_filters_boxes_and_orders_see_the_changes(seed, edits):
    store, source, changes, now = changed(seed, edits)
    window = shapely.box(602_000, 6_800_000, 605_000, 6_800_700)
    with Asking(store) as queries:
        assert await all_pages(queries, source, Query(), changes, 17) == sorted(now)
        expected = sorted(number for number, row in now.items() if row["n"] is not None and row["n"] > 1)
        assert await all_pages(queries, source, Query(filter="n > 1"), changes, 5) == expected
        inside = sorted(number for number, row in now.items() if row["geometry"].intersects(window))
        asked = Query(bbox="602000,6800000,605000,6800700", bbox_crs="EPSG:2154")
        assert await all_pages(queries, source, asked, changes, 9) == inside
        by_name = Query(sort_by=(Order("n"),), properties=("name",))
        ordered = sorted(now, key=lambda number: (now[number]["n"] is None, now[number]["n"] or 0, number))
        assert await all_pages(queries, source, by_name, changes, 33) == ordered
        assert await queries.count(source, Query(), changes) == len(now)
        assert await queries.count(source, asked, changes) == len(inside)


async def test_a_feature_is_given_as_it_is_now():
    store, source = store_of(features(30))
    figure = shapely.box(1, 2, 3, 4)
    changes = (
        Changes("d", 1, (Change(4, shapely.to_wkb(figure), {"name": "neuf"}), Change(5, b"", {}))),
        Changes("d", 3, (Change(33, shapely.to_wkb(figure), {"name": "ajouté"}),)),
    )
    with Asking(store) as queries:
        found = await queries.feature(source, 4, changes=changes)
        assert found["name"].to_pylist() == ["neuf"]
        assert found["n"].to_pylist() == [None]
        assert shapely.from_wkb(found["geometry"][0].as_py()).equals(figure)
        assert (await queries.feature(source, 33, changes=changes))["name"].to_pylist() == ["ajouté"]
        for number in (5, 31):
            with pytest.raises(NotFound, match=f"no feature {number} any more"):
                await queries.feature(source, number, changes=changes)
        with pytest.raises(NotFound, match="ids are 0 to 33"):
            await queries.feature(source, 34, changes=changes)


async def test_pages_go_on_over_a_change_and_sorted_ones_begin_anew():
    store, source = store_of(features(30))
    one = (Changes("d", 1, (Change(20, b"", {}),)),)
    with Asking(store) as queries:
        first = await queries.page(source, Query(), limit=20)
        rest = await queries.page(source, Query(), limit=20, token=first.next, changes=one)
        assert ids(rest) == list(range(21, 30))
        by = Query(sort_by=(Order("n"),))
        first = await queries.page(source, by, limit=20)
        with pytest.raises(Conflict):
            await queries.page(source, by, limit=20, token=first.next, changes=one)


async def test_a_stream_has_the_changes():
    store, source = store_of(features(30))
    changes = (Changes("d", 1, (Change(2, b"", {}), Change(40, shapely.to_wkb(shapely.Point(1, 1)), {"n": 4}))),)
    with Asking(store) as queries:
        _, tables = await queries.stream(source, Query(), changes)
        numbers = [number async for table in tables for number in table["__row"].to_pylist()]
    assert numbers == [*range(2), *range(3, 30), 40]
