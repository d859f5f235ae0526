"""The trial `freshness-s`: how long after a change of a feature the tiles show it, here and on another host."""

import asyncio
import json
import statistics
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import mapbox_vector_tile
import msgspec
import shapely

from bench.buildings import BUILDINGS, CRS, middles, prepare_buildings
from bench.peers import geopf
from bench.scenario import Figure, Target, Trial
from bench.server import HOST, Server, end
from control.changes.service import change_layer
from control.db.embedded import url_of
from control.db.pool import open_pool
from control.settings import postgres_folder
from core.errors import Unavailable
from core.open_store import open_store
from core.settings import CoreSettings

_TURNS = 20
_LEVELS = (16, 10)
"""One drawn from the features as they are, one from a generalised level."""

_POLL_S = 0.005
_PATIENCE_S = 30.0
_SIDE_M = 2_000.0
"""Of the square that is added: seen on every level."""

Say = Callable[[str], None]


class _Seen(msgspec.Struct, frozen=True):
    """What a change took, seconds."""

    commit: float
    """Until it was published."""
    here: float
    """Until the last of the tiles of the platform that published showed it."""
    elsewhere: float
    """The same of an engine alone, as on another host."""


def trial() -> Trial:
    """Return the trial."""
    return Trial(
        id="freshness-s",
        what="time from a change of one of 400,000 buildings to the last of two tiles, levels 16 and 10, that shows it",
        unit="seconds",
        target=Target(value=1.0, at_most=True),
        run=run,
    )


def run(home: Path, say: Say) -> Figure:
    """Publish the buildings, change one again and again, and wait for its tiles.

    Raises:
        Unavailable: The platform does not start, or a change is not served.
    """
    parquet = prepare_buildings(home.parent / "sources" / "vector", say)
    geopf.prepare(home, {BUILDINGS: parquet}, say)
    platform = geopf.start(home, {}, keeps="all")
    try:
        other = geopf.start_engine(home, {})
        try:
            seen = asyncio.run(_measure(home, (platform, other)))
        finally:
            end(other)
    finally:
        geopf.stop(platform)
    here = statistics.median(one.here for one in seen)
    return Figure(
        value=here,
        note=(
            f"median of {len(seen)} changes, the slowest {max(one.here for one in seen):.2f} s; published after "
            f"{statistics.median(one.commit for one in seen):.2f} s; on another host after "
            f"{statistics.median(one.elsewhere for one in seen):.2f} s, at most "
            f"{max(one.elsewhere for one in seen):.2f} s (5 s allowed)"
        ),
    )


async def _measure(home: Path, servers: tuple[Server, Server]) -> list[_Seen]:
    store = open_store(CoreSettings(data=home))
    x, y = (float(value) for value in middles()[1000])
    tiles = [_tile(x, y, level) for level in _LEVELS]
    for server in servers:
        for tile in tiles:
            _names(server, tile)  # opened, as layers of a running engine are
    found = []
    try:
        async with open_pool(lambda: url_of(postgres_folder(home)), connections=2) as pool:
            identifier = None
            for turn in range(_TURNS):
                name = f"turn {turn}"
                edit = _edit(identifier, x, y, name)
                began = time.perf_counter()
                done = await change_layer(pool, store, BUILDINGS, edit, CRS)
                published = time.perf_counter() - began
                (identifier,) = done.ids
                here, elsewhere = await asyncio.gather(
                    *(asyncio.to_thread(_wait, server, tiles, identifier, name, began) for server in servers)
                )
                found.append(_Seen(published, here, elsewhere))
    finally:
        await store.close()
    return found


def _edit(identifier: int | None, x: float, y: float, name: str) -> bytes:
    square = json.loads(shapely.to_geojson(shapely.box(x, y, x + _SIDE_M, y + _SIDE_M)))
    feature = {"type": "Feature", "geometry": square, "properties": {"nature": name}}
    return json.dumps(feature if identifier is None else feature | {"id": identifier}).encode()


def _wait(server: Server, tiles: list[str], identifier: int, name: str, began: float) -> float:
    """Return the seconds until all tiles show a feature as it is now."""
    for tile in tiles:
        while _names(server, tile).get(identifier) != name:
            if time.perf_counter() - began > _PATIENCE_S:
                raise Unavailable(f"{tile} does not show the change after {_PATIENCE_S:.0f} s", "see the engine's log")
            time.sleep(_POLL_S)
    return time.perf_counter() - began


def _names(server: Server, tile: str) -> dict[int, str | None]:
    with urllib.request.urlopen(f"http://{HOST}:{server.port}{tile}", timeout=_PATIENCE_S) as answer:
        layers = mapbox_vector_tile.decode(answer.read())
    return {one["id"]: one["properties"].get("nature") for one in layers[BUILDINGS]["features"]}


def _tile(x: float, y: float, level: int) -> str:
    from pyproj import Transformer

    from tiler.matrix import tile_at, tile_matrix_set

    way = Transformer.from_crs(CRS, "EPSG:3857", always_xy=True)
    col, row = tile_at(tile_matrix_set("PM").by_id[str(level)], *way.transform(x, y))
    return f"/tiles/{BUILDINGS}/PM/{level}/{col}/{row}.mvt"
