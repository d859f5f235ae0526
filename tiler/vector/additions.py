"""Attributes of features that came since a layer was stored: rows and values that follow the stored ones."""

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.changes import Change
from tiler.vector.changed_rows import column_of
from tiler.vector.values import TYPES, Values, ValueWriter, message_of, no_values


def extend(values: Values, changes: list[Change]) -> Values:
    """Return attributes with a row more for each of some changes; what was there keeps its numbers.

    A value that is known keeps its number too, so that a tile has it once.

    Args:
        values: The attributes before.
        changes: None of them a removal.
    """
    more = values.more if values.more is not None else no_values(values.fields)
    writer = ValueWriter(np.zeros((len(changes), len(values.fields)), np.uint32))
    for number, field in enumerate(values.fields):
        given = [change.properties.get(field.key) for change in changes]
        writer.add(number, [column_of(given, TYPES[field.type])])
    new = writer.finish(values.keys, np.array([change.id for change in changes], np.uint64))
    codes, fresh = _known(values, more, new)
    lengths = np.diff(new.ends)[fresh]
    messages = [new.messages[new.ends[code] : new.ends[code + 1]] for code in fresh]
    hashes = np.concatenate([more.hashes, new.hashes[np.argsort(new.hashed)][fresh - 1]])
    hashed = np.concatenate([more.hashed, np.arange(len(fresh), dtype=np.uint32) + np.uint32(len(more.ends) - 1)])
    order = np.argsort(hashes, kind="stable")
    grown = Values(
        values.fields,
        np.concatenate([more.ids, new.ids]),
        np.concatenate([more.codes, codes[new.codes]]),
        np.concatenate([more.ends, more.ends[-1] + np.cumsum(lengths)]),
        np.concatenate([more.messages, *messages]),
        hashes[order],
        hashed[order],
        np.concatenate([more.marks, np.array([_mark(change) for change in changes], np.uint64)]),
    )
    return msgspec.structs.replace(values, more=grown)


def _mark(change: Change) -> int:
    encoded = msgspec.json.encode((change.id, change.properties))
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "little")


def _known(values: Values, more: Values, new: Values) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the numbers that new values get, and which of them are not known yet."""
    stored = len(values.ends) - 1
    codes = np.zeros(len(new.ends) - 1, np.uint32)
    fresh: list[int] = []
    beyond = stored + len(more.ends) - 1
    for key, place in zip(new.hashes.tolist(), new.hashed.tolist(), strict=True):
        message = message_of(new, place)
        code = _find(values, key, message) or _find(more, key, message, stored)
        codes[place] = code or 0
        if not code:
            fresh.append(place)
    fresh.sort()
    codes[fresh] = np.arange(beyond, beyond + len(fresh), dtype=np.uint32)
    return codes, np.array(fresh, np.int64)


def _find(values: Values, key: int, message: bytes, base: int = 0) -> int:
    """Return the number of a value by its hash; 0 where it is not known."""
    first = int(np.searchsorted(values.hashes, key))
    for place in range(first, len(values.hashes)):
        if values.hashes[place] != key:
            break
        code = int(values.hashed[place])
        if values.messages[values.ends[code] : values.ends[code + 1]].tobytes() == message:
            return base + code
    return 0
