"""Ours: the sources published by `geopf ingest`, served by `geopf serve`, in a data folder of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from bench.peer import Say
from bench.scenario import TileRequest
from bench.server import HOST, Server, end, free_port, launch
from control.db.postmaster import living_postmaster
from control.settings import postgres_folder
from core.errors import Unavailable
from core.settings import PREFIX

NAME = "geopf"

_COMPONENTS = ("geoplateforme", "granian", "litestar", "numpy", "rasterio", "rio-tiler")
_INGEST_TIMEOUT_S = 900.0


def prepare(home: Path, sources: Mapping[str, Path], say: Say) -> dict[str, str]:
    """Publish every source as the layer of its name, anew, so that the code of today is what is measured."""
    if living_postmaster(postgres_folder(home) / "cluster") is not None:
        raise Unavailable(f"another bench uses {home}", "wait for its end, or end the PostgreSQL it left there")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    for name, path in sources.items():
        say(f"publishing {path.name} as {name}")
        _ingest(home, name, path)
    return {component: version(component) for component in _COMPONENTS}


def start(home: Path, sources: Mapping[str, Path]) -> Server:
    """Start the platform as a user would."""
    del sources
    port = free_port()
    return launch(
        NAME,
        [_command(), "serve", "--host", HOST, "--port", str(port)],
        port=port,
        home=home,
        environment={**_environment(home), f"{PREFIX}CONTROL_PORT": str(free_port())},
        ready="/readyz",
    )


def url(server: Server, sources: Mapping[str, Path], request: TileRequest) -> str:
    """Return the address of a tile."""
    del sources
    place = f"{request.tms}/{request.z}/{request.x}/{request.y}.{request.extension}"
    return f"http://{HOST}:{server.port}/tiles/{request.source}/{place}"


def stop(server: Server) -> None:
    """End it."""
    end(server)


def _ingest(home: Path, name: str, path: Path) -> None:
    command = [_command(), "ingest", "raster", str(path), "--name", name]
    try:
        ended = subprocess.run(
            command, env=_environment(home), capture_output=True, text=True, timeout=_INGEST_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise Unavailable(f"{path.name} could not be published ({err})", "run geopf doctor") from err
    if ended.returncode != 0:
        lines = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
        raise Unavailable(
            f"{path.name} could not be published ({lines[-1][:300] if lines else f'status {ended.returncode}'})",
            "run geopf doctor",
        )


def _command() -> str:
    """Return the command of the environment this runs in, not another one's on the PATH."""
    return str(Path(sys.executable).with_name("geopf"))


def _environment(home: Path) -> dict[str, str]:
    """Return the environment without the user's own settings, so that nothing of theirs is touched."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "AWS_"))}
    return kept | {f"{PREFIX}DATA": str(home)}
