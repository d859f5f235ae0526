"""kernels.drawing and kernels.mvt: commands and layers, read again by mapbox-vector-tile."""

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kernels.drawing import DRAWN, FULL, NOTHING, ODD, draw, list_drawn, measure
from kernels.mvt import write_layer
from kernels.shapes import LINE, POINT, POLYGON


def arrays(*features):
    """Return kinds, parts, ends, vertices and boxes of features, each a kind and its parts."""
    kinds = np.array([kind for kind, _ in features], np.uint8)
    parts = np.cumsum([0, *(len(parts) for _, parts in features)]).astype(np.uint32)
    flat = [part for _, several in features for part in several]
    ends = np.cumsum([0, *(len(part) for part in flat)]).astype(np.uint32)
    vertices = np.array([place for part in flat for place in part], np.int32).reshape(-1, 2)
    boxes = np.array(
        [
            [*np.concatenate(several).min(axis=0), *np.concatenate(several).max(axis=0)]
            for several in ([np.array(part) for part in parts] for _, parts in features)
        ],
        np.int32,
    )
    return kinds, parts, ends, vertices, boxes


def drawn(*features, scale=1.0, room=10_000, sound=False, low=-64, high=4160):
    kinds, parts, ends, vertices, boxes = arrays(*features)
    found = np.arange(len(features))
    stops, states = np.empty(len(found), np.int64), np.empty(len(found), np.uint8)
    data = np.zeros(room, np.uint8)
    total, largest, most = measure(found, parts, ends)
    assert total == len(vertices)
    size = draw(
        found,
        kinds,
        parts,
        ends,
        vertices,
        boxes,
        0.0,
        0.0,
        scale,
        low,
        high,
        sound,
        stops,
        states,
        data,
        largest,
        most,
    )
    return size, data[: max(size, 0)], stops, states, kinds


def layer(features, codes=(), ids=None, values=((),), keys=(), **options):
    size, data, stops, states, kinds = drawn(*features, **options)
    assert size != FULL
    count = len(features)
    table = np.array(codes, np.uint32).reshape(count, len(keys))
    ends = np.cumsum([0, *(len(value) for value in values)]).astype(np.int64)
    messages = np.array([byte for value in values for byte in value], np.uint8)
    names = [key.encode() for key in keys]
    key_ends = np.cumsum([0, *(len(name) for name in names)]).astype(np.int64)
    out = np.zeros(10_000, np.uint8)
    written = write_layer(
        np.flatnonzero(states == DRAWN), np.arange(count, dtype=np.uint32), kinds,
        np.array(range(count) if ids is None else ids, np.uint64), np.concatenate([[0], stops[:-1]]), stops, data,
        *split(table, ends, messages, len(keys)), key_ends, np.frombuffer(b"".join(names), np.uint8),
        np.zeros(256, np.uint32), np.full(len(keys), -1, np.int64), np.empty(64, np.int64), out,
    )  # fmt: skip
    body = b"\x78\x02\x0a\x01l" + out[:written].tobytes() + b"\x28\x80\x20"
    tile = b"\x1a" + bytes([len(body) & 127 | 128, len(body) >> 7]) + body
    return mapbox_vector_tile.decode(tile, default_options={"y_coord_down": True})["l"]["features"]


def split(table, ends, messages, key_count):
    """Return rows and values in two: the first half of them, and those that follow."""
    rows, values = len(table) // 2, max(len(ends) // 2, 1)
    first = np.ascontiguousarray(table[:rows]), np.arange(key_count), ends[: values + 1], messages[: ends[values]]
    later = np.ascontiguousarray(table[rows:]), ends[values:] - ends[values], messages[ends[values] :]
    return *first, *later


SQUARE = [[0, 0], [10, 0], [10, 10], [0, 10]]
BOW = [(0, 0), (10, 10), (10, 0), (0, 12)]


