"""Addresses of tiles: checked against the layer, the tile matrix set and the formats, before anything is read."""

import hashlib

import msgspec

from core.errors import BadRequest, LayerNotFound, NotAcceptable
from core.layer import PublishedLayer, RasterSource, TiledSource, VectorSource
from core.style import Style
from core.table import LayerTable
from tiler.archive.level import MERCATOR
from tiler.coverage import layer_limits
from tiler.matrix import TileLimits, TileMatrix, TileMatrixSet, check_place, tile_bounds, tile_matrix, tile_matrix_set
from tiler.raster.data import DATA_TYPES
from tiler.raster.encode import LOSSLESS, PICTURE_TYPES, SEEDED_TYPES
from tiler.raster.grid import PixelGrid
from tiler.styles import data_style_of, style_of
from tiler.vector.layer import TileSource
from tiler.vector.select import EVERYTHING, Selection

RASTER_TYPES = PICTURE_TYPES | DATA_TYPES
"""Media types of raster tiles by extension, pictures first."""

VECTOR_TYPES = {"mvt": "application/vnd.mapbox-vector-tile", "pbf": "application/vnd.mapbox-vector-tile"}
"""Media types of vector tiles by extension."""

ARCHIVE_TYPES = PICTURE_TYPES | VECTOR_TYPES | {"avif": "image/avif"}
"""Media types of stored tiles by extension."""

ENCODING = "6"
"""Part of every ETag: changed whenever the engine encodes the same tile in another way."""

MAX_LEVELS = 4096
"""Levels remembered; all are forgotten when there are more."""


class TileLevel(msgspec.Struct, frozen=True, gc=False):
    """What all tiles of a level have in common, in a format and a style that the layer has."""

    layer: PublishedLayer
    tms: TileMatrixSet
    matrix: TileMatrix
    extension: str
    media_type: str
    style: Style | None
    """How a raster is shown."""
    limits: TileLimits | None
    """Where the layer lies, None when it does not reach the level."""
    zoom: int | None
    """Level of Web Mercator's own scheme, None in a set of another CRS."""
    tag: str
    """How the entity tags of its tiles begin."""

    def tag_with(self, shown: str, edition: str = "") -> str:
        """Return how entity tags begin of tiles that show something of their own, or that have changed."""
        version = f"{self.layer.version}.{edition}" if edition else self.layer.version
        return f'"{version}-{ENCODING}-{shown}-{self.tms.id}-{self.matrix.id}'


class TileAddress(msgspec.Struct, frozen=True, gc=False):
    """A tile that exists in its set and a format its layer has."""

    level: TileLevel
    col: int
    row: int
    scale: int
    """Pixels of the answer per pixel of the set, 2 for dense screens."""
    selection: Selection
    """What is shown of a vector layer."""
    etag: str
    """Entity tag of the identity encoding, known before any read."""
    drawn_from: TileSource | None = None
    """A vector layer that changes, as it was found when the tile was asked for; None for what does not change."""
    settled: bool = True
    """All changes that are known are in it."""

    @property
    def layer(self) -> PublishedLayer:
        """The layer."""
        return self.level.layer

    @property
    def tms(self) -> TileMatrixSet:
        """The tile matrix set."""
        return self.level.tms

    @property
    def matrix(self) -> TileMatrix:
        """The level of the set."""
        return self.level.matrix

    @property
    def extension(self) -> str:
        """Extension of the format."""
        return self.level.extension

    @property
    def media_type(self) -> str:
        """Media type of the format."""
        return self.level.media_type

    @property
    def max_age(self) -> int:
        """How long a client may keep the tile, seconds."""
        return self.level.layer.max_age

    @property
    def grid(self) -> PixelGrid:
        """The pixels of the tile."""
        matrix = self.level.matrix
        west, _, _, north = tile_bounds(matrix, self.col, self.row)
        side, cell = matrix.tile_size * self.scale, matrix.cell_size / self.scale
        return PixelGrid(self.level.tms.crs, west, north, cell, cell, side, side)


