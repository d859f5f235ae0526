"""Attributes of a layer, ready to be copied into tiles: each value once, as the message that carries it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from core.errors import BadSource
from kernels.values import hash_messages, merge_equal, weigh_rows, write_doubles, write_integers, write_strings
from tiler.protobuf import read_varint

_THRIFT = ((32, 5), (4, 3))
"""Rows a value, on average, from which an attribute's values are taken to cost so much less each: 2^-5, 2^-3."""

_LIMIT = 2**32 - 1

TYPES = {"bool": pa.bool_(), "int64": pa.int64(), "double": pa.float64(), "string": pa.string()}
"""Types of attributes as tiles carry them."""


NO_MARKS = np.empty(0, np.uint64)


class Field(msgspec.Struct, frozen=True):
    """An attribute."""

    key: str
    """Its name."""

    type: str
    """`bool`, `int64`, `double` or `string`."""

    thrift: int = 0
    """What a value costs in a tile is taken to be 2^-thrift of its bytes: others of the tile have it too."""


class Values(msgspec.Struct, frozen=True, eq=False):
    """The attributes of the rows of a layer. Nothing in it is changed."""

    fields: tuple[Field, ...]
    """The attributes."""

    ids: NDArray[np.uint64]
    """Identifier of each row, shape (rows,)."""

    codes: NDArray[np.uint32]
    """Number of each row's value of each attribute, 0 where it has none, shape (rows, attributes)."""

    ends: NDArray[np.int64]
    """Where each value begins in `messages`, and the end of the last, shape (values + 1,). Value 0 is empty."""

    messages: NDArray[np.uint8]
    """Values as messages (Vector Tile Specification 2.1, clause 4.4), without the head of their field."""

    hashes: NDArray[np.int64]
    """Hashes of the values, each with the number of its attribute, ascending, shape (values - 1,)."""

    hashed: NDArray[np.uint32]
    """The value of each hash."""

    marks: NDArray[np.uint64] = NO_MARKS
    """Of rows that came later a hash of all that is in them, shape (rows,)."""

    more: "Values | None" = None
    """Rows that follow, and values that follow: what has changed since the others were stored.

    Codes of these rows count both: from the number of values here on they are values of `more`.
    """

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the attributes."""
        return tuple(field.key for field in self.fields)


def ids_of(values: Values, rows: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Return the identifiers of some rows."""
    count = len(values.ids)
    if values.more is None:
        return values.ids[rows]
    later = rows >= count
    found = np.empty(len(rows), np.uint64)
    found[~later], found[later] = values.ids[rows[~later]], values.more.ids[rows[later] - count]
    return found


def codes_of(values: Values, rows: NDArray[np.uint32], number: int) -> NDArray[np.uint32]:
    """Return the codes of some rows for one attribute."""
    count = len(values.codes)
    if values.more is None:
        return np.asarray(values.codes[rows, number])
    later = rows >= count
    found = np.empty(len(rows), np.uint32)
    found[~later] = values.codes[rows[~later], number]
    found[later] = values.more.codes[rows[later] - count, number]
    return found