def test_the_example_of_the_standard_has_its_commands():
    """Vector Tile Specification 2.1, clause 4.3.5: point, line and polygon."""
    _, data, stops, states, _ = drawn((POINT, [[(25, 17)]]), (LINE, [[(2, 2), (2, 10), (10, 10)]]))
    assert data[: stops[0]].tolist() == [9, 50, 34]
    assert data[stops[0] : stops[1]].tolist() == [9, 4, 4, 18, 0, 16, 16, 0]
    _, data, _, _, _ = drawn((POLYGON, [[(3, 6), (8, 12), (20, 34)]]))
    assert data.tolist() == [9, 6, 12, 18, 10, 12, 24, 44, 15]
    assert states.tolist() == [DRAWN, DRAWN]


def test_several_polygons_of_the_standard_have_their_commands():
    """Clause 4.3.5.6: a multipolygon, the second with a hole."""
    first = [(0, 0), (10, 0), (10, 10), (0, 10)]
    second = [(11, 11), (20, 11), (20, 20), (11, 20)]
    hole = [(13, 13), (13, 17), (17, 17), (17, 13)]
    _, data, _, _, _ = drawn((POLYGON, [first, second, hole]))
    assert data.tolist() == [
        9, 0, 0, 26, 20, 0, 0, 20, 19, 0, 15,
        9, 22, 2, 26, 18, 0, 0, 18, 17, 0, 15,
        9, 4, 13, 26, 0, 8, 8, 0, 0, 7, 15,
    ]  # fmt: skip


def test_a_multipoint_is_one_command():
    _, data, _, _, _ = drawn((POINT, [[(5, 7)], [(3, 2)]]))
    assert data.tolist() == [17, 10, 14, 3, 9]


@pytest.mark.parametrize(
    ("feature", "state"),
    [
        ((POINT, [[(5000, 0)]]), NOTHING),
        ((LINE, [[(5000, 0), (6000, 0)]]), NOTHING),
        ((POLYGON, [[(5000, 0), (6000, 0), (6000, 9)]]), NOTHING),
        ((POLYGON, [BOW]), ODD),
        ((POLYGON, [[(0, 0), (0, 10), (10, 10)]]), ODD),  # turns the wrong way
        ((POLYGON, [SQUARE]), DRAWN),
    ],
)
def test_what_becomes_of_a_feature_is_told(feature, state):
    assert drawn(feature)[3].tolist() == [state]


