"""MapProxy, the tile cache in Python: on gunicorn's threads, with a file cache that holds the tiles already.

It draws nothing by itself from COGs, so it runs where tiles are kept: its cache is filled with ours.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.bare import BareApp
from bench.environment import ensure_environment, installed_versions
from bench.imagery import MERCATOR, tiles
from bench.peer import Say
from bench.scenario import Kept, TileRequest
from bench.server import HOST, Server, end, free_port, launch

NAME = "mapproxy"

REQUIREMENTS = ("MapProxy==7.0.0", "gunicorn==27.0.1")

_LEVEL = "19"
_THREADS = 16

_PROGRAM = """
from mapproxy.wsgiapp import make_wsgi_app
application = make_wsgi_app({path!r})
"""


def prepare(home: Path, sources: Mapping[str, Path], say: Say) -> dict[str, str]:
    """Install MapProxy and fill its cache."""
    say(f"preparing {REQUIREMENTS[0]} in {home}")
    python = ensure_environment(home / "environment", REQUIREMENTS)
    asyncio.run(_fill(home / "cache", sources))
    (home / "mapproxy.yaml").write_bytes(msgspec.json.encode(_configuration(home / "cache")))  # JSON is YAML too
    (home / "bench_mapproxy.py").write_text(_PROGRAM.format(path=str(home / "mapproxy.yaml")))
    return installed_versions(python, [one.partition("==")[0] for one in REQUIREMENTS])


def start(home: Path, sources: Mapping[str, Path], *, keeps: Kept, environment: Mapping[str, str] = {}) -> Server:
    """Start one worker with threads, as MapProxy's manual shows; it keeps tiles in files."""
    del sources, keeps, environment
    port = free_port()
    return launch(
        NAME,
        (
            *(str(home / "environment" / "bin" / "python"), "-m", "gunicorn", "bench_mapproxy:application"),
            *("--bind", f"{HOST}:{port}", "--workers", "1", "--worker-class", "gthread"),
            *("--threads", str(_THREADS), "--keep-alive", "30", "--log-level", "warning"),
        ),
        port=port,
        home=home,
        environment={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(home)},
        ready="/",
    )


def url(server: Server, sources: Mapping[str, Path], request: TileRequest) -> str:
    """Return the address of a tile, rows from the north."""
    del sources
    return f"http://{HOST}:{server.port}/tiles/1.0.0/{request.source}/mercator/{request.z}/{request.x}/{request.y}.jpeg"


def stop(server: Server) -> None:
    """End it."""
    end(server)


def _configuration(cache: Path) -> dict[str, object]:
    return {
        "services": {"tms": {"use_grid_names": True, "origin": "nw"}},
        "layers": [{"name": MERCATOR, "title": MERCATOR, "sources": ["kept"]}],
        "caches": {
            "kept": {
                "grids": ["mercator"],
                "sources": [],
                "format": "image/jpeg",
                "cache": {"type": "file", "directory": str(cache), "directory_layout": "tms"},
            }
        },
        "grids": {"mercator": {"base": "GLOBAL_WEBMERCATOR"}},
        "globals": {"cache": {"base_dir": str(cache.parent), "lock_dir": str(cache.parent / "locks")}},
    }


async def _fill(cache: Path, sources: Mapping[str, Path]) -> None:
    """Write the tiles where MapProxy looks for them, as the engine makes them."""
    maker = BareApp({MERCATOR: str(sources[MERCATOR])})
    for one in tiles(MERCATOR, _LEVEL):
        path = cache / str(one.z) / str(one.x) / f"{one.y}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(await maker.make(f"/{MERCATOR}/{one.tms}/{one.z}/{one.x}/{one.y}.jpg"))
