"""The map style: how clients draw the vector tiles of a layer, as a MapLibre style of version 8.

`core.map_style_check` says what can stand in one, `core.map_style_read` reads files.
"""

import msgspec

MAX_MAP_STYLE_BYTES = 512 << 10
"""Bytes of a style file."""

MAX_ALL_BYTES = 2 << 20
"""Bytes of all styles of a layer: they are part of the publication, which every engine holds in memory."""


class MapStyle(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How the vector tiles of a layer are drawn."""

    name: str
    """Name in URLs: letters, digits, `_`, `-`, `.`."""

    title: str = ""
    """What people read."""

    document: str
    """A JSON object: what the style says beside its version, its name and where tiles, letters and icons come from,
    which the engine tells."""
