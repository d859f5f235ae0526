"""kernels.values: messages that the protobuf of mapbox-vector-tile reads."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapbox_vector_tile.Mapbox import vector_tile_pb2

from kernels.values import hash_messages, merge_equal, weigh_rows, write_doubles, write_integers, write_strings


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


def hashes(owners, messages):
    ends = np.cumsum([0, 0, *(len(one) for one in messages)]).astype(np.int64)
    found = np.empty(len(messages), np.int64)
    hash_messages(np.array(owners, np.int64), ends, np.frombuffer(b"".join(messages), np.uint8), found)
    return found.tolist()


@given(st.lists(st.tuples(st.integers(0, 50), st.binary(max_size=40)), min_size=1, max_size=8))
def test_a_hash_is_the_polynomial_modulo_the_prime(pairs):
    expected = []
    for owner, message in pairs:
        found = owner + 1
        for byte in message:
            found = (found * 331 + byte + 1) % (2**54 - 33)
        expected.append(found)
    assert hashes([owner for owner, _ in pairs], [message for _, message in pairs]) == expected


def test_the_same_message_of_two_attributes_has_two_hashes():
    assert len({*hashes([0, 1], [b"abc", b"abc"])}) == 2


def test_attributes_weigh_their_number_and_their_share_of_the_value():
    """Two attributes, the second shared by many: 3 + (8 + 2) and 3 + (70 + 2) / 8; rows that follow count the same."""
    ends, more = np.array([0, 0, 8, 78], np.int64), np.array([0, 0, 20], np.int64)
    codes, more_codes = np.array([[1, 2], [0, 2]], np.uint32), np.array([[0, 0], [4, 2]], np.uint32)
    weights = np.empty(4, np.int64)
    thrift = np.array([0, 3], np.int64)
    weigh_rows(np.array([0, 1, 2, 3], np.uint32), codes, ends, more_codes, more, thrift, weights)
    assert weights.tolist() == [13 + 12, 12, 0, 3 + 22 + 12]


@given(st.lists(st.tuples(st.binary(max_size=3), st.integers(0, 2)), max_size=30))
def test_equal_messages_are_merged_with_the_first_of_them(pairs):
    """Hashes of our own making, so that different messages have the same."""
    messages = [message for message, _ in pairs]
    shared = dict(reversed(pairs))
    hashes = np.array([shared[message] for message in messages], np.int64)
    ends = np.cumsum([0, *(len(one) for one in messages)]).astype(np.int64)
    firsts = np.empty(len(messages), np.int64)
    order = np.argsort(hashes, kind="stable")
    merge_equal(order, hashes, ends, np.frombuffer(b"".join(messages), np.uint8), firsts)
    assert firsts.tolist() == [messages.index(one) for one in messages]
