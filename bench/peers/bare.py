"""A bare ASGI program on granian that holds the tiles as bytes: what any program of the kind can reach at most."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec

from bench.bare import SOURCES
from bench.peer import Say
from bench.scenario import Kept, TileRequest
from bench.server import HOST, Server, asgi_command, asgi_environment, end, free_port, launch

NAME = "bare"


def prepare(home: Path, sources: Mapping[str, Path], say: Say) -> dict[str, str]:
    """Nothing has to be installed."""
    del home, sources, say
    return {"granian": version("granian")}


def start(home: Path, sources: Mapping[str, Path], *, keeps: Kept, environment: Mapping[str, str] = {}) -> Server:
    """Start one worker, as ours is started."""
    del keeps, environment
    port = free_port()
    paths = {name: str(path) for name, path in sources.items() if path.is_file()}
    return launch(
        NAME,
        asgi_command("bench.bare:create_app", port),
        port=port,
        home=home,
        environment={**asgi_environment(), SOURCES: msgspec.json.encode(paths).decode()},
        ready="/ready",
    )


def url(server: Server, sources: Mapping[str, Path], request: TileRequest) -> str:
    """Return the address of a tile."""
    del sources
    place = f"{request.source}/{request.tms}/{request.z}/{request.x}/{request.y}.{request.extension}"
    return f"http://{HOST}:{server.port}/{place}"


def stop(server: Server) -> None:
    """End it."""
    end(server)
