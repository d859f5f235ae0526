"""Filters against a plain evaluation of the same filters, feature by feature."""

import datetime as dt
import json
import math
import re

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import BadRequest
from tests.tiler.vector.query.ground import Asking, features, store_of
from tiler.vector.query.pages import Query
from tiler.vector.query.selection import ROW

ROWS = features(100, seed=4)
L93 = "EPSG:2154"
COMPARE = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


async def ask(rows, text, lang="cql2-text", **options):
    store, source = store_of(rows, **options)
    with Asking(store) as queries:
        query = Query(filter=text, filter_lang=lang, filter_crs=L93)
        page = await queries.page(source, query, limit=1000)
        assert await queries.count(source, query) == page.features.num_rows
        return page.features[ROW].to_pylist()


def where(test, rows=ROWS):
    return [i for i, row in enumerate(rows) if test(row)]


def has(name, test):
    return lambda row: row[name] is not None and test(row[name])


def neither(row):
    return (
        row["n"] is not None
        and row["name"] is not None
        and not (row["n"] == 1 or row["name"] == "Zoo")
        and row["h"] == 2.5
    )


CASES = [
    ("n = 3", has("n", lambda v: v == 3)),
    ("n <> 3", has("n", lambda v: v != 3)),
    ("3 > n", has("n", lambda v: v < 3)),
    ("n > 1.5", has("n", lambda v: v > 1.5)),
    ("h = 0.1", has("h", lambda v: v == 0.1)),
    ("f = 0.1", has("f", lambda v: v == 0.1)),
    ("f < 0.2", has("f", lambda v: v < 0.2)),
    ("n BETWEEN -1 AND 2", has("n", lambda v: -1 <= v <= 2)),
    ("n NOT BETWEEN -1 AND 2", has("n", lambda v: not -1 <= v <= 2)),
    ("n IN (1, 2, 1e30)", has("n", lambda v: v in {1, 2})),
    ("n NOT IN (1, 2)", has("n", lambda v: v not in {1, 2})),
    ("name IN ('mairie', 'Zoo')", has("name", lambda v: v in {"mairie", "Zoo"})),
    ("name IS NULL", lambda row: row["name"] is None),
    ("name IS NOT NULL AND n IS NULL", lambda row: row["name"] is not None and row["n"] is None),
    ("name = 'l''été'", has("name", lambda v: v == "l'été")),
    ("name > 'a'", has("name", lambda v: v > "a")),
    ("name LIKE '%i%'", has("name", lambda v: "i" in v)),
    ("name LIKE 'ligne_suite'", has("name", lambda v: v == "ligne\nsuite")),
    ("name LIKE ''", has("name", lambda v: v == "")),
    ("name NOT LIKE '%i%'", has("name", lambda v: "i" not in v)),
    ("CASEI(name) LIKE CASEI('%LE')", has("name", lambda v: v.lower().endswith("le"))),
    ("CASEI(name) = CASEI('zOO')", has("name", lambda v: v == "Zoo")),
    ("ACCENTI(name) LIKE ACCENTI('Egl%')", has("name", lambda v: v == "Église")),
    ("ok = true", has("ok", lambda v: v)),
    ("ok", has("ok", lambda v: v)),
    ("NOT ok", has("ok", lambda v: not v)),
    ("day > DATE('2020-01-03')", has("day", lambda v: v > dt.date(2020, 1, 3))),
    ("day = '2020-01-03'", has("day", lambda v: v == dt.date(2020, 1, 3))),
    (
        "at >= TIMESTAMP('2020-01-02T02:00:00+01:00')",
        has("at", lambda v: v >= dt.datetime(2020, 1, 2, 1, tzinfo=dt.UTC)),
    ),
    ("n + 1 > n * 2", has("n", lambda v: v + 1 > v * 2)),
    ("-n = 3", has("n", lambda v: v == -3)),
    ("6 / n = 3", has("n", lambda v: v == 2)),
    ("n / 0 > 1", lambda row: False),
    ("n % 2 = 1", has("n", lambda v: math.fmod(v, 2) == 1)),
    ("n DIV 2 = -1", has("n", lambda v: math.trunc(v / 2) == -1)),
    ("n ^ 2 = 9", has("n", lambda v: v * v == 9)),
    ("n < h", lambda row: row["n"] is not None and row["h"] is not None and row["n"] < row["h"]),
    ("true", lambda row: True),
    ("false OR n = 1", has("n", lambda v: v == 1)),
    ("NOT (n = 1 OR name = 'Zoo') AND h = 2.5", neither),
]


