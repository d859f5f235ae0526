"""kernels.values: messages that the protobuf of mapbox-vector-tile reads."""

from itertools import pairwise

import numpy as np
import pytest
from mapbox_vector_tile.Mapbox import vector_tile_pb2

from kernels.values import write_doubles, write_integers, write_strings


def read(ends, data):
    found = []
    for begin, end in pairwise(ends):
        value = vector_tile_pb2.tile.value()
        value.ParseFromString(data[begin:end].tobytes())
        [(field, content)] = value.ListFields()
        found.append((field.name, content))
    return found


def test_strings_are_read_as_they_were():
    texts = ["", "Évry – Çà", "x" * 300]
    encoded = [text.encode() for text in texts]
    text_ends = np.cumsum([0, *(len(text) for text in encoded)]).astype(np.int64)
    ends, data = np.empty(4, np.int64), np.empty(18 + len(b"".join(encoded)), np.uint8)
    assert write_strings(text_ends, np.frombuffer(b"".join(encoded), np.uint8), ends, data) == ends[-1]
    assert read(ends, data) == [("string_value", text) for text in texts]


@pytest.mark.parametrize("value", [0, 1, 127, 128, 2**53, 2**63 - 1, -1, -64, -65, -(2**63)])
def test_whole_numbers_are_read_as_they_were(value):
    ends, data = np.empty(2, np.int64), np.empty(11, np.uint8)
    write_integers(np.array([value]), ends, data)
    assert read(ends, data) == [("int_value" if value >= 0 else "sint_value", value)]


@pytest.mark.parametrize("value", [0.0, -0.1, 1e300, float("inf")])
def test_numbers_are_read_as_they_were(value):
    ends, data = np.empty(2, np.int64), np.empty(9, np.uint8)
    write_doubles(np.array([value], "<f8").view(np.uint8).reshape(-1, 8), ends, data)
    assert read(ends, data) == [("double_value", value)]
