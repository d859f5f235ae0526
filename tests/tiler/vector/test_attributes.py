"""tiler.vector.attributes: values as tiles carry them."""

import datetime as dt
import decimal
import json

import pyarrow as pa
import pytest

from tiler.vector.attributes import tile_column, tile_fields


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        (pa.array([True, None]), "Boolean", [True, None]),
        (pa.array([1, -1], pa.int8()), "Number", [1, -1]),
        (pa.array([2**64 - 1], pa.uint64()), "Number", [2.0**64]),
        (pa.array([0.1], pa.float32()), "Number", [0.1]),
        (pa.array([decimal.Decimal("1.25")]), "Number", [1.25]),
        (pa.array(["é"], pa.large_string()), "String", ["é"]),
        (pa.array(["é", "à", "é"]).dictionary_encode(), "String", ["é", "à", "é"]),
        (pa.array([dt.date(2024, 2, 29)]), "String", ["2024-02-29"]),
        (pa.array([dt.datetime(2024, 2, 29, 1, 2, 3)], pa.timestamp("s")), "String", ["2024-02-29T01:02:03"]),  # noqa: DTZ001 - a local time
        (pa.array([dt.time(1, 2, 3)], pa.time32("s")), "String", ["01:02:03"]),
    ],
)
def test_a_value_keeps_what_it_means(column, kind, values):
    assert tile_fields([pa.field("a", column.type)]) == {"a": kind}
    assert tile_column(column).to_pylist() == values


def test_lists_and_structures_become_json():
    column = pa.array([{"a": [1, 2], "b": "é"}, None])
    text, missing = tile_column(column).to_pylist()
    assert json.loads(text) == {"a": [1, 2], "b": "é"}
    assert missing is None


def test_bytes_and_nothing_are_left_out():
    assert tile_fields([pa.field("a", pa.binary()), pa.field("b", pa.null())]) == {}