def weights_of(values: Values, rows: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return an estimate of the bytes that the attributes of some rows take in a tile.

    It depends on nothing but the row itself and `Field.thrift`.
    """
    more = values.more if values.more is not None else no_values(values.fields)
    thrift = np.array([field.thrift for field in values.fields], np.int64)
    weights = np.empty(len(rows), np.int64)
    weigh_rows(rows, values.codes, values.ends, more.codes, more.ends, thrift, weights)
    return weights


def no_values(fields: tuple[Field, ...]) -> Values:
    """Return no rows."""
    return Values(
        fields,
        np.empty(0, np.uint64),
        np.empty((0, len(fields)), np.uint32),
        np.zeros(2, np.int64),
        np.empty(0, np.uint8),
        np.empty(0, np.int64),
        np.empty(0, np.uint32),
    )


class ValueWriter:
    """Gathers attributes column by column."""

    def __init__(self, codes: NDArray[np.uint32]) -> None:
        """Begin.

        Args:
            codes: Receives the numbers of values, zeros, shape (rows, attributes); may lie in a file.
        """
        self._codes = codes
        self._fields: dict[int, tuple[str, int]] = {}
        self._owners: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        self._ends: list[NDArray[np.int64]] = [np.zeros(2, np.int64)]
        self._messages: list[NDArray[np.uint8]] = [np.empty(0, np.uint8)]
        self._count = 1
        self._size = 0

    def add(self, number: int, parts: Iterable[pa.Array]) -> None:
        """Take an attribute.

        Args:
            number: Its place among the attributes.
            parts: bool, int64, float64 or string, one value a row, part after part: none is held when it was taken.

        Raises:
            BadSource: There are more values than can be numbered.
        """
        coded = [_without_nan(part).dictionary_encode() for part in parts]
        if not coded:
            return
        self._fields[number] = str(coded[0].type.value_type), 0
        ends, messages, merged = _merged([part.dictionary for part in coded], number)
        count = len(ends) - 1
        if self._count + count > _LIMIT:
            raise BadSource(f"the layer has more than {_LIMIT:,} values", "leave out attributes")
        row = used = first = 0
        for part in coded:
            places = np.asarray(part.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)
            present = places >= 0
            numbers = merged[first : first + len(part.dictionary)]
            codes = np.zeros(len(part), np.uint32)
            codes[present] = numbers[places[present]] + self._count
            self._codes[row : row + len(part), number] = codes
            row, used, first = row + len(part), used + int(present.sum()), first + len(part.dictionary)
        uses = used / max(count, 1)
        thrift = next((thrift for least, thrift in _THRIFT if uses >= least), 0)
        self._fields[number] = self._fields[number][0], thrift
        self._owners.append(np.full(count, number))
        self._ends.append(ends[1:] + self._size)
        self._messages.append(messages)
        self._count += count
        self._size += int(ends[-1])

    def finish(self, keys: Sequence[str], ids: NDArray[np.uint64]) -> Values:
        """Return what was taken."""
        fields = tuple(Field(key, *self._fields.get(number, ("string", 0))) for number, key in enumerate(keys))
        ends, messages = np.concatenate(self._ends), np.concatenate(self._messages)
        hashes = hashes_of(np.concatenate(self._owners), ends, messages)
        order = np.argsort(hashes, kind="stable")
        return Values(fields, ids, self._codes, ends, messages, hashes[order], (order + 1).astype(np.uint32))


def hashes_of(owners: NDArray[np.int64], ends: NDArray[np.int64], messages: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return a hash of every value but the first.

    Args:
        owners: Number of the attribute of each, shape (values - 1,).
        ends: As `Values.ends`.
        messages: As `Values.messages`.
    """
    hashes = np.empty(len(owners), np.int64)
    hash_messages(owners, ends, messages, hashes)
    return hashes


def _merged(
    dictionaries: Sequence[pa.Array], number: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
    """Return where the message of each value begins, the messages, each value once, and where each given one is there.

    Args:
        dictionaries: Values, each once in each of these.
        number: Of their attribute.
    """
    several = [_messages(one) for one in dictionaries]
    bases = np.cumsum([0, *(int(ends[-1]) for ends, _ in several)])
    starts = [ends[:-1] + base for (ends, _), base in zip(several, bases, strict=False)]
    ends = np.concatenate([*starts, bases[-1:]])
    messages = np.concatenate([one for _, one in several])
    if len(dictionaries) == 1:
        return ends, messages, np.arange(len(ends) - 1)
    hashes = hashes_of(np.full(len(ends) - 1, number), np.concatenate([[0], ends]), messages)
    firsts = np.empty(len(hashes), np.int64)
    merge_equal(np.argsort(hashes, kind="stable"), hashes, ends, messages, firsts)
    kept = firsts == np.arange(len(firsts))
    merged = (np.cumsum(kept) - 1)[firsts]
    if kept.all():
        return ends, messages, merged
    lengths = np.diff(ends)
    return np.concatenate([[0], np.cumsum(lengths[kept])]), messages[np.repeat(kept, lengths)], merged


def _without_nan(part: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_nan(part), None, part) if part.type == pa.float64() else part


@lru_cache(maxsize=1024)
def encode_keys(keys: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return where each name begins and the names as UTF-8, one after the other."""
    encoded = [key.encode() for key in keys]
    ends = np.concatenate([[0], np.cumsum([len(key) for key in encoded])]).astype(np.int64)
    return ends, np.frombuffer(b"".join(encoded), np.uint8)


def decode_values(values: Values, codes: Iterable[int]) -> Iterator[bool | int | float | str | None]:
    """Yield values by their numbers; None for 0."""
    for code in codes:
        yield _decode(message_of(values, code))


def message_of(values: Values, code: int) -> bytes:
    """Return the message of a value."""
    count = len(values.ends) - 1
    if values.more is not None and code >= count:
        return message_of(values.more, code - count)
    return values.messages[values.ends[code] : values.ends[code + 1]].tobytes()


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
        return ends, data[: write_integers(values.to_numpy(zero_copy_only=False), ends, data)].copy()
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
    return ends, data[: write_strings(text_ends, characters, ends, data)].copy()
