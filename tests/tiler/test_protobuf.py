"""tiler.protobuf: numbers and fields as the encoding of Protocol Buffers gives them."""

import pytest
from mapbox_vector_tile.Mapbox import vector_tile_pb2

from tiler.protobuf import bytes_field, number_field, read_varint, varint, zigzag


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, b"\x00"),
        (1, b"\x01"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (150, b"\x96\x01"),
        (2**64 - 1, b"\xff" * 9 + b"\x01"),
    ],
)
def test_numbers_are_those_of_the_encoding(number, written):
    assert varint(number) == written
    assert read_varint(b"?" + written + b"?", 1) == (number, 1 + len(written))


@pytest.mark.parametrize(("data", "message"), [(b"\x80", "cut"), (b"", "cut"), (b"\xff" * 11, "ten bytes")])
def test_a_number_that_does_not_end_is_told(data, message):
    with pytest.raises(ValueError, match=message):
        read_varint(data, 0)


@pytest.mark.parametrize(("value", "written"), [(0, 0), (-1, 1), (1, 2), (-2, 3), (-(2**31), 2**32 - 1)])
def test_signs_go_to_the_lowest_bit(value, written):
    assert zigzag(value) == written


def test_fields_are_read_by_the_protobuf_of_vector_tiles():
    layer = vector_tile_pb2.tile.layer()
    layer.ParseFromString(number_field(15, 2) + bytes_field(1, "é".encode()) + number_field(5, 4096))
    assert (layer.version, layer.name, layer.extent) == (2, "é", 4096)
