"""Ours: the sources published by `geopf ingest`, served by `geopf serve`, in a data folder of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from bench.imagery import files_of
from bench.peer import Say
from bench.s3 import OBJECTS
from bench.scenario import Kept, TileRequest
from bench.server import HOST, Server, end, free_port, launch
from control.db.postmaster import living_postmaster
from control.settings import postgres_folder
from core.errors import Unavailable
from core.open_store import FOLDER
from core.settings import PREFIX
from deploy.serve import platform_programs
from deploy.settings import ServeSettings

NAME = "geopf"

_COMPONENTS = ("geoplateforme", "granian", "litestar", "numpy", "rasterio", "rio-tiler")
_INGEST_TIMEOUT_S = 900.0
_TILES, _BLOCKS = f"{PREFIX}TILE_CACHE_BYTES", f"{PREFIX}BLOCK_CACHE_BYTES"

EMPTY: dict[Kept, dict[str, str]] = {"all": {}, "blocks": {_TILES: "1"}, "nothing": {_TILES: "1", _BLOCKS: "1"}}
"""Settings that make caches so small that they hold nothing."""

_VECTORS = {".parquet", ".pmtiles", ".mbtiles"}
"""What names of files of vectors end in."""

_RESAMPLINGS = ("bilinear", "nearest")


def prepare(home: Path, sources: Mapping[str, Path], say: Say) -> dict[str, str]:
    """Publish every source as the layer of its name, anew, so that the code of today is what is measured."""
    if living_postmaster(postgres_folder(home) / "cluster") is not None:
        raise Unavailable(f"another bench uses {home}", "wait for its end, or end the PostgreSQL it left there")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    for name, path in sources.items():
        if path.suffix in _VECTORS:
            say(f"publishing {path.name} as {name}")
            publish(home, name, [path], kind="vector")
            continue
        for resampling in _RESAMPLINGS:
            say(f"publishing {path.name} as {_layer(name, resampling)}")
            publish(home, _layer(name, resampling), files_of(path), "--resampling", resampling)
    return {component: version(component) for component in _COMPONENTS}


def start(home: Path, sources: Mapping[str, Path], *, keeps: Kept, environment: Mapping[str, str] = {}) -> Server:
    """Start the platform as a user would, with the caches the race allows; from S3 an engine alone."""
    del sources
    caches = EMPTY[keeps]
    if environment:
        return start_engine(home, {**caches, **environment, f"{PREFIX}STORAGE_URL": f"s3://{OBJECTS}"})
    port = free_port()
    return launch(
        NAME,
        [_command(), "serve", "--host", HOST, "--port", str(port)],
        port=port,
        home=home,
        environment={**_environment(home), f"{PREFIX}CONTROL_PORT": str(free_port()), **caches},
        ready="/readyz",
    )


def start_engine(home: Path, environment: Mapping[str, str]) -> Server:
    """Start one engine without a control plane: what runs beside many others on a store they share.

    Args:
        home: Data folder of the platform that published.
        environment: Settings beside those that follow from the folder.

    Raises:
        Unavailable: It does not come up.
    """
    port = free_port()
    kept = home / "engine-alone"
    (program,) = (one for one in platform_programs(ServeSettings(host=HOST, port=port)) if one.name == "engine")
    return launch(
        NAME,
        program.command,
        port=port,
        home=kept,
        environment={
            **_environment(home),
            **program.environ,
            f"{PREFIX}DATA": str(kept),
            f"{PREFIX}STORAGE_URL": str(home / FOLDER),
            **environment,
        },
        ready="/readyz",
    )


def url(server: Server, sources: Mapping[str, Path], request: TileRequest) -> str:
    """Return the address of a tile."""
    del sources
    return f"http://{HOST}:{server.port}{path_of(request)}"


def path_of(request: TileRequest) -> str:
    """Return the path and query of a tile."""
    density = "@2x" if request.size == 512 else ""
    place = f"{request.tms}/{request.z}/{request.x}/{request.y}{density}.{request.extension}"
    style = f"?style={request.style}" if request.style else ""
    return f"/tiles/{_layer(request.source, request.resampling)}/{place}{style}"


def stop(server: Server) -> None:
    """End it."""
    end(server)


def _layer(source: str, resampling: str) -> str:
    """Return the name of the layer that shows a source resampled in one way."""
    return source if resampling == "bilinear" else f"{source}-{resampling}"


def publish(home: Path, name: str, files: Sequence[Path], *options: str, kind: str = "raster") -> None:
    """Publish files as one layer of the platform in a folder, COGs as they are.

    Raises:
        Unavailable: It refuses.
    """
    as_is = ["--as-is"] if kind == "raster" else []
    _run(home, f"{name} could not be published", ["ingest", kind, *map(str, files), "--name", name, *as_is, *options])


def seed(home: Path, name: str, output: Path, zooms: str) -> None:
    """Write tiles of a published layer into an archive.

    Args:
        home: Data folder of the platform.
        name: The layer.
        output: The archive, replaced if it exists.
        zooms: Its levels, as `8-14`.

    Raises:
        Unavailable: It refuses.
    """
    asked = ["seed", name, "--zooms", zooms, "--output", str(output), "--replace"]
    _run(home, f"{output.name} could not be seeded", asked)


def _run(home: Path, fault: str, words: Sequence[str]) -> None:
    """Run a command of the platform in a folder."""
    command = [_command(), *words]
    try:
        ended = subprocess.run(
            command, env=_environment(home), capture_output=True, text=True, timeout=_INGEST_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise Unavailable(f"{fault} ({err})", "run geopf doctor") from err
    if ended.returncode != 0:
        lines = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
        raise Unavailable(
            f"{fault} ({lines[-1][:300] if lines else f'status {ended.returncode}'})",
            "run geopf doctor",
        )


def _command() -> str:
    """Return the command of the environment this runs in, not another one's on the PATH."""
    return str(Path(sys.executable).with_name("geopf"))


def _environment(home: Path) -> dict[str, str]:
    """Return the environment without the user's own settings, so that nothing of theirs is touched.

    Compiled modules are kept, as they are by default: a command that starts is not to compile all of them anew.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "AWS_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {f"{PREFIX}DATA": str(home)}
