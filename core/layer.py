"""The published layer: what an engine needs to serve one offering."""

from typing import Literal

import msgspec

from core.changes import Changes
from core.map_style import MapStyle
from core.style import Style

Kind = Literal["raster", "vector", "points"]
Resampling = Literal["nearest", "bilinear", "cubic", "average"]
TileType = Literal["png", "jpg", "webp", "avif", "mvt"]
Bounds = tuple[float, float, float, float]
"""West, south, east, north."""


class Pyramid(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The pixels of a layer, stored on the tiles of one tile matrix set."""

    tms: str
    """Identifier of the set."""

    crs: str
    """Its CRS."""

    href: str
    """Object key, as `RasterSource.href`."""

    files: int
    """Number of files, as `RasterSource.files`."""


class RasterSource(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="raster"):
    """One or more Cloud-Optimized GeoTIFFs on the object store."""

    href: str
    """Object key of the file; of several, of the index that finds them (`tiler.raster.mosaic`)."""

    files: int = 1
    """Number of files; 1 when `href` is the file itself."""

    bands: tuple[int, ...]
    """Bands to show, numbered from 1: one (grey) or three (red, green, blue)."""

    band_count: int = 0
    """Bands that the files have; 0 where it was not noted."""

    dtype: str
    """Sample type, as numpy names it: uint8, int16, float32 ..."""

    nodata: float | None = None
    """Value of missing samples; None when an alpha band or a mask tells, or nothing is missing."""

    rescale: tuple[float, float] | None = None
    """Values shown as black and as white; None for imagery that is ready to be seen (uint8)."""

    crs: str = ""
    """CRS declared by the producer, as authority:code or WKT; empty for the one the file tells."""

    resampling: Resampling = "bilinear"
    """How samples between pixels are found: nearest for classes, bilinear for what is continuous."""

    min_zoom: int = 0
    """First WebMercatorQuad level at which the layer is worth asking."""

    max_zoom: int = 21
    """WebMercatorQuad level of the full resolution."""

    pyramids: tuple[Pyramid, ...] = ()
    """Where the pixels are stored on tiles, `href` among them; empty for files that are as the producer made them."""

    def on(self, tms: str, crs: str) -> "RasterSource":
        """Return the source to take for tiles of a set: that of the very set, else of its CRS, else this one."""
        if len(self.pyramids) < 2:
            return self
        same = [one for one in self.pyramids if one.tms == tms] or [one for one in self.pyramids if one.crs == crs]
        if not same:
            return self
        return msgspec.structs.replace(self, href=same[0].href, files=same[0].files, crs=same[0].crs)


class VectorShapes(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The geometries of a vector layer in the form in which its tiles are drawn."""

    crs: str
    """CRS in which they are stored."""

    href: str
    """Object key."""


class VectorSource(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="vector"):
    """A GeoParquet file on the object store, and what its tiles are drawn from."""

    href: str
    """Object key."""

    geometry_column: str
    """Column that holds the geometries as WKB."""

    crs: str
    """Coordinate reference system of the geometries, as authority:code or WKT 2."""

    fields: dict[str, str]
    """Attributes by name, each `String`, `Number` or `Boolean` (TileJSON 3.0, vector_layers.fields)."""

    geometry_types: tuple[str, ...] = ()
    """Simple-feature types present: Point, LineString, MultiPolygon ..."""

    features: int = 0
    """Number of features."""

    min_zoom: int = 0
    """First WebMercatorQuad level with features."""

    max_zoom: int = 18
    """Last WebMercatorQuad level worth asking; clients overzoom beyond."""

    shapes: tuple[VectorShapes, ...] = ()
    """Made of the file, for tiles; empty where the engine makes them itself."""

    values: str = ""
    """Object key of the attributes in the form in which tiles take them."""

    rows: int = 0
    """Rows of the file, those of removed features included; 0 where it has none of these: as many as features.

    The identifier of a feature is the number of its row, from 0.
    """

    through: int = 0
    """Number of the last change that is in the file."""

    dataset: str = ""
    """What tells the data from others, whatever file they are in; empty for those that do not change."""

    def shapes_for(self, crs: str) -> VectorShapes:
        """Return the shapes to draw tiles of a CRS from: those of the very CRS, else the first."""
        return next((one for one in self.shapes if one.crs == crs), self.shapes[0])


class ArchiveVectorLayer(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One layer inside the vector tiles of an archive (TileJSON 3.0, clause 3.3 `vector_layers`)."""

    id: str
    """Name of the layer in the tiles."""

    fields: dict[str, str] = {}
    """Attributes by name, with what the producer says of them."""

    description: str = ""
    """What people read."""

    min_zoom: int = 0
    """First level with features."""

    max_zoom: int = 22
    """Last level with features."""


class ArchiveSource(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="archive"):
    """A PMTiles 3 archive on the object store: finished tiles in Web Mercator, pictures or vectors."""

    href: str
    """Object key."""

    tile_type: TileType
    """Format of the tiles, and their extension."""

    tile_size: int = 256
    """Width and height of a picture, pixels; without meaning for vectors."""

    resampling: Resampling = "bilinear"
    """How pixels are found where a tile is made of others: in other sets, at other densities, beyond the last level."""

    encoding: Literal["", "mapbox", "terrarium"] = ""
    """How heights stand in the colours, which lossy formats would spoil; empty for pictures to be looked at."""

    vector_layers: tuple[ArchiveVectorLayer, ...] = ()
    """What is in vector tiles; empty for pictures."""

    attribution: str = ""
    """Who made the data, as the archive tells."""

    tiles: int = 0
    """Number of addresses that have a tile."""

    min_zoom: int = 0
    """First level with tiles."""

    max_zoom: int = 22
    """Last level with tiles."""


class PointCloudFile(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One COPC file of a point cloud layer."""

    name: str
    """File name in URLs, unique in the layer: LHD_FXX_0770_6278_PTS_LAMB93_IGN69.copc.laz."""

    href: str
    """Object key."""

    size: int
    """Bytes."""

    points: int
    """Number of points."""

    bounds: tuple[float, float, float, float, float, float]
    """Minimum x, y, z, maximum x, y, z in the CRS of the layer."""


class PointCloudSource(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="points"):
    """COPC files on the object store, which together are one cloud."""

    files: tuple[PointCloudFile, ...]
    """The files, sorted by name."""

    crs: str
    """Coordinate reference system, as authority:code or WKT; empty when unknown."""

    point_format: int
    """LAS point data record format: 6, 7 or 8."""

    points: int
    """Number of points in all files."""

    dimensions: tuple[str, ...] = ()
    """Names of the attributes of a point, as laspy names them."""

    classes: dict[int, int] = {}
    """Number of points by LAS classification code."""


TiledSource = RasterSource | VectorSource | ArchiveSource
"""What is served as tiles."""

Source = TiledSource | PointCloudSource


class PublishedLayer(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What an engine needs to serve one offering, and nothing else."""

    name: str
    """Name in URLs: letters, digits, `_`, `-`, `.` and no more (see `check_layer_name`)."""

    title: str
    """What people read."""

    offering: str
    """Identifier of the offering; rights are granted on this."""

    source: Source
    """Where and how the data are stored."""

    bbox: Bounds
    """West, south, east, north in degrees (EPSG:4326)."""

    sample: tuple[float, float]
    """Longitude and latitude of a place that has data."""

    version: str
    """Changes whenever a tile may change; part of every ETag."""

    abstract: str = ""
    """A sentence or two on the data."""

    max_age: int = 300
    """How long a client may keep an answer without asking again, seconds."""

    styles: tuple[Style, ...] = ()
    """How a raster can be shown, the default first; empty to show samples as they are stored."""

    map_styles: tuple[MapStyle, ...] = ()
    """How vector tiles can be drawn, the default first; empty for the style that every layer has."""

    open: bool = True
    """Served to everybody, without a key."""

    changes: tuple[Changes, ...] = ()
    """What has changed in a vector layer since its source was stored. It travels in parts of its own."""


def kind_of(layer: PublishedLayer) -> Kind:
    """Return the kind of a layer as the API names it."""
    if isinstance(layer.source, ArchiveSource):
        return "vector" if layer.source.tile_type == "mvt" else "raster"
    if isinstance(layer.source, RasterSource):
        return "raster"
    if isinstance(layer.source, VectorSource):
        return "vector"
    return "points"
