"""tiler.vector.mvt_check: every MUST of the Vector Tile Specification 2.1 that a tile breaks is told."""

import json
from pathlib import Path

import mapbox_vector_tile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadSource
from tiler.vector.mvt_check import check, split_layers

FIXTURES = Path(__file__).parents[4] / "shared" / "data" / "tiles" / "mvt-fixtures"
FOUND = sorted(path.name for path in FIXTURES.glob("[0-9]*")) or [
    pytest.param("", marks=pytest.mark.skip(reason="the reference data are not beside the project"))
]

CONTRADICTED = {
    "016": "its bytes are those of 003, which is said to be wrong: a feature MUST have a type (section 4.2)",
    "057": "it announces points that do not follow, as 051 and 058 do, which are said to be wrong (section 4.3)",
}
"""Fixtures whose information other fixtures contradict."""

POINT, LINE, AREA = 1, 2, 3


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def block(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def number(field, value):
    return varint(field << 3) + varint(value)


def packed(*values):
    return b"".join(varint(value) for value in values)


def feature(kind, *geometry, tags=()):
    return block(2, (block(2, packed(*tags)) if tags else b"") + number(3, kind) + block(4, packed(*geometry)))


def layer(*parts, name=b"a", version=2):
    return block(3, number(15, version) + block(1, name) + b"".join(parts))


SQUARE = (9, 0, 0, 26, 8, 0, 0, 8, 7, 0, 15)
"""(0, 0), (4, 0), (4, 4), (0, 4): on a screen with y downwards clockwise, of positive area (section 4.3.3.3)."""


@pytest.mark.parametrize("name", FOUND)
def test_fixtures_are_found_right_or_wrong_as_they_are_said_to_be(name):
    told = json.loads((FIXTURES / name / "info.json").read_text())
    found = check((FIXTURES / name / "tile.mvt").read_bytes())
    assert (found == []) == (told["validity"]["v2"] and name not in CONTRADICTED)


@pytest.mark.skipif(not FIXTURES.exists(), reason="the reference data are not beside the project")
def test_the_fixture_that_another_contradicts_has_the_same_bytes():
    assert (FIXTURES / "016" / "tile.mvt").read_bytes() == (FIXTURES / "003" / "tile.mvt").read_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        layer(feature(POINT, 9, 2, 2)),
        layer(feature(POINT, 17, 2, 2, 4, 4)),
        layer(feature(LINE, 9, 4, 4, 18, 0, 16, 16, 0)),
        layer(feature(AREA, *SQUARE)),
        layer(feature(AREA, *SQUARE, 9, 2, 1, 26, 0, 2, 2, 0, 0, 1, 15)),
        layer(feature(POINT, 9, 2, 2, tags=(0, 0)), block(3, b"k"), block(4, block(1, b"v"))),
        layer(name=b"a") + layer(name=b"b"),
        block(9, b"not a layer") + layer(),
    ],
)
def test_tiles_by_the_book_have_no_fault(data):
    assert check(data) == []


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\x1a\x03ab", "the tile is cut"),
        (b"\x1a", "the tile is cut"),
        (b"\x1b", "wire type 3"),
        (b"\x02\x00", "field of number 0"),
        (b"\xff" * 11, "more than ten bytes"),
        (number(3, 1), "a layer that is no message"),
        (block(3, number(15, 2)), "a layer has no name"),
        (block(3, block(1, b"a")), "layer 'a' has no version"),
        (layer(version=3), "layer 'a' has version 3"),
        (layer(number(5, 0)), "an extent of 0"),
        (layer() + layer(), "2 layers are named 'a'"),
        (layer(block(4, b"")), "a value has 0 contents"),
        (layer(block(4, block(1, b"v") + number(5, 1))), "a value has 2 contents"),
        (layer(block(4, number(1, 1))), "another type than it claims"),
        (layer(feature(4, 9, 2, 2)), "geometry type 4"),
        (layer(feature(POINT, 9, 2, 2, tags=(0,))), "a key without a value"),
        (layer(feature(POINT, 9, 2, 2, tags=(0, 0))), "a key that the layer has not"),
        (layer(feature(POINT, 9, 2, 2, tags=(0, 0)), block(3, b"k")), "a value that the layer has not"),
        (
            layer(feature(POINT, 9, 2, 2, tags=(0, 0, 0, 0)), block(3, b"k"), block(4, block(1, b"v"))),
            "a key twice",
        ),
        (layer(block(2, number(3, POINT))), "has no geometry"),
        (layer(feature(POINT)), "not one MoveTo"),
        (layer(feature(POINT, 9, 2)), "announces 1 points and 0 follow"),
        (layer(feature(POINT, 0xFFFFFFF9, 2, 2)), "announces 536870911 points and 1 follow"),
        (layer(feature(POINT, 1)), "a count of 0"),
        (layer(feature(POINT, 11, 2, 2)), "command 3"),
        (layer(feature(LINE, 9, 2, 2)), "not MoveTo, LineTo"),
        (layer(feature(LINE, 17, 2, 2, 2, 2, 10, 2, 2)), "more than once"),
        (layer(feature(LINE, 9, 2, 2, 10, 0, 0)), "a point twice in a row"),
        (layer(feature(AREA, *SQUARE[:-1])), "not closed"),
        (layer(feature(AREA, 9, 0, 0, 10, 8, 0, 15)), "fewer than three points"),
        (layer(feature(AREA, 9, 0, 0, 26, 8, 0, 0, 8, 7, 7, 15)), "comes back to its first point"),
        (layer(feature(AREA, 9, 0, 0, 18, 8, 0, 8, 0, 15)), "without area"),
        (layer(feature(AREA, 9, 0, 0, 26, 0, 8, 8, 0, 0, 7, 15)), "begins with a hole"),
    ],
)
def test_a_broken_rule_is_told(data, fault):
    found = check(data)
    assert len(found) == 1
    assert fault in found[0]


def test_rings_of_version_1_may_turn_either_way():
    assert check(layer(feature(AREA, 9, 0, 0, 26, 0, 8, 8, 0, 0, 7, 15), version=1)) == []


def test_the_same_fault_is_told_once_with_its_count():
    assert check(layer(*[feature(LINE, 9, 2, 2)] * 40)) == [
        "layer 'a': a feature is a line that is not MoveTo, LineTo (40 times)"
    ]


def test_tiles_of_another_encoder_have_no_fault():
    areas = [{"geometry": "POLYGON ((0 0, 0 9, 9 9, 9 0, 0 0), (2 2, 4 2, 4 4, 2 4, 2 2))", "properties": {"n": 1.5}}]
    lines = [{"geometry": "MULTILINESTRING ((0 0, 5 5), (6 6, 9 6))", "properties": {"s": "é", "b": True}}]
    layers = [{"name": "aires", "features": areas}, {"name": "lignes", "features": lines}]
    data = mapbox_vector_tile.encode(layers)
    assert check(data) == []
    assert [one.name for one in split_layers(data)] == ["aires", "lignes"]
    assert b"".join(one.data for one in split_layers(data)) == data


def test_what_is_cut_is_no_tile():
    with pytest.raises(BadSource, match="is cut"):
        split_layers(layer(feature(AREA, *SQUARE))[:-2])


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: layer(block(2, data))))
def test_any_bytes_are_judged_without_failing(data):
    assert all(isinstance(line, str) for line in check(data))
