"""The encoder of most Python programs, mapbox-vector-tile: features found and cut by shapely, in one process."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from bench.buildings import BUILDINGS
from bench.peer import Say
from bench.plain_tiles import SOURCE
from bench.scenario import Kept, TileRequest
from bench.server import HOST, Server, asgi_command, asgi_environment, end, free_port, launch

NAME = "mapbox_vector_tile"


def prepare(home: Path, sources: Mapping[str, Path], say: Say) -> dict[str, str]:
    """Nothing has to be installed: ours needs it too."""
    del home, sources, say
    return {"mapbox-vector-tile": version("mapbox-vector-tile"), "shapely": version("shapely")}


def start(home: Path, sources: Mapping[str, Path], *, keeps: Kept, environment: Mapping[str, str] = {}) -> Server:
    """Start one worker, which holds the layer in memory and keeps no tile."""
    del keeps, environment
    port = free_port()
    return launch(
        NAME,
        asgi_command("bench.plain_tiles:create_app", port),
        port=port,
        home=home,
        environment={**asgi_environment(), SOURCE: str(sources[BUILDINGS])},
        ready="/ready",
    )


def url(server: Server, sources: Mapping[str, Path], request: TileRequest) -> str:
    """Return the address of a tile."""
    del sources
    return f"http://{HOST}:{server.port}/{request.z}/{request.x}/{request.y}.mvt"


def stop(server: Server) -> None:
    """End it."""
    end(server)