@pytest.mark.parametrize(("text", "test"), CASES, ids=[text for text, _ in CASES])
async def test_a_filter_gives_the_features_of_which_it_holds(text, test):
    assert await ask(ROWS, text) == where(test)


async def test_whole_numbers_in_json_are_exact():
    node = {"op": "=", "args": [{"property": "big"}, (1 << 60) + 1]}
    assert await ask(ROWS, json.dumps(node), "cql2-json") == where(lambda row: row["big"] == (1 << 60) + 1)


async def test_numbers_beyond_all_bounds_are_compared():
    node = {"op": "<", "args": [{"property": "n"}, 10**400]}
    assert await ask(ROWS, json.dumps(node), "cql2-json") == where(has("n", lambda v: True))
    node = {"op": "<", "args": [{"property": "n"}, -(10**400)]}
    assert await ask(ROWS, json.dumps(node), "cql2-json") == []


FIGURE = shapely.Polygon([(601_000, 6_800_000), (604_000, 6_800_100), (604_000, 6_801_000), (602_000, 6_800_700)])
SAME = ROWS[30]["geometry"]


@pytest.mark.parametrize("figure", [FIGURE, SAME, shapely.LineString([(600_000, 6_800_500), (609_000, 6_800_600)])])
@pytest.mark.parametrize(
    "name", ["intersects", "disjoint", "within", "contains", "equals", "touches", "crosses", "overlaps"]
)
async def test_places_are_compared_as_shapely_does(name, figure):
    test = getattr(shapely, name)
    expected = where(lambda row: bool(test(row["geometry"], figure)))
    assert await ask(ROWS, f"S_{name.upper()}(geometry, {figure.wkt})") == expected
    mirrored = where(lambda row: bool(test(figure, row["geometry"])))
    assert await ask(ROWS, f"S_{name.upper()}({figure.wkt}, geometry)") == mirrored
    node = {"op": f"s_{name}", "args": [{"property": "geometry"}, json.loads(shapely.to_geojson(figure))]}
    assert await ask(ROWS, json.dumps(node), "cql2-json") == expected


async def test_a_box_is_a_figure():
    box = (602_000, 6_800_000, 603_000, 6_800_500)
    expected = where(lambda row: shapely.intersects(row["geometry"], shapely.box(*box)))
    assert await ask(ROWS, f"S_INTERSECTS(geometry, BBOX({','.join(map(str, box))}))") == expected
    assert expected


NAMES = {"n": "number", "h": "number", "name": "text", "ok": "boolean"}
VALUES = {
    "number": st.sampled_from([-1, 0, 1, 2, 3, 0.1, 2.5]),
    "text": st.sampled_from(["Église", "", "Zoo", "a_b", "it's"]),
    "boolean": st.booleans(),
}


def comparisons():
    def of(name):
        kind = NAMES[name]
        operators = ["=", "<>"] if kind == "boolean" else list(COMPARE)
        compared = st.tuples(st.just("compare"), st.sampled_from(operators), st.just(name), VALUES[kind])
        listed = st.tuples(st.just("in"), st.just(name), st.lists(VALUES[kind], min_size=1, max_size=3))
        missing = st.tuples(st.just("null"), st.just(name))
        likes = st.tuples(st.just("like"), st.just("name"), st.text("aoZ_%é", max_size=4))
        return st.one_of(compared, listed, missing, likes)

    return st.sampled_from(sorted(NAMES)).flatmap(of)


FILTERS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), inner, inner),
        st.tuples(st.just("not"), inner),
    ),
    max_leaves=6,
)


def literal(value):
    if isinstance(value, bool):
        return str(value).lower()
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def as_text(tree):
    match tree:
        case ("compare", operator, name, value):
            return f"{name} {operator} {literal(value)}"
        case ("in", name, values):
            return f"{name} IN ({', '.join(map(literal, values))})"
        case ("null", name):
            return f"{name} IS NULL"
        case ("like", name, pattern):
            return f"{name} LIKE {literal(pattern)}"
        case ("not", inner):
            return f"NOT ({as_text(inner)})"
        case (operator, left, right):
            return f"({as_text(left)}) {operator.upper()} ({as_text(right)})"


def as_json(tree):
    match tree:
        case ("compare", operator, name, value):
            return {"op": operator, "args": [{"property": name}, value]}
        case ("in", name, values):
            return {"op": "in", "args": [{"property": name}, values]}
        case ("null", name):
            return {"op": "isNull", "args": [{"property": name}]}
        case ("like", name, pattern):
            return {"op": "like", "args": [{"property": name}, pattern]}
        case ("not", inner):
            return {"op": "not", "args": [as_json(inner)]}
        case (operator, left, right):
            return {"op": operator, "args": [as_json(left), as_json(right)]}