def test_specks_stand_as_the_smallest_there_is():
    found = layer([(POLYGON, [[(100, 100), (101, 100), (101, 101)]]), (LINE, [[(200, 200), (201, 201)]])], scale=0.01)
    assert found[0]["geometry"]["coordinates"] == [[[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]]
    assert found[1]["geometry"]["coordinates"] == [[2, 2], [3, 2]]


@pytest.mark.parametrize(
    "ring",
    [
        [(0, 0), (10, 0), (10, 5), (30, 5), (10, 5), (10, 10), (0, 10)],
        [(0, 0), (10, 0), (10, 5), (20, 5), (30, 5), (20, 5), (10, 5), (10, 10), (0, 10)],
        [(30, 0), (10, 0), (10, 10), (0, 10), (0, 0)],  # out and back at the end of the ring
        [(10, 0), (10, 10), (0, 10), (0, 0), (30, 0)],
        [(20, 0), (30, 0), (10, 0), (10, 10), (0, 10), (0, 0)],
    ],
)
def test_a_line_out_and_back_is_left_out(ring):
    [found] = layer([(POLYGON, [ring])])
    coordinates = found["geometry"]["coordinates"][0]
    assert {tuple(place) for place in coordinates} <= {(0, 0), (10, 0), (10, 5), (10, 10), (0, 10)}
    assert {(0, 0), (10, 0), (10, 10), (0, 10)} <= {tuple(place) for place in coordinates}


def test_there_is_an_answer_when_there_is_no_room():
    ring = [(n * 10, (n % 2) * 3000) for n in range(50)] + [(490, 4000), (0, 4000)]
    for kind, parts in ((POINT, [[(1, 1)]]), (LINE, [[(1, 1), (900, 900)]]), (POLYGON, [ring])):
        assert drawn((kind, parts), room=3, sound=True)[0] == FULL


def test_tags_are_shared_and_missing_ones_left_out():
    found = layer(
        [(POINT, [[(1, 1)]]), (POINT, [[(2, 2)]]), (POINT, [[(3, 3)]])],
        codes=[[1, 2], [1, 0], [0, 3]],
        values=[(), b"\x0a\x02oh", b"\x28\x07", b"\x38\x01"],
        keys=["nom", "n"],
        ids=[5, 2**63 + 9, 300],
    )
    assert [f["properties"] for f in found] == [{"nom": "oh", "n": 7}, {"nom": "oh"}, {"n": True}]
    assert [f["id"] for f in found] == [5, 2**63 + 9, 300]


FAR = [(2000, 2000), (2008, 2000), (2008, 2008), (2000, 2008)]
"""A square well inside, with which a feature has two parts and goes the plain way."""

spots = st.tuples(st.integers(-700, 900), st.integers(-700, 900))


def outline(points):
    """Return the hull of points as a ring that turns clockwise on a screen."""
    hull = shapely.MultiPoint(points).convex_hull
    assume(hull.geom_type == "Polygon")
    return [(int(x), int(y)) for x, y in shapely.orient_polygons(hull, exterior_cw=False).exterior.coords[:-1]]


@settings(max_examples=300, deadline=None)
@given(st.lists(spots, min_size=3, max_size=18), st.sampled_from([1.0, 0.37, 0.05, 0.01]))
def test_a_convex_ring_is_drawn_as_it_is_beside_another(points, scale):
    ring = [(x + 1000, y + 1000) for x, y in outline(points)]
    _, alone, stops, states, _ = drawn((POLYGON, [ring]), scale=scale)
    _, beside, _, _, _ = drawn((POLYGON, [ring, FAR]), scale=scale)
    assume(states[0] == DRAWN and len(beside) > 15)
    flat = shapely.Polygon(np.floor(np.array(ring) * scale + 0.5)).area == 0  # stands as a square where it is alone
    assert flat or alone.tolist() == beside[: stops[0]].tolist()


@settings(max_examples=300, deadline=None)
@given(st.lists(spots, min_size=3, max_size=18))
def test_a_convex_ring_is_cut_as_it_is_beside_another(points):
    """The plain way cuts each edge by itself: by half a unit, both ways, it may differ."""
    ring = outline(points)
    kept = layer([(POLYGON, [ring])])
    beside = shapely.geometry.shape(layer([(POLYGON, [ring, FAR])])[0]["geometry"])
    got = shapely.geometry.shape(kept[0]["geometry"]) if kept else shapely.Polygon()
    other = beside.difference(shapely.box(1990, 1990, 2020, 2020))
    assert got.is_valid
    assert got.difference(other.buffer(1.01)).area == 0
    assert other.difference(got.buffer(1.01)).area == 0


def test_what_is_sound_is_drawn_as_what_is_not():
    notched = [(0, 0), (30, 0), (30, 30), (20, 30), (20, 8), (10, 8), (10, 30), (0, 30)]
    hole = [(2, 2), (2, 5), (5, 5), (5, 2)]
    for parts in ([notched], [notched, hole], [SQUARE]):
        assert drawn((POLYGON, parts), sound=True)[1].tolist() == drawn((POLYGON, parts))[1].tolist()


def test_those_drawn_and_those_left_are_listed():
    features = [(POINT, [[(25, 17)]]), (POINT, [[(9000, 0)]]), (POLYGON, [BOW]), (LINE, [[(2, 2), (2, 13)]])]
    _, _, stops, states, kinds = drawn(*features)
    boxes = arrays(*features)[4]
    rows, drawn_kinds, odd = np.zeros(4, np.uint32), np.zeros(4, np.uint8), np.zeros(4, np.int64)
    sizes, starts = np.zeros(4, np.int64), np.zeros(4, np.int64)
    found = np.arange(4)
    given_rows = np.array([7, 8, 9, 10], np.uint32)
    counts = list_drawn(found, given_rows, kinds, boxes, states, stops, rows, drawn_kinds, sizes, starts, odd)
    assert counts == (2, 1)
    assert rows[:2].tolist() == [7, 10]
    assert drawn_kinds[:2].tolist() == [POINT, LINE]
    assert sizes[:2].tolist() == [0, 11]
    assert starts[:2].tolist() == [0, 3]  # clause 4.3.5: a point takes three bytes, a line of two places six
    assert stops[:2].tolist() == [3, 9]
    assert odd[:1].tolist() == [2]
