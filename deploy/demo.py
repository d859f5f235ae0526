"""`geopf demo`: a synthetic territory, published through the commands of anybody's files, then served."""

import subprocess
import sys
import time

from core.settings import CoreSettings, read_settings
from deploy.ingest import ingest_files, published_names
from deploy.serve import check_ports, serve
from deploy.settings import ServeSettings
from deploy.territory.product import Territory, read_stamp


def run_demo(*, serve_after: bool = True) -> int:
    """Make what is not there yet, publish it, print where it is and serve it; return the exit status."""
    start = time.monotonic()
    if serve_after:
        check_ports(read_settings(ServeSettings))  # now rather than after minutes of work
    folder = read_settings(CoreSettings).data / "demo"
    territory = read_stamp(folder)
    if territory is None:
        # A process of its own gives the gigabyte back that painting takes; it says itself what stopped it.
        status = subprocess.call([sys.executable, "-m", "deploy.territory", str(folder)])
        territory = read_stamp(folder)
        if territory is None:
            return status or 1
    present = published_names()
    for layer in territory.layers:
        if layer.name in present:
            continue
        ingest_files(
            kind=layer.kind,
            name=layer.name,
            files=tuple(str(path) for path in layer.files),
            title=layer.title,
            abstract=layer.abstract,
            source_layer=layer.source_layer,
        )
    if not serve_after:
        return 0
    return serve(lambda base_url: _welcome(base_url, territory, time.monotonic() - start))


def _welcome(base_url: str, territory: Territory, seconds: float) -> None:
    names: dict[str, str] = {layer.kind: layer.name for layer in reversed(territory.layers)}
    lines = [
        f"\nThe demo is up after {seconds:.0f} s:\n",
        f"  map and 3D view    {base_url}/",
        f"  layers             {base_url}/layers",
        *(f"  {kind:<18} {base_url}{path}" for kind, path in _descriptions(names).items()),
        f"  control plane      {base_url}/api/health",
    ]
    print("\n".join(lines), flush=True)
    sys.stdout.flush()


def _descriptions(names: dict[str, str]) -> dict[str, str]:
    paths = {
        "raster": "/tiles/{}/PM/tilejson.json",
        "vector": "/tiles/{}/PM/tilejson.json",
        "points": "/points/{}/info",
    }
    return {kind: paths[kind].format(name) for kind, name in sorted(names.items())}
