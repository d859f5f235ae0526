"""What is wrong with a vector tile by the Vector Tile Specification 2.1, read from its bytes alone."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from core.errors import BadSource
from tiler.protobuf import BYTES, FIXED_32, FIXED_64, VARINT, read_varint

_LAYER, _NAME, _FEATURES, _KEYS, _VALUES, _EXTENT, _VERSION = 3, 1, 2, 3, 4, 5, 15
_TAGS, _TYPE, _GEOMETRY = 2, 3, 4

_LAYER_WIRES = {
    _NAME: BYTES,
    _FEATURES: BYTES,
    _KEYS: BYTES,
    _VALUES: BYTES,
    _EXTENT: VARINT,
    _VERSION: VARINT,
}
_FEATURE_WIRES = {1: VARINT, _TAGS: BYTES, _TYPE: VARINT, _GEOMETRY: BYTES}
_VALUE_WIRES = {1: BYTES, 2: FIXED_32, 3: FIXED_64, 4: VARINT, 5: VARINT, 6: VARINT, 7: VARINT}

_UNKNOWN, _POINT, _LINE, _AREA = 0, 1, 2, 3
_MOVE, _DRAW, _CLOSE = 1, 2, 7

_ORIENTED_SINCE = 2
"""First version of a layer whose rings tell by their direction whether they are holes."""


class LayerBytes(msgspec.Struct, frozen=True, gc=False):
    """A layer of a tile, not looked into."""

    name: str
    data: bytes
    """The layer's message with the field and the length that precede it in a tile."""


class _Broken(Exception):
    """Bytes that are no message, or no geometry; the text completes `a feature ...` or `it ...`."""


def check(data: bytes) -> list[str]:
    """Return what in a tile breaks a MUST of the specification, a line each; empty when nothing does.

    Whether rings cross themselves is not looked at. Time and memory are bounded by the
    size of the tile, whatever counts it announces.

    Args:
        data: The tile, not compressed.
    """
    found: Counter[str] = Counter()
    names: Counter[str] = Counter()
    try:
        for number, wire, content, _ in _fields(data):
            if number != _LAYER:
                continue
            if wire != BYTES:
                raise _Broken("has a layer that is no message")
            names[_check_layer(content, found)] += 1
    except _Broken as err:
        found[f"the tile {err}"] += 1
    for name, count in names.items():
        if name and count > 1:
            found[f"{count} layers are named {name[:60]!r}"] += 1
    return [line if count == 1 else f"{line} ({count} times)" for line, count in found.items()]


def split_layers(data: bytes) -> tuple[LayerBytes, ...]:
    """Cut a tile into its layers; what is not a layer is left out.

    Args:
        data: The tile, not compressed.

    Raises:
        BadSource: It is no vector tile.
    """
    layers, at = [], 0
    try:
        while at < len(data):
            begin = at
            number, wire, content, _, at = _field(data, at)
            if number == _LAYER and wire == BYTES:
                names = [name for field, kind, name, _ in _fields(content) if (field, kind) == (_NAME, BYTES)]
                layers.append(LayerBytes(names[-1].decode(errors="replace") if names else "", data[begin:at]))
    except _Broken as err:
        raise BadSource(f"a tile is no vector tile: it {err}", "was it copied whole?") from err
    return tuple(layers)


def _check_layer(data: bytes, found: Counter[str]) -> str:
    """Count what is wrong with a layer; return its name, empty when it has none."""
    try:
        blocks, numbers = _gather(data, _LAYER_WIRES)
    except _Broken as err:
        found[f"a layer {err}"] += 1
        return ""
    name = blocks[_NAME][-1].decode(errors="replace") if blocks[_NAME] else ""
    says = f"layer {name[:60]!r}"
    version = numbers[_VERSION][-1] if numbers[_VERSION] else None
    if not blocks[_NAME]:
        found["a layer has no name"] += 1
    if version is None:
        found[f"{says} has no version"] += 1
    elif version not in {1, 2}:
        found[f"{says} has version {version}, which is not known"] += 1
    if numbers[_EXTENT] and not numbers[_EXTENT][-1]:
        found[f"{says} has an extent of 0"] += 1
    for value in blocks[_VALUES]:
        _count(found, says, "a value", _value_trouble(value))
    oriented = version is not None and version >= _ORIENTED_SINCE
    keys, values = len(blocks[_KEYS]), len(blocks[_VALUES])
    for feature in blocks[_FEATURES]:
        _count(found, says, "a feature", _feature_trouble(feature, keys, values, oriented=oriented))
    return name


def _count(found: Counter[str], layer: str, what: str, trouble: str) -> None:
    if trouble:
        found[f"{layer}: {what} {trouble}"] += 1


def _value_trouble(data: bytes) -> str:
    """Return what is wrong with a value, empty when nothing is (section 4.1: exactly one of the types)."""
    known = 0
    try:
        for number, wire, _, _ in _fields(data):
            if number in _VALUE_WIRES:
                if wire != _VALUE_WIRES[number]:
                    return "is written in another type than it claims"
                known += 1
    except _Broken as err:
        return str(err)
    return "" if known == 1 else f"has {known} contents of a known type, not one"


