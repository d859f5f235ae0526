"""The publication: every layer at one revision, as content-addressed parts and a manifest.

A publication is written parts first, manifest last, so a reader that sees the
manifest finds all it names. Parts are named by the SHA-256 of their bytes: one
that did not change is neither written nor fetched again.
"""

import hashlib
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from core.changes import Changes
from core.errors import BadSource
from core.layer import PublishedLayer, VectorSource

Content = TypeVar("Content")

MANIFEST_KEY = "published/manifest.json"
"""Object key of the manifest, the only object of a publication that is ever replaced."""


class PartReference(msgspec.Struct, frozen=True):
    """A part as the manifest names it."""

    kind: str
    """What the part holds: `layers`, all of them, or `changes`, some that were made to one of them."""

    key: str
    """Object key: `published/<kind>-<digest>.msgpack`."""

    digest: str
    """SHA-256 of the part's bytes, in hexadecimal."""

    size: int
    """Bytes."""


class Manifest(msgspec.Struct, frozen=True):
    """What is published, by reference."""

    revision: int
    """Grows with every publication."""

    parts: tuple[PartReference, ...]
    """All parts of this revision."""


class Snapshot(msgspec.Struct, frozen=True):
    """What is published, whole."""

    revision: int
    layers: tuple[PublishedLayer, ...]


def encode_part(kind: str, content: object) -> tuple[PartReference, bytes]:
    """Encode one part and the reference that names it."""
    data = msgspec.msgpack.encode(content)
    digest = hashlib.sha256(data).hexdigest()
    return PartReference(kind=kind, key=f"published/{kind}-{digest}.msgpack", digest=digest, size=len(data)), data


def encode_layers(layers: tuple[PublishedLayer, ...]) -> tuple[PartReference, bytes]:
    """Encode the part that holds the layers without their changes, sorted by name: equal layers give equal bytes."""
    bare = (msgspec.structs.replace(layer, changes=()) if layer.changes else layer for layer in layers)
    return encode_part("layers", sorted(bare, key=lambda layer: layer.name))


def encode_changes(changes: Changes) -> tuple[PartReference, bytes]:
    """Encode a part that holds changes of a layer."""
    return encode_part("changes", changes)


def encode_manifest(manifest: Manifest) -> bytes:
    """Encode a manifest as JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def decode_manifest(data: bytes) -> Manifest:
    """Decode a manifest.

    Raises:
        BadSource: The bytes are not a manifest.
    """
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as err:
        msg = f"{MANIFEST_KEY} cannot be read ({err})"
        raise BadSource(msg) from err


def decode_layers(reference: PartReference, data: bytes) -> tuple[PublishedLayer, ...]:
    """Decode the part that holds the layers.

    Raises:
        BadSource: The bytes are not those the manifest names, or not layers.
    """
    return _decode(reference, data, tuple[PublishedLayer, ...])


def decode_changes(reference: PartReference, data: bytes) -> Changes:
    """Decode a part that holds changes of a layer.

    Raises:
        BadSource: The bytes are not those the manifest names, or no changes.
    """
    return _decode(reference, data, Changes)


def with_changes(layers: Iterable[PublishedLayer], changes: Iterable[Changes]) -> tuple[PublishedLayer, ...]:
    """Return layers, each with the changes that are not in its file yet, in their order; others are left out."""
    parts: dict[str, list[Changes]] = {}
    for part in sorted(changes, key=lambda one: one.first):
        parts.setdefault(part.dataset, []).append(part)
    later: dict[tuple[str, int], tuple[Changes, ...]] = {}

    def changed(layer: PublishedLayer) -> PublishedLayer:
        source = layer.source
        if not isinstance(source, VectorSource) or source.dataset not in parts:
            return layer
        key = source.dataset, source.through
        if key not in later:
            later[key] = _later(parts[source.dataset], source.through)
        return msgspec.structs.replace(layer, changes=later[key])

    return tuple(changed(layer) for layer in layers)


def _later(parts: list[Changes], through: int) -> tuple[Changes, ...]:
    """Return the changes beyond a number, as far as none is missing between."""
    later, following = [], through + 1
    for part in parts:
        rest = part.changes[max(following - part.first, 0) :]
        if part.first <= following and rest:
            later.append(Changes(part.dataset, following, rest))
            following += len(rest)
    return tuple(later)


def _decode(reference: PartReference, data: bytes, content: type[Content]) -> Content:
    if hashlib.sha256(data).hexdigest() != reference.digest:
        msg = f"{reference.key} is not what the manifest names: its digest differs"
        raise BadSource(msg)
    try:
        return msgspec.msgpack.decode(data, type=content)
    except msgspec.DecodeError as err:
        msg = f"{reference.key} cannot be read ({err})"
        raise BadSource(msg) from err
