"""ST_AsMVT of PostGIS asked by asyncpg: what every tile server on a database does, without the rest of them."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from bench.buildings import BUILDINGS
from bench.peer import Say
from bench.postgis import beside, find_postgis, prepare_database
from bench.scenario import Kept, TileRequest
from bench.server import HOST, Server, asgi_command, asgi_environment, end, free_port, launch

NAME = "postgis"


def prepare(home: Path, sources: Mapping[str, Path], say: Say) -> dict[str, str]:
    """Load the buildings, indexed, in Web Mercator so that no tile has to be transformed."""
    found = prepare_database(database_folder(home), sources[BUILDINGS], say)
    return {"PostGIS": found, "PostgreSQL": str(find_postgis().major), "asyncpg": version("asyncpg")}


def database_folder(home: Path) -> Path:
    """Return the folder of the database that peers share, by the folder of one of them."""
    return home.parent / "database"


def start(home: Path, sources: Mapping[str, Path], *, keeps: Kept, environment: Mapping[str, str] = {}) -> Server:
    """Start the database and beside it one worker that passes its tiles on, compressed."""
    del sources, keeps, environment
    port = free_port()
    return launch(
        NAME,
        beside(database_folder(home), asgi_command("bench.sql_tiles:create_app", port)),
        port=port,
        home=home,
        environment=asgi_environment(),
        ready="/ready",
    )


def url(server: Server, sources: Mapping[str, Path], request: TileRequest) -> str:
    """Return the address of a tile."""
    del sources
    return f"http://{HOST}:{server.port}/{request.z}/{request.x}/{request.y}.mvt"


def stop(server: Server) -> None:
    """End it and the database."""
    end(server)