def holds(tree, row):
    """True, False, or None when it cannot be said (three-valued logic of SQL)."""
    match tree:
        case ("compare", operator, name, value):
            return None if row[name] is None else COMPARE[operator](row[name], value)
        case ("in", name, values):
            return None if row[name] is None else row[name] in values
        case ("null", name):
            return row[name] is None
        case ("like", name, pattern):
            form = "".join({"%": ".*", "_": "."}.get(one, re.escape(one)) for one in pattern)
            return None if row[name] is None else bool(re.fullmatch(form, row[name], re.DOTALL))
        case ("not", inner):
            found = holds(inner, row)
            return None if found is None else not found
        case ("and", left, right):
            sides = {holds(left, row), holds(right, row)}
            return False if False in sides else None if None in sides else True
        case ("or", left, right):
            sides = {holds(left, row), holds(right, row)}
            return True if True in sides else None if None in sides else False


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=FILTERS, seed=st.integers(0, 1000), group_rows=st.integers(1, 30))
async def test_any_filter_in_both_languages_gives_what_a_plain_evaluation_gives(tree, seed, group_rows):
    rows = features(40, seed)
    expected = where(lambda row: holds(tree, row) is True, rows)
    assert await ask(rows, as_text(tree), group_rows=group_rows) == expected
    assert await ask(rows, json.dumps(as_json(tree)), "cql2-json", group_rows=group_rows) == expected


@pytest.mark.parametrize(
    ("lang", "text", "message"),
    [
        ("cql2-text", "n", "not a condition"),
        ("cql2-text", "POINT(1 2)", "no part of a filter"),
        ("cql2-text", "foo(n) = 1", "'foo' gives no value"),
        ("cql2-text", "S_FOO(geometry, POINT(1 2))", "known are s_intersects"),
        ("cql2-text", "S_WITHIN(name, POINT(1 2))", "one side has to be the geometry"),
        ("cql2-text", "S_WITHIN(geometry, 'here')", "no geometry"),
        ("cql2-text", "S_WITHIN(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))", "Self-intersection"),
        ("cql2-text", "name LIKE n", "LIKE compares a text"),
        ("cql2-text", "ok < true", "no order"),
        ("cql2-text", "day > DATE('2020-13-01')", "not a date"),
        ("cql2-text", "n + name = 1", "wants number"),
        ("cql2-text", "(" * 20_000, "bytes"),
        ("cql2-text", "(" * 5000 + "n = 1" + ")" * 5000, "too deeply"),
        ("cql2-text", "not " * 4000 + "n = 1", "too deeply"),
        ("cql2-text", "n = " + "-" * 16_000 + "1", "too deeply"),
        ("cql2-text", "n = 1 and", "line 1, column"),
        ("cql2-json", "[1", "not CQL2 JSON"),
        ("cql2-text", "n = 1 \0", "no text"),
        ("cql2-text", "name = '\ud800'", "no text"),
        (
            "cql2-json",
            '{"op": "s_within", "args": [{"property": "geometry"}, {"bbox": [1, 2, 1%s, 4]}]}' % ("0" * 400),
            "no geometry",
        ),
        ("cql2-json", "3", "no part of a filter"),
        ("cql2-json", '{"op": "and", "args": []}', "joins nothing"),
        ("cql2-json", '{"op": "not", "args": []}', "0 arguments"),
        ("cql2-json", '{"op": "in", "args": [{"property": "n"}, []]}', "wants a list"),
        ("cql2-json", '{"op": "=", "args": [{"property": "n"}, null]}', "no part of a filter"),
        ("cql2-json", '{"op": "s_within", "args": [{"property": "geometry"}, {"bbox": [1, 2, 3]}]}', "no geometry"),
        ("cql2-json", '{"op":"not","args":[' * 700 + "true" + "]}" * 700, "nested"),
    ],
)
async def test_a_filter_that_cannot_be_understood_says_what_is_wrong(lang, text, message):
    with pytest.raises(BadRequest, match=message):
        await ask(ROWS[:5], text, lang)


@pytest.mark.parametrize(
    ("text", "value"),
    [("(" * 250 + "n = 1" + ")" * 250, 1), (" and ".join(["n = 1"] * 1500), 1), ("not (" * 40 + "n = 2" + ")" * 40, 2)],
)
async def test_long_and_deep_filters_are_answered(text, value):
    assert await ask(ROWS, text) == where(has("n", lambda v: v == value))


async def test_a_tree_that_is_too_deep_is_refused():
    with pytest.raises(BadRequest, match="100 deep"):
        await ask(ROWS, "not (" * 250 + "n = 2" + ")" * 250)
