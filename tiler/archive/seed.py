"""All tiles of a layer, made in the order of their ids and written down as they come."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from core.errors import BadRequest, GeoplateformeError, NotAcceptable, Unavailable
from core.layer import ArchiveSource, Bounds, PublishedLayer, RasterSource, TiledSource
from core.style import MAPBOX, TERRARIUM
from tiler.address import ARCHIVE_TYPES, ENCODING, TileAddress, level_of, place_tile, tile_types
from tiler.archive.about import About
from tiler.archive.level import MERCATOR
from tiler.archive.spool import Spool
from tiler.archive.tile_id import tiles_within
from tiler.coverage import layer_limits
from tiler.matrix import TileLimits, TileMatrixSet, tile_matrix_set
from tiler.raster.encode import LOSSLESS, Effort
from tiler.renderer import Renderer
from tiler.samples import preferred_extension
from tiler.styles import style_of
from tiler.tilejson import describe

LOSSY = frozenset({"jpg", "webp", "avif"})
"""Formats that have a quality."""

AHEAD = 8
"""Tiles that are being made for each job, so that none waits for a slow one."""

_ATTEMPTS, _PAUSE_S = 6, 1.0
"""How often a tile is asked while the store does not answer, and the first pause between, which doubles."""


class SeedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be in an archive; a run goes on only where one with an equal plan ended."""

    layer: str
    version: str
    """Version of the layer's data."""
    tms: str
    zooms: tuple[int, int]
    """First and last level."""
    bbox: Bounds
    """West, south, east, north, degrees."""
    extension: str
    style: str = ""
    quality: int = 0
    """1 to 100; 0 for what suits the format."""
    encoding: str = ENCODING
    """How the engine encodes tiles."""


class SeedProgress(msgspec.Struct, frozen=True):
    """How far a run is."""

    done: int
    """Tiles made, those of runs before included."""
    total: int
    """Tiles to make."""
    per_second: float
    """Tiles made each second by this run."""
    left_s: float
    """Seconds left at this pace."""


def plan_seed(
    layer: PublishedLayer,
    *,
    tms: str = "PM",
    zooms: tuple[int, int] | None = None,
    bbox: Bounds | None = None,
    extension: str = "",
    style: str = "",
    quality: int = 0,
) -> SeedPlan:
    """Check what is asked of an archive of a tiled layer and fill in what is not said.

    Raises:
        BadRequest: Levels, box, quality or set cannot be those of an archive.
        NotAcceptable: The layer, or the style, has no tiles in the format.
        StyleNotFound: The layer has no such style.
        TileMatrixSetNotFound: There is no such set.
    """
    source = layer.source
    assert isinstance(source, TiledSource), "point clouds have no tiles"
    types = tile_types(source)
    matrices = _mercator(tms).matrices
    low, high = zooms or (source.min_zoom, min(source.max_zoom, len(matrices) - 1))
    if not 0 <= low <= high < len(matrices):
        raise BadRequest(f"levels {low} to {high} cannot be made", f"levels of {tms} go from 0 to {len(matrices) - 1}")
    extension = extension or preferred_extension(layer, style)
    offered = (set(types) & set(ARCHIVE_TYPES) | ({"avif"} if "jpg" in types else set())) - {"pbf", "jpeg"}
    if extension not in offered:
        raise NotAcceptable(f"{layer.name} has no {extension} tiles", f"use {' or '.join(sorted(offered))}")
    shown = style_of(layer, style) if style or isinstance(source, RasterSource) else None
    if shown is not None and shown.lossless and extension not in LOSSLESS:
        raise NotAcceptable(f"{extension} would spoil the values of style {shown.name}", "use png or webp")
    if quality and (extension not in LOSSY or not 1 <= quality <= 100):
        raise BadRequest(f"quality {quality} of {extension} has no meaning", "give 1 to 100 with jpg, webp or avif")
    return SeedPlan(
        layer=layer.name,
        version=layer.version,
        tms=tms,
        zooms=(low, high),
        bbox=_inside(layer, bbox),
        extension=extension,
        style=style,
        quality=quality,
    )


def effort_of(plan: SeedPlan) -> Effort:
    """Return how tiles are encoded that nobody waits for."""
    return Effort(quality=plan.quality, webp_method=4, avif_speed=6, gzip_level=5)


def count_tiles(layer: PublishedLayer, plan: SeedPlan) -> int:
    """Return how many addresses the plan has."""
    return sum(
        (limits.max_col - limits.min_col + 1) * (limits.max_row - limits.min_row + 1)
        for _, limits in _limits(layer, plan)
    )


