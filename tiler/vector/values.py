"""Attributes of a layer, ready to be copied into tiles: each value once, as the message that carries it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from core.errors import BadSource
from kernels.values import write_doubles, write_integers, write_strings
from tiler.protobuf import read_varint

_OFTEN = 32
"""Times after which one more use of a value is taken to cost nothing but its number."""

_LIMIT = 2**32 - 1


class Values(msgspec.Struct, frozen=True, eq=False):
    """The attributes of the rows of a layer. Nothing in it is changed."""

    keys: tuple[str, ...]
    """Names of the attributes."""

    ids: NDArray[np.uint64]
    """Identifier of each row, shape (rows,)."""

    codes: NDArray[np.uint32]
    """Number of each row's value of each attribute, 0 where it has none, shape (rows, attributes)."""

    ends: NDArray[np.int64]
    """Where each value begins in `messages`, and the end of the last, shape (values + 1,). Value 0 is empty."""

    messages: NDArray[np.uint8]
    """Values as messages (Vector Tile Specification 2.1, clause 4.4), without the head of their field."""


class ValueWriter:
    """Gathers attributes column by column."""

    def __init__(self, codes: NDArray[np.uint32]) -> None:
        """Begin.

        Args:
            codes: Receives the numbers of values, zeros, shape (rows, attributes); may lie in a file.
        """
        self._codes = codes
        self._ends: list[NDArray[np.int64]] = [np.zeros(2, np.int64)]
        self._messages: list[NDArray[np.uint8]] = []
        self._count = 1
        self._size = 0
        self.tag_bytes = np.zeros(len(codes), np.float32)
        """Estimate of the bytes that the attributes of each row take in a tile, shape (rows,)."""

    def add(self, number: int, column: pa.ChunkedArray) -> None:
        """Take an attribute.

        Args:
            number: Its place among the attributes.
            column: bool, int64, float64 or string, one value a row.

        Raises:
            BadSource: There are more values than can be numbered.
        """
        if column.type == pa.float64():
            column = pc.if_else(pc.is_nan(column), None, column)
        encoded = column.combine_chunks()
        encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
        if len(encoded) == 0:
            return
        coded = encoded.dictionary_encode()
        ends, messages = _messages(coded.dictionary)
        count = len(ends) - 1
        if self._count + count > _LIMIT:
            raise BadSource(f"the layer has more than {_LIMIT:,} values", "leave out attributes")
        places = np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)
        present = places >= 0
        self._codes[present, number] = (places[present] + self._count).astype(np.uint32)
        uses = np.maximum(np.bincount(places[present], minlength=count), 1)
        each = 2.5 + (np.diff(ends) + 2) / np.minimum(uses, _OFTEN)
        self.tag_bytes[present] += each[places[present]].astype(np.float32)
        self._ends.append(ends[1:] + self._size)
        self._messages.append(messages)
        self._count += count
        self._size += int(ends[-1])

    def finish(self, keys: Sequence[str], ids: NDArray[np.uint64]) -> Values:
        """Return what was taken."""
        messages = np.concatenate(self._messages) if self._messages else np.empty(0, np.uint8)
        return Values(tuple(keys), ids, self._codes, np.concatenate(self._ends), messages)


@lru_cache(maxsize=1024)
def encode_keys(keys: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return where each name begins and the names as UTF-8, one after the other."""
    encoded = [key.encode() for key in keys]
    ends = np.concatenate([[0], np.cumsum([len(key) for key in encoded])]).astype(np.int64)
    return ends, np.frombuffer(b"".join(encoded), np.uint8)


def decode_values(values: Values, codes: Iterable[int]) -> Iterator[bool | int | float | str | None]:
    """Yield values by their numbers; None for 0."""
    for code in codes:
        message = values.messages[values.ends[code] : values.ends[code + 1]].tobytes()
        yield _decode(message)


def _decode(message: bytes) -> bool | int | float | str | None:
    if not message:
        return None
    field, body = message[0], message[1:]
    if field == 0x19:
        return float(np.frombuffer(body, "<f8")[0])
    number, at = read_varint(body, 0)
    if field == 0x0A:
        return body[at:].decode()
    if field == 0x38:
        return bool(number)
    return -(number >> 1) - 1 if field == 0x30 and number & 1 else number


def _messages(values: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return where each message begins, and the messages."""
    count = len(values)
    ends = np.zeros(count + 1, np.int64)
    if pa.types.is_boolean(values.type):
        flags = np.array(values.to_pylist(), np.uint8)
        return np.arange(count + 1, dtype=np.int64) * 2, np.column_stack(
            [np.full(count, 0x38, np.uint8), flags]
        ).ravel()
    if pa.types.is_integer(values.type):
        data = np.empty(11 * count, np.uint8)
        return ends, data[: write_integers(values.to_numpy(zero_copy_only=False), ends, data)]
    if pa.types.is_floating(values.type):
        data = np.empty(9 * count, np.uint8)
        numbers = np.ascontiguousarray(values.to_numpy(zero_copy_only=False), "<f8")
        write_doubles(numbers.view(np.uint8).reshape(-1, 8), ends, data)
        return ends, data
    texts = values.cast(pa.large_string())
    _, offsets, text = texts.buffers()
    text_ends = np.frombuffer(offsets, np.int64, count + 1, offset=8 * texts.offset)
    characters = np.frombuffer(text, np.uint8) if text is not None and text.size else np.empty(0, np.uint8)
    data = np.empty(11 * count + int(text_ends[-1] - text_ends[0]), np.uint8)
    return ends, data[: write_strings(text_ends, characters, ends, data)]
