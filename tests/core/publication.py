"""Publications for tests: layers, and their parts and manifest in a store."""

import msgspec

from core.layer import PublishedLayer, RasterSource, VectorSource
from core.snapshot import MANIFEST_KEY, Manifest, encode_changes, encode_layers, encode_manifest


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


def collaborative(name, **changes):
    """A vector layer whose data change, and are called as it is."""
    source = VectorSource(href=f"{name}.parquet", geometry_column="g", crs="EPSG:2154", fields={}, dataset=name)
    return layer(name, source=msgspec.structs.replace(source, **changes))


async def publish(store, revision, *names, changes=()):
    """Write a publication of layers, given by name or as they are, and of changes; return the key of its first part."""
    layers = tuple(layer(one) if isinstance(one, str) else one for one in names)
    parts = [encode_layers(layers), *(encode_changes(one) for one in changes)]
    for reference, data in parts:
        if reference.key not in store.objects:
            await store.put(reference.key, data)
    manifest = Manifest(revision=revision, parts=tuple(reference for reference, _ in parts))
    await store.put(MANIFEST_KEY, encode_manifest(manifest))
    return parts[0][0].key