async def seed_tiles(
    renderer: Renderer,
    layer: PublishedLayer,
    plan: SeedPlan,
    spool: Spool,
    *,
    jobs: int,
    on_progress: Callable[[SeedProgress], None],
) -> None:
    """Make what a spool has not yet.

    Tiles are made side by side and written in order, so that the last one tells where to go on.

    Args:
        renderer: Makes the tiles.
        layer: The layer.
        plan: What is wanted.
        spool: Takes the tiles; may hold some already.
        jobs: Tiles made at a time.
        on_progress: Told after each tile.

    Raises:
        GeoplateformeError: A tile cannot be made; the message names it.
    """
    begun, start, total = spool.tiles + spool.blank, time.monotonic(), count_tiles(layer, plan)
    pending: deque[tuple[int, asyncio.Task[bytes]]] = deque()

    async def take() -> None:
        identifier, task = pending.popleft()
        spool.add(identifier, await task)
        done = spool.tiles + spool.blank
        pace = (done - begun) / max(time.monotonic() - start, 1e-6)
        on_progress(SeedProgress(done, total, pace, (total - done) / pace))

    try:
        for identifier, address in _addresses(layer, plan, spool.last):
            if len(pending) >= AHEAD * jobs:
                await take()
            pending.append((identifier, asyncio.ensure_future(_make(renderer, address))))
        while pending:
            await take()
    finally:
        for _, task in pending:
            task.cancel()
        await asyncio.gather(*(task for _, task in pending), return_exceptions=True)


def about_seed(layer: PublishedLayer, plan: SeedPlan) -> About:
    """Return what the archive says of itself."""
    west, south, east, north = plan.bbox
    longitude, latitude = layer.sample
    inside = west <= longitude <= east and south <= latitude <= north
    metadata: dict[str, object] = {
        "name": layer.title,
        "type": "overlay" if plan.extension in {"png", "mvt"} else "baselayer",
        "version": plan.version,
        "generator": "geopf",
    }
    if layer.abstract:
        metadata["description"] = layer.abstract
    described = describe(layer, tile_matrix_set(plan.tms), "", plan.style)
    if described.attribution:
        metadata["attribution"] = described.attribution
    if described.vector_layers:
        metadata["vector_layers"] = msgspec.to_builtins(described.vector_layers)
    terrain = style_of(layer, plan.style).terrain if isinstance(layer.source, RasterSource) else None
    if terrain in {MAPBOX, TERRARIUM}:
        metadata["encoding"] = "mapbox" if terrain == MAPBOX else "terrarium"
    if isinstance(layer.source, ArchiveSource) and layer.source.encoding:
        metadata["encoding"] = layer.source.encoding
    return About(
        tile_type=msgspec.convert(plan.extension, ArchiveSource.__annotations__["tile_type"]),
        gzipped=plan.extension == "mvt",
        bounds=plan.bbox,
        center=(longitude, latitude) if inside else ((west + east) / 2, (south + north) / 2),
        metadata=metadata,
    )


async def _make(renderer: Renderer, address: TileAddress) -> bytes:
    pause_s = _PAUSE_S
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return (await renderer.tile(address, coding="gzip" if address.extension == "mvt" else "")).data
        except GeoplateformeError as err:
            if isinstance(err, Unavailable) and attempt < _ATTEMPTS:
                await asyncio.sleep(pause_s)
                pause_s *= 2
                continue
            place = f"{address.matrix.id}/{address.col}/{address.row}"
            raise type(err)(f"tile {place} cannot be made: {err.message}", err.remedy) from err
    raise AssertionError("the last attempt returns or raises")


def _addresses(layer: PublishedLayer, plan: SeedPlan, after: int) -> Iterator[tuple[int, TileAddress]]:
    tms = tile_matrix_set(plan.tms)
    style = style_of(layer, plan.style) if isinstance(layer.source, RasterSource) else None
    media_type = ARCHIVE_TYPES[plan.extension]
    for zoom, limits in _limits(layer, plan):
        level = level_of(layer, tms, tms.by_id[str(zoom)], plan.extension, media_type, style)
        for identifier, col, row in tiles_within(zoom, limits, after):
            yield identifier, place_tile(level, col, row)


def _limits(layer: PublishedLayer, plan: SeedPlan) -> Iterator[tuple[int, TileLimits]]:
    """Yield the tiles of each level that lie in both boxes."""
    for zoom in range(plan.zooms[0], plan.zooms[1] + 1):
        one, other = (layer_limits(box, plan.tms, str(zoom)) for box in (layer.bbox, plan.bbox))
        if one is None or other is None:
            continue
        both = TileLimits(
            max(one.min_col, other.min_col),
            min(one.max_col, other.max_col),
            max(one.min_row, other.min_row),
            min(one.max_row, other.max_row),
        )
        if both.min_col <= both.max_col and both.min_row <= both.max_row:
            yield zoom, both


def _mercator(identifier: str) -> TileMatrixSet:
    tms = tile_matrix_set(identifier)
    if tms.crs != MERCATOR:
        raise BadRequest(
            f"{identifier} is in {tms.crs}, and PMTiles and MBTiles hold tiles in Web Mercator alone", "use --tms PM"
        )
    return tms


def _inside(layer: PublishedLayer, bbox: Bounds | None) -> Bounds:
    """Return the part of a box that the layer has."""
    if bbox is None:
        return layer.bbox
    west, south = max(bbox[0], layer.bbox[0]), max(bbox[1], layer.bbox[1])
    east, north = min(bbox[2], layer.bbox[2]), min(bbox[3], layer.bbox[3])
    if not (west < east and south < north):
        raise BadRequest(
            f"the box {bbox} holds nothing of {layer.name}", f"give west,south,east,north within {layer.bbox}"
        )
    return west, south, east, north