class TileLevels:
    """Levels that were asked for, by how the paths of their tiles begin and end; belongs to one event loop.

    What is kept says no more than what is published: a level is good for the very layer it was made of.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], TileLevel] = {}

    def find(self, path: str, layers: LayerTable) -> TileAddress | None:
        """Return the tile of a path like one that was remembered, else None.

        Raises:
            BadRequest: The density is not offered.
            TileNotFound: The column or row does not exist in the set.
        """
        if "%" in path or path.count("/") < 2:
            return None
        begin, x, file = path.rsplit("/", 2)
        y, _, extension = file.partition(".")
        level = self._known.get((begin, extension))
        if level is None or layers.find(level.layer.name) is not level.layer:
            return None
        return tile_of(level, x, y)

    def remember(self, path: str, x: str, file: str, level: TileLevel) -> None:
        """Keep a level, unless the path says more than its beginning, a column and a file with an extension.

        Args:
            path: As it was sent.
            x: Column, as it was understood.
            file: Row and extension, as they were understood.
            level: The level of the tile.
        """
        begin = path.removesuffix(f"/{x}/{file}")
        if begin == path or "." not in file:
            return
        if len(self._known) >= MAX_LEVELS:
            self._known.clear()
        self._known[begin, file.partition(".")[2]] = level


def address(
    layer: PublishedLayer, tms_id: str, z: str, x: str, y: str, extension: str, style_name: str = ""
) -> TileAddress:
    """Check a tile's address.

    Args:
        layer: The layer.
        tms_id: Identifier of the tile matrix set.
        z: Identifier of the level.
        x: Column.
        y: Row; of a raster `@2x` after it asks for twice the pixels.
        extension: Format.
        style_name: Name of the style; empty for the default.

    Raises:
        LayerNotFound: The layer is a point cloud.
        StyleNotFound: The layer has no such style.
        TileMatrixSetNotFound: There is no such set.
        TileNotFound: The level, column or row does not exist in the set.
        BadRequest: No tile has this format.
        NotAcceptable: The layer, or the style, has no tiles in this format.
    """
    return tile_of(tile_level(layer, tms_id, z, extension, style_name), x, y)


def tile_level(layer: PublishedLayer, tms_id: str, z: str, extension: str, style_name: str = "") -> TileLevel:
    """Check all of a tile's address but its column and row, and raise as `address` does."""
    if not isinstance(layer.source, TiledSource):
        raise LayerNotFound(f"{layer.name} is a point cloud and has no tiles", f"see /points/{layer.name}/info")
    types = tile_types(layer.source)
    media_type = types.get(extension)
    if extension not in RASTER_TYPES and extension not in ARCHIVE_TYPES:
        raise BadRequest(f".{extension[:20]} is not a tile format", f"use .{' or .'.join(types)}")
    if media_type is None and extension in SEEDED_TYPES and isinstance(layer.source, RasterSource):
        raise NotAcceptable(f"{layer.name} gives .{extension} in seeded archives alone", "use .webp")
    if media_type is None:
        raise NotAcceptable(f"{layer.name} has no .{extension[:20]} tiles", f"use .{' or .'.join(types)}")
    style = _style(layer, style_name, extension)
    tms = tile_matrix_set(tms_id)
    return level_of(layer, tms, tile_matrix(tms, z), extension, media_type, style)


def level_of(
    layer: PublishedLayer,
    tms: TileMatrixSet,
    matrix: TileMatrix,
    extension: str,
    media_type: str,
    style: Style | None,
) -> TileLevel:
    """Put a level together whose parts are known to be right."""
    limits = layer_limits(layer.bbox, tms.id, matrix.id)
    zoom = int(matrix.id) if tms.crs == MERCATOR else None
    made = TileLevel(layer, tms, matrix, extension, media_type, style, limits, zoom, "")
    return msgspec.structs.replace(made, tag=made.tag_with("" if style is None else style.name))


def tile_of(level: TileLevel, x: str, y: str) -> TileAddress:
    """Return the tile of a level at a column and a row.

    Raises:
        BadRequest: The density is not offered.
        TileNotFound: The column or row does not exist in the set.
    """
    scale = 1
    if "@" in y:
        y, _, density = y.partition("@")
        if density != "2x" or level.extension in VECTOR_TYPES:
            raise BadRequest(f"@{density[:20]} is not offered", "leave it out, or ask for @2x of a raster")
        scale = 2
    col, row = _index(x), _index(y)
    check_place(level.matrix, col, row)
    return place_tile(level, col, row, scale=scale)


def place_tile(
    level: TileLevel, col: int, row: int, *, scale: int = 1, selection: Selection = EVERYTHING
) -> TileAddress:
    """Return the tile of a level at a column and a row that exist."""
    tag = level.tag if selection is EVERYTHING else level.tag_with(_shown(selection))
    return TileAddress(level, col, row, scale, selection, _etag(tag, level, col, row, scale))


def bind(wanted: TileAddress, source: TileSource, edition: str, *, settled: bool) -> TileAddress:
    """Return a tile of a vector layer that changes, bound to the layer as it is now.

    Args:
        wanted: The tile.
        source: What it is drawn from.
        edition: What tells it from the tile before the last change; empty when it is as it was stored.
        settled: All changes that are known are in the layer.
    """
    level = wanted.level
    shown = "" if wanted.selection is EVERYTHING else _shown(wanted.selection)
    etag = _etag(level.tag_with(shown, edition), level, wanted.col, wanted.row, wanted.scale)
    return TileAddress(level, wanted.col, wanted.row, wanted.scale, wanted.selection, etag, source, settled)


def _shown(selection: Selection) -> str:
    return hashlib.sha256(msgspec.json.encode(selection)).hexdigest()[:16]


def _etag(tag: str, level: TileLevel, col: int, row: int, scale: int) -> str:
    return f'{tag}-{col}-{row}-{scale}.{level.extension}"'


def _style(layer: PublishedLayer, name: str, extension: str) -> Style | None:
    """Return the style of a tile, None for a vector tile without one."""
    if extension in DATA_TYPES:
        return data_style_of(layer, name)
    style = style_of(layer, name) if name or isinstance(layer.source, RasterSource) else None
    if style is not None and style.lossless and extension not in LOSSLESS:
        raise NotAcceptable(
            f".{extension[:20]} would spoil the values of style {style.name}", f"use .{' or .'.join(sorted(LOSSLESS))}"
        )
    return style


def tile_types(source: TiledSource) -> dict[str, str]:
    """Return the media types in which a layer has tiles, by extension."""
    if isinstance(source, RasterSource):
        return RASTER_TYPES
    if isinstance(source, VectorSource) or source.tile_type == "mvt":
        return VECTOR_TYPES
    types = PICTURE_TYPES
    if source.encoding:
        types = {name: media for name, media in types.items() if name in LOSSLESS}
    return types | {source.tile_type: ARCHIVE_TYPES[source.tile_type]}


def _index(text: str) -> int:
    """Return a column or row; anything but a short run of ASCII digits is outside every matrix."""
    return int(text) if len(text) <= 12 and text.isascii() and text.isdigit() else -1