def _feature_trouble(data: bytes, keys: int, values: int, *, oriented: bool) -> str:
    """Return the first thing that is wrong with a feature, empty when nothing is (sections 4.2 to 4.4)."""
    try:
        blocks, numbers = _gather(data, _FEATURE_WIRES)
        if len(blocks[_GEOMETRY]) != 1:
            return "has no geometry" if not blocks[_GEOMETRY] else "has several geometries"
        if not numbers[_TYPE]:
            return "has no type of geometry"
        _check_tags([tag for tags in blocks[_TAGS] for tag in _varints(tags)], keys, values)
        _check_geometry(numbers[_TYPE][-1], list(_varints(blocks[_GEOMETRY][0])), oriented=oriented)
    except _Broken as err:
        return str(err)
    return ""


def _check_tags(tags: list[int], keys: int, values: int) -> None:
    if len(tags) % 2:
        raise _Broken("has a key without a value")
    if any(key >= keys for key in tags[::2]):
        raise _Broken("has a key that the layer has not")
    if any(value >= values for value in tags[1::2]):
        raise _Broken("has a value that the layer has not")
    if len(set(tags[::2])) < len(tags) // 2:
        raise _Broken("has a key twice")


def _check_geometry(kind: int, numbers: list[int], *, oriented: bool) -> None:
    if kind == _UNKNOWN:
        return
    if kind not in {_POINT, _LINE, _AREA}:
        raise _Broken(f"has geometry type {kind}, which is not known")
    runs = list(_runs(numbers))
    if kind == _POINT:
        if [command for command, _ in runs] != [_MOVE]:
            raise _Broken("is a point that is not one MoveTo")
        return
    step = 2 if kind == _LINE else 3
    wanted = [_MOVE, _DRAW, _CLOSE][:step]
    if not runs or len(runs) % step or [command for command, _ in runs] != wanted * (len(runs) // step):
        raise _Broken("is a line that is not MoveTo, LineTo" if kind == _LINE else "has a ring that is not closed")
    if any(len(moves) != 1 for _, moves in runs[::step]):
        raise _Broken("begins a line or a ring more than once")
    if any((0, 0) in moves for _, moves in runs[1::step]):
        raise _Broken("has a point twice in a row")
    if kind == _AREA:
        _check_rings([moves for _, moves in runs[1::step]], [moves[0] for _, moves in runs[::step]], oriented=oriented)


def _check_rings(draws: list[list[tuple[int, int]]], starts: list[tuple[int, int]], *, oriented: bool) -> None:
    """Check rings, each given by how it begins and the moves that follow."""
    x = y = 0
    for number, (start, moves) in enumerate(zip(starts, draws, strict=True)):
        if len(moves) < 2:
            raise _Broken("has a ring of fewer than three points")
        x, y = x + start[0], y + start[1]
        ring = [(x, y)]
        for dx, dy in moves:
            x, y = x + dx, y + dy
            ring.append((x, y))
        if ring[-1] == ring[0]:
            raise _Broken("has a ring that comes back to its first point before it is closed")
        area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise([*ring, ring[0]]))
        if oriented and (area == 0 or (number == 0 and area < 0)):
            raise _Broken("has a ring without area" if area == 0 else "begins with a hole")


def _runs(numbers: list[int]) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield commands with the moves that belong to each (section 4.3)."""
    at = 0
    while at < len(numbers):
        command, count = numbers[at] & 7, (numbers[at] & 0xFFFFFFFF) >> 3
        at += 1
        if command == _CLOSE:
            if count != 1:
                raise _Broken(f"has a ClosePath with a count of {count}")
            yield command, []
            continue
        if command not in {_MOVE, _DRAW}:
            raise _Broken(f"has command {command}, which is not known")
        if count == 0:
            raise _Broken("has a command with a count of 0")
        if count * 2 > len(numbers) - at:
            raise _Broken(f"has a command that announces {count} points and {(len(numbers) - at) // 2} follow")
        signed = [(number >> 1) ^ -(number & 1) for number in numbers[at : at + 2 * count]]
        yield command, list(zip(signed[::2], signed[1::2], strict=True))
        at += 2 * count


def _gather(data: bytes, wires: dict[int, int]) -> tuple[dict[int, list[bytes]], dict[int, list[int]]]:
    """Return the contents of the fields of a message that are known by their wire types: blocks, and numbers."""
    blocks: dict[int, list[bytes]] = {number: [] for number in wires}
    numbers: dict[int, list[int]] = {number: [] for number in wires}
    for number, wire, content, value in _fields(data):
        wanted = wires.get(number)
        if wanted is None:
            continue
        if wire != wanted:
            raise _Broken(f"has field {number} written in another type")
        if wire == VARINT:
            numbers[number].append(value)
        else:
            blocks[number].append(content)
    return blocks, numbers


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes, int]]:
    """Yield number, wire type, block and number of each field of a message; the one of the two that it is."""
    at = 0
    while at < len(data):
        number, wire, content, value, at = _field(data, at)
        yield number, wire, content, value


def _field(data: bytes, at: int) -> tuple[int, int, bytes, int, int]:
    """Return what `_fields` yields of the field at a place, and where the next one is."""
    head, at = _varint(data, at)
    number, wire = head >> 3, head & 7
    if number == 0:
        raise _Broken("has a field of number 0")
    if wire == VARINT:
        value, at = _varint(data, at)
        return number, wire, b"", value, at
    if wire == BYTES:
        length, at = _varint(data, at)
    elif wire in {FIXED_64, FIXED_32}:
        length = 8 if wire == FIXED_64 else 4
    else:
        raise _Broken(f"has wire type {wire}, which is not known")
    if at + length > len(data):
        raise _Broken("is cut")
    return number, wire, data[at : at + length], 0, at + length


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    try:
        return read_varint(data, at)
    except ValueError as err:
        raise _Broken(str(err)) from None
