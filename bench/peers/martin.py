"""Martin, a tile server in Rust on PostGIS, if its program is on the PATH."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.buildings import BUILDINGS
from bench.peer import Say
from bench.peers.postgis import database_folder
from bench.postgis import TABLE, URL, beside, find_postgis, prepare_database
from bench.scenario import Kept, TileRequest
from bench.server import HOST, Server, asgi_environment, end, free_port, launch
from core.errors import Unavailable
from tiler.vector.grid import EXTENT
from tiler.vector.space import BUFFER

NAME = "martin"


def prepare(home: Path, sources: Mapping[str, Path], say: Say) -> dict[str, str]:
    """Load the buildings; Martin itself is not installed by the bench."""
    program = _program()
    find_postgis()
    prepare_database(database_folder(home), sources[BUILDINGS], say)
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20.0, check=True).stdout
    except (OSError, subprocess.SubprocessError) as err:
        raise Unavailable(f"{program} does not run ({err})", "install it again") from err
    return {"martin": said.split()[-1] if said.split() else "unknown"}


def start(home: Path, sources: Mapping[str, Path], *, keeps: Kept, environment: Mapping[str, str] = {}) -> Server:
    """Start the database and beside it one worker without a cache."""
    del sources, keeps, environment
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "martin.yaml"
    settings.write_text(_settings(port))
    return launch(
        NAME,
        beside(database_folder(home), (_program(), "--config", str(settings))),
        port=port,
        home=home,
        environment=asgi_environment(),
        ready="/health",
    )


def url(server: Server, sources: Mapping[str, Path], request: TileRequest) -> str:
    """Return the address of a tile."""
    del sources
    return f"http://{HOST}:{server.port}/{TABLE}/{request.z}/{request.x}/{request.y}"


def stop(server: Server) -> None:
    """End it and the database."""
    end(server)


def _program() -> str:
    found = shutil.which("martin")
    if found is None:
        raise Unavailable("martin is not on the PATH", "put its program there to measure against it")
    return found


def _settings(port: int) -> str:
    return f"""\
listen_addresses: "{HOST}:{port}"
worker_processes: 1
preferred_encoding: gzip
cache_size_mb: 0
postgres:
  connection_string: ${{{URL}}}
  pool_size: 4
  default_srid: 3857
  auto_publish:
    tables:
      from_schemas: public
      extent: {EXTENT}
      buffer: {BUFFER}
    functions: false
"""
