"""TiTiler, the dynamic tile server on rio-tiler: its whole application on uvicorn, set up as its manual advises."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from bench.environment import ensure_environment, installed_versions
from bench.imagery import files_of
from bench.peer import Say
from bench.s3 import SOURCES
from bench.scenario import Kept, TileRequest
from bench.server import HOST, Server, end, free_port, launch
from bench.terrain import RAMP, RELIEF, ground_cell, ramp_colours, shown_limits
from tiler.matrix import TileMatrixSet, scale_denominator, tile_limits, tile_matrix_set

NAME = "titiler"

REQUIREMENTS = (
    "titiler.application==2.4.0",
    "titiler.core==2.4.0",
    "rio-tiler==9.4.12",
    "rasterio==1.4.4",
    "uvicorn[standard]==0.54.0",
)

_OWN_SETS = {"PM": "WebMercatorQuad"}
"""TiTiler's name of a set that it ships."""

_GIVEN_SETS = ("2154_10cm",)
"""Sets it does not ship, given to it as files."""

_MOSAIC_LEVEL = 16
"""Level whose tiles list the files of a mosaic."""

_GDAL = {
    "GDAL_CACHEMAX": "200",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_HTTP_VERSION": "2",
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": "5000000",
}
"""What TiTiler's page on performance tuning advises."""


def prepare(home: Path, sources: Mapping[str, Path], say: Say) -> dict[str, str]:
    """Install TiTiler; it reads the sources where they are."""
    say(f"preparing {REQUIREMENTS[0]} in {home}")
    python = ensure_environment(home / "environment", REQUIREMENTS)
    sets = home / "sets"
    sets.mkdir(exist_ok=True)
    for identifier in _GIVEN_SETS:
        (sets / f"{identifier}.json").write_bytes(_encode_set(tile_matrix_set(identifier)))
    ramps = home / "ramps"
    ramps.mkdir(exist_ok=True)
    for name, path in sources.items():
        if path.is_dir():
            _mosaic_file(home, name).write_bytes(_encode_mosaic(path))
        elif name == RELIEF:
            colours = dict(enumerate(ramp_colours(path)))
            (ramps / f"{name}-{RAMP}.json").write_bytes(msgspec.json.encode(colours))
    return installed_versions(python, [one.partition("==")[0].partition("[")[0] for one in REQUIREMENTS])


def start(home: Path, sources: Mapping[str, Path], *, keeps: Kept, environment: Mapping[str, str] = {}) -> Server:
    """Start one worker; what it keeps decoded it keeps for one request."""
    del sources, keeps
    port = free_port()
    python = home / "environment" / "bin" / "python"
    return launch(
        NAME,
        (
            *(str(python), "-m", "uvicorn", "titiler.application.main:app", "--host", HOST, "--port", str(port)),
            *("--workers", "1", "--no-access-log", "--log-level", "warning"),
        ),
        port=port,
        home=home,
        environment={
            "PATH": os.environ.get("PATH", ""),
            "TILEMATRIXSET_DIRECTORY": str(home / "sets"),
            "COLORMAP_DIRECTORY": str(home / "ramps"),
            **_GDAL,
            **environment,
        },
        ready="/healthz",
    )


def url(server: Server, sources: Mapping[str, Path], request: TileRequest) -> str:
    """Return the address of a tile, resampled and shown as ours."""
    tms = _OWN_SETS.get(request.tms, request.tms)
    path = sources[request.source]
    endpoint, file = ("mosaicjson", _mosaic_file(server.log.parent, request.source)) if path.is_dir() else ("cog", path)
    query = urlencode(
        {
            "url": f"/vsis3/{SOURCES}/{file.name}" if request.s3 else str(file),
            "tilesize": request.size,
            "resampling": request.resampling,
            "reproject": request.resampling,
            **_shown(request, path),
        }
    )
    place = f"{request.z}/{request.x}/{request.y}.{request.extension}"
    return f"http://{HOST}:{server.port}/{endpoint}/tiles/{tms}/{place}?{query}"


def stop(server: Server) -> None:
    """End it."""
    end(server)


def _shown(request: TileRequest, path: Path) -> dict[str, str]:
    """Return the parameters that show heights as a style of ours does."""
    match request.style:
        case "":
            return {}
        case "terrain-rgb":
            return {"algorithm": "terrainrgb"}
        case "hillshade":
            # 45 is its word for light from the north-west; its gradient is per pixel, so pixels are told in metres
            given = {"azimuth": 45, "angle_altitude": 45.0, "z_exaggeration": 1.0 / ground_cell(request)}
            return {"algorithm": "hillshade", "algorithm_params": msgspec.json.encode(given).decode(), "buffer": "3"}
        case _:
            low, high = shown_limits(path)
            return {"rescale": f"{low!r},{high!r}", "colormap_name": f"{request.source}-{request.style}"}


def _mosaic_file(home: Path, name: str) -> Path:
    return home / f"{name}.json"


def _encode_mosaic(folder: Path) -> bytes:
    """List the files that meet each tile of a level (MosaicJSON 0.0.3)."""
    import rasterio
    from rasterio.warp import transform_bounds

    matrix = tile_matrix_set("PM").by_id[str(_MOSAIC_LEVEL)]
    assets: dict[str, list[str]] = {}
    boxes: list[tuple[float, float, float, float]] = []
    for file in files_of(folder):
        with rasterio.open(file) as dataset:
            limits = tile_limits(matrix, transform_bounds(dataset.crs, "EPSG:3857", *dataset.bounds))
            boxes.append(transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds))
        assert limits is not None, "the mosaic lies in Web Mercator"
        for row in range(limits.min_row, limits.max_row + 1):
            for col in range(limits.min_col, limits.max_col + 1):
                assets.setdefault(_quadkey(col, row, _MOSAIC_LEVEL), []).append(str(file))
    return msgspec.json.encode(
        {
            "mosaicjson": "0.0.3",
            "minzoom": _MOSAIC_LEVEL,
            "maxzoom": 20,
            "quadkey_zoom": _MOSAIC_LEVEL,
            "bounds": [
                min(box[0] for box in boxes),
                min(box[1] for box in boxes),
                max(box[2] for box in boxes),
                max(box[3] for box in boxes),
            ],
            "tiles": assets,
        }
    )


def _quadkey(col: int, row: int, level: int) -> str:
    digits = ((col >> bit & 1) + 2 * (row >> bit & 1) for bit in range(level - 1, -1, -1))
    return "".join(map(str, digits))


def _encode_set(tms: TileMatrixSet) -> bytes:
    """Encode a set as OGC JSON (17-083r4, clause 7.3)."""
    return msgspec.json.encode(
        {
            "id": tms.id,
            "crs": f"http://www.opengis.net/def/crs/EPSG/0/{tms.crs.removeprefix('EPSG:')}",
            "orderedAxes": tms.axes,
            "tileMatrices": [
                {
                    "id": matrix.id,
                    "scaleDenominator": scale_denominator(tms, matrix),
                    "cellSize": matrix.cell_size,
                    "cornerOfOrigin": "topLeft",
                    "pointOfOrigin": (matrix.origin_x, matrix.origin_y),
                    "tileWidth": matrix.tile_size,
                    "tileHeight": matrix.tile_size,
                    "matrixWidth": matrix.width,
                    "matrixHeight": matrix.height,
                }
                for matrix in tms.matrices
            ],
        }
    )
