"""The application tipg on uvicorn: features and tiles of a PostGIS database by OGC APIs."""

from collections.abc import Mapping
from pathlib import Path

from bench.buildings import BUILDINGS
from bench.environment import ensure_environment, installed_versions
from bench.peer import Say
from bench.peers.postgis import database_folder
from bench.postgis import TABLE, beside, find_postgis, prepare_database
from bench.scenario import Kept, TileRequest
from bench.server import HOST, Server, asgi_environment, end, free_port, launch
from tiler.vector.grid import EXTENT
from tiler.vector.space import BUFFER

NAME = "tipg"

REQUIREMENTS = ("tipg==1.6.1", "uvicorn[standard]==0.54.0")

_SETTINGS = {"TIPG_TILE_RESOLUTION": EXTENT, "TIPG_TILE_BUFFER": BUFFER, "TIPG_MAX_FEATURES_PER_TILE": 20_000}
"""Tiles as ours: as fine, with the same margin."""


def prepare(home: Path, sources: Mapping[str, Path], say: Say) -> dict[str, str]:
    """Install tipg and load the buildings; without PostGIS nothing is installed."""
    find_postgis()
    say(f"preparing {REQUIREMENTS[0]} in {home}")
    python = ensure_environment(home / "environment", REQUIREMENTS)
    prepare_database(database_folder(home), sources[BUILDINGS], say)
    return installed_versions(python, [one.partition("==")[0].partition("[")[0] for one in REQUIREMENTS])


def start(home: Path, sources: Mapping[str, Path], *, keeps: Kept, environment: Mapping[str, str] = {}) -> Server:
    """Start the database and beside it one worker; tipg keeps no tile."""
    del sources, keeps, environment
    port = free_port()
    python = home / "environment" / "bin" / "python"
    return launch(
        NAME,
        beside(
            database_folder(home),
            (
                *(str(python), "-m", "uvicorn", "tipg.main:app", "--host", HOST, "--port", str(port)),
                *("--workers", "1", "--no-access-log", "--log-level", "warning"),
            ),
        ),
        port=port,
        home=home,
        environment={**asgi_environment(), **{name: str(value) for name, value in _SETTINGS.items()}},
        ready="/healthz",
    )


def url(server: Server, sources: Mapping[str, Path], request: TileRequest) -> str:
    """Return the address of a tile."""
    del sources
    place = f"{request.z}/{request.x}/{request.y}"
    return f"http://{HOST}:{server.port}/collections/public.{TABLE}/tiles/WebMercatorQuad/{place}"


def stop(server: Server) -> None:
    """End it and the database."""
    end(server)
