"""Vector tiles: drawn from 400,000 buildings, passed on from archives; what is built and opened for them."""

import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import freshness, low_zooms, many_features, source_build
from bench.buildings import BUILDINGS, full_tiles, prepare_buildings, tiles_with_buildings
from bench.peers import geopf
from bench.scenario import Race, Target, TileRequest, Trial

PEERS = ("postgis", "tipg", "martin", "mapbox_vector_tile", "bare")

PMTILES, MBTILES = "bench-pmtiles", "bench-mbtiles"
"""Names of the archives."""

_ZOOMS = "10-14"
_BUSY = 16
"""Requests under way where tiles are so cheap that fewer would measure how a server sleeps and wakes."""

_STORED_REQUESTS = 12_000
_ON_DATABASE = {"postgis": 10.0, "martin": 10.0, "tipg": 17.0}


def prepare(folder: Path, say: Callable[[str], None]) -> Mapping[str, Path]:
    """Write the sources, once; the archives are seeded from the buildings by the platform itself."""
    buildings = prepare_buildings(folder, say)
    archives = {PMTILES: folder / f"{PMTILES}.pmtiles", MBTILES: folder / f"{MBTILES}.mbtiles"}
    if not all(path.exists() for path in archives.values()):
        home = folder / "seeding"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        try:
            geopf.publish(home, BUILDINGS, [buildings], kind="vector")
            for path in archives.values():
                say(f"seeding {path.name}")
                geopf.seed(home, BUILDINGS, path, _ZOOMS)
        finally:
            shutil.rmtree(home, ignore_errors=True)
    return {BUILDINGS: buildings, **archives}


def races() -> tuple[Race, ...]:
    """Return the rows that are races."""
    full = list(full_tiles())
    random.Random(7).shuffle(full)
    thin = tiles_with_buildings(BUILDINGS, "13")
    return (
        Race(
            id="mvt-1000",
            what="tile of about a thousand of 400,000 buildings with six attributes, drawn anew, gzip included",
            target=Target(value=1_500.0, ratios=_ON_DATABASE),
            requests=tuple(full),
            warmup=thin[:32],
            bound=0.01,
            shows="features",
            named_by="cleabs",
            encoding="gzip",
            peers=("postgis", "tipg", "martin", "mapbox_vector_tile"),
            keeps="nothing",
            connections=_BUSY,
            rounds=10,
        ),
        _passthrough("pmtiles", "PMTiles", PMTILES),
        _passthrough("mbtiles", "MBTiles", MBTILES),
    )


def trials() -> tuple[Trial, ...]:
    """Return the rows that are measured beside ours alone."""
    return low_zooms.trial(), source_build.trial(), many_features.trial(), freshness.trial()


def _passthrough(identifier: str, kind: str, source: str) -> Race:
    stored = full_tiles(source)
    return Race(
        id=identifier,
        what=f"tile of a {kind} archive as it is stored, no tile kept; by a bare ASGI program from memory",
        target=Target(value=12_000.0),
        requests=_repeated(stored, _STORED_REQUESTS),
        warmup=stored,
        bound=0.0,
        shows="features",
        named_by="cleabs",
        encoding="gzip",
        peers=("bare",),
        keeps="nothing",
        connections=_BUSY,
    )


def _repeated(wanted: tuple[TileRequest, ...], count: int) -> tuple[TileRequest, ...]:
    return tuple(random.Random(11).choices(wanted, k=count))
