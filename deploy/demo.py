"""`geopf demo`: a synthetic territory, published through the commands of anybody's files, then served."""

import sys
import time
from pathlib import Path

import msgspec

from core.job import Progress
from core.settings import CoreSettings, read_settings
from deploy.ingest import ingest_files, published_names
from deploy.progress import ProgressReport
from deploy.serve import serve
from deploy.territory.make import Territory, make_territory

_FORM = 1
"""Changed when the territory is made in another way, so that an older one is made anew."""


class _Stamp(msgspec.Struct, frozen=True):
    """What tells that the territory in a folder is whole."""

    form: int
    territory: Territory


def run_demo(*, serve_after: bool = True) -> int:
    """Make what is not there yet, publish it, print where it is and serve it; return the exit status."""
    start = time.monotonic()
    folder = read_settings(CoreSettings).data / "demo"
    territory = _territory(folder)
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


def _territory(folder: Path) -> Territory:
    """Return the territory of the folder, made when it is not there whole."""
    stamp = folder / "territory.json"
    try:
        known = msgspec.json.decode(stamp.read_bytes(), type=_Stamp, dec_hook=_path)
        if known.form == _FORM and all(Path(p).is_file() for one in known.territory.layers for p in one.files):
            return known.territory
    except (FileNotFoundError, msgspec.DecodeError):
        pass
    folder.mkdir(parents=True, exist_ok=True)
    with ProgressReport("territory") as report:
        territory = make_territory(folder, lambda done, step: report(Progress(done, step)))
    stamp.write_bytes(msgspec.json.encode(_Stamp(_FORM, territory), enc_hook=str))
    return territory


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind)


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
