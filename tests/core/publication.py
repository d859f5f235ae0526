"""Publications for tests: layers, and their parts and manifest in a store."""

import msgspec

from core.layer import PublishedLayer, RasterSource
from core.snapshot import MANIFEST_KEY, Manifest, encode_layers, encode_manifest


def layer(name, **changes):
    """A layer that is whole enough to be published."""
    made = PublishedLayer(
        name=name,
        title=name.title(),
        offering=f"offering-{name}",
        source=RasterSource(href=f"layers/{name}.tif", bands=(1, 2, 3), dtype="uint8"),
        bbox=(2.0, 48.0, 3.0, 49.0),
        sample=(2.5, 48.5),
        version="1",
    )
    return msgspec.structs.replace(made, **changes)


async def publish(store, revision, *names):
    """Write a publication of layers; return the key of its part."""
    reference, data = encode_layers(tuple(layer(name) for name in names))
    await store.put(reference.key, data)
    await store.put(MANIFEST_KEY, encode_manifest(Manifest(revision=revision, parts=(reference,))))
    return reference.key
