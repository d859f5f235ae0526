"""Several vector layers in one tile: their addresses, their tiles joined, their TileJSON."""

import hashlib
from collections.abc import Sequence

import msgspec

from core.errors import BadRequest, BadSource
from core.layer import Bounds, PublishedLayer
from core.table import LayerTable
from tiler.address import TileAddress, address
from tiler.compression import Coding
from tiler.matrix import TileMatrixSet
from tiler.renderer import EncodedTile, Renderer
from tiler.tilejson import TileJson, VectorLayer, describe
from tiler.vector.mvt_check import split_layers

SEPARATOR = ","
"""Between the names of layers in an address; no layer has it in its name."""

MAX_LAYERS = 16
"""Layers of a composite at most."""


class CompositeAddress(msgspec.Struct, frozen=True, gc=False):
    """One tile of several vector layers."""

    parts: tuple[TileAddress, ...]
    """The tile of each layer, in the order asked for."""

    @property
    def etag(self) -> str:
        """Entity tag of the identity encoding: of all layers' versions, in their order."""
        tags = "".join(part.layer.name + part.etag for part in self.parts)
        return f'"{hashlib.blake2b(tags.encode(), digest_size=12).hexdigest()}"'

    @property
    def extension(self) -> str:
        """Extension of the format, `mvt` or `pbf`."""
        return self.parts[0].extension

    @property
    def media_type(self) -> str:
        """Media type of the format."""
        return self.parts[0].media_type

    @property
    def max_age(self) -> int:
        """How long a client may keep the tile, seconds: no longer than that of any layer."""
        return min(part.max_age for part in self.parts)


def find_layers(names: str, layers: LayerTable) -> tuple[PublishedLayer, ...]:
    """Return the layers of a composite.

    Args:
        names: Their names, with commas between them.
        layers: What is published.

    Raises:
        BadRequest: They are too many, or one is named twice.
        LayerNotFound: One is not published.
    """
    wanted = names.split(SEPARATOR)
    if len(wanted) > MAX_LAYERS:
        raise BadRequest(f"{len(wanted)} layers are asked for in one tile", f"ask for {MAX_LAYERS} at most")
    twice = next((name for name in wanted if wanted.count(name) > 1), None)
    if twice is not None:
        raise BadRequest(f"layer {twice[:140]!r} is asked for twice", "name each layer once")
    return tuple(layers.get(name) for name in wanted)


def composite_address(
    layers: Sequence[PublishedLayer], tms_id: str, z: str, x: str, y: str, extension: str
) -> CompositeAddress:
    """Check the address of a tile of several layers.

    Args:
        layers: The layers.
        tms_id: Identifier of the tile matrix set.
        z: Identifier of the level.
        x: Column.
        y: Row.
        extension: Format, empty for `mvt`.

    Raises:
        BadRequest: No tile has this format, or no vector tile.
        LayerNotFound: A layer is a point cloud.
        NotAcceptable: A layer has no vector tiles.
        TileMatrixSetNotFound: There is no such set.
        TileNotFound: The level, column or row does not exist in the set.
    """
    if extension not in {"", "mvt", "pbf"}:
        raise BadRequest(f"several layers make no .{extension[:20]} tile", "use .mvt, or ask for the layers one by one")
    return CompositeAddress(tuple(address(layer, tms_id, z, x, y, extension or "mvt") for layer in layers))


async def find_composite(renderer: Renderer, wanted: CompositeAddress) -> CompositeAddress:
    """Return an address bound to its layers as they are now.

    Raises:
        BadSource: A stored file is missing or damaged.
        Unavailable: The store does not answer.
    """
    return CompositeAddress(tuple([await renderer.find(part) for part in wanted.parts]))


async def composite_tile(renderer: Renderer, wanted: CompositeAddress, *, coding: Coding) -> EncodedTile:
    """Return one tile with the layers of several; each keeps to its own bounds of features and bytes.

    Raises:
        BadSource: A stored file is missing or damaged.
        TileMatrixSetNotFound: One of them is an archive, and the set not Web Mercator.
        TileNotFound: All of them are archives without this level.
        Unavailable: Too many tiles are being made, or the store does not answer.
    """
    names = [part.layer.name for part in wanted.parts]
    return await renderer.joined(
        wanted.etag, wanted.parts, lambda tiles: join_tiles(list(zip(names, tiles, strict=True))), coding=coding
    )


def join_tiles(tiles: Sequence[tuple[str, bytes]]) -> bytes:
    """Join vector tiles into one; of layers that have the same name the first alone is kept.

    Args:
        tiles: Names of the published layers and their tiles, not compressed, empty where they have nothing.

    Raises:
        BadSource: One is no vector tile.
    """
    joined: dict[str, bytes] = {}
    for published, data in tiles:
        try:
            found = split_layers(data)
        except BadSource as err:
            raise BadSource(f"{published}: {err.message}", err.remedy) from err
        for layer in found:
            joined.setdefault(layer.name, layer.data)
    return b"".join(joined.values())


def describe_composite(layers: Sequence[PublishedLayer], tms: TileMatrixSet, base_url: str) -> TileJson:
    """Describe the tiles of several layers: all of their vector layers, over the box that holds all of them.

    Args:
        layers: Vector layers.
        tms: The set asked for.
        base_url: Scheme and authority of this server, without a slash at the end.
    """
    parts = [describe(layer, tms, base_url) for layer in layers]
    inside: dict[str, VectorLayer] = {}
    for part in parts:
        for one in part.vector_layers or ():
            inside.setdefault(one.id, one)
    names = SEPARATOR.join(layer.name for layer in layers)
    return msgspec.structs.replace(
        parts[0],
        tiles=(f"{base_url}/tiles/{names}/{tms.id}/{{z}}/{{x}}/{{y}}.mvt",),
        name=", ".join(part.name for part in parts),
        description=" ".join(dict.fromkeys(part.description for part in parts if part.description)),
        bounds=_union([part.bounds for part in parts]),
        minzoom=min(part.minzoom for part in parts),
        maxzoom=max(part.maxzoom for part in parts),
        vector_layers=tuple(inside.values()),
        attribution=", ".join(dict.fromkeys(part.attribution for part in parts if part.attribution)),
    )


def _union(boxes: Sequence[Bounds]) -> Bounds:
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)
