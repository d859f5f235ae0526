"""The publication: every layer at one revision, as content-addressed parts and a manifest.

A publication is written parts first, manifest last, so a reader that sees the
manifest finds all it names. Parts are named by the SHA-256 of their bytes: one
that did not change is neither written nor fetched again.
"""

import hashlib

import msgspec

from core.errors import BadSource
from core.layer import PublishedLayer

MANIFEST_KEY = "published/manifest.json"
"""Object key of the manifest, the only object of a publication that is ever replaced."""


class PartReference(msgspec.Struct, frozen=True):
    """A part as the manifest names it."""

    kind: str
    """What the part holds: `layers`."""

    key: str
    """Object key: `published/layers-<digest>.msgpack`."""

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
    """Encode the part that holds the layers, sorted by name so that equal layers give equal bytes."""
    return encode_part("layers", sorted(layers, key=lambda layer: layer.name))


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
    if hashlib.sha256(data).hexdigest() != reference.digest:
        msg = f"{reference.key} is not what the manifest names: its digest differs"
        raise BadSource(msg)
    try:
        return msgspec.msgpack.decode(data, type=tuple[PublishedLayer, ...])
    except msgspec.DecodeError as err:
        msg = f"{reference.key} cannot be read ({err})"
        raise BadSource(msg) from err
