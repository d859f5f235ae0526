"""The buildings of the vector scenario: 400,000 in sixteen towns, as one GeoParquet file, and tiles that hold some."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from bench.scenario import TileRequest
from core.layer import Bounds
from tiler.matrix import tile_matrix_set

BUILDINGS = "bench-buildings"
"""Name of the source."""

CRS = "EPSG:2154"
COUNT = 400_000
ATTRIBUTES = ("cleabs", "nature", "usage_1", "hauteur", "nombre_d_etages", "nombre_de_logements")

LEVEL = "14"
"""Level whose tiles hold about a thousand buildings in a town."""

_ASKED = 120
"""Tiles that are asked, of those that hold about a thousand: the slowest peer makes four a second."""

FEWEST, MOST = 900, 1_100
"""Buildings whose middle lies in a tile of which it is said that it holds about a thousand."""

_TOWNS_A_SIDE = 4
_TOWN_EVERY_M = 25_000.0
_WEST, _SOUTH = 800_000.0, 6_480_000.0
_SPACING_M = 52.0
"""Between the middles of neighbours, before each is moved a little."""

_SEED = 20_240_501
_GROUP_ROWS = 65_536
_NATURES = ("Indifférenciée", "Industriel, agricole ou commercial", "Église", "Serre", "Silo")
_USES = ("Résidentiel", "Annexe", "Commercial et services", "Agricole", "Industriel", "Indifférencié")


def prepare_buildings(folder: Path, say: Callable[[str], None], count: int = COUNT) -> Path:
    """Write the buildings if they are not there yet, along a Hilbert curve as an ingest leaves them.

    Args:
        folder: Where to.
        say: Told of what takes long.
        count: How many.
    """
    path = folder / f"{BUILDINGS}-{count}.parquet"
    if not path.exists():
        say(f"drawing {count:,} buildings")
        folder.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(".part")
        _write(made, count)
        made.rename(path)
    return path


def middles(count: int = COUNT) -> NDArray[np.float64]:
    """Return where buildings stand, along a Hilbert curve, metres of Lambert-93, shape (count, 2).

    Towns are discs of equal size in which they stand evenly, so that tiles within them hold equally many.
    """
    from kernels.hilbert import hilbert_keys

    towns = _TOWNS_A_SIDE * _TOWNS_A_SIDE
    each = -(-count // towns)
    reach = int(np.sqrt(each / np.pi)) + 2
    steps = np.arange(-reach, reach + 1)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    disc = grid[np.argsort((grid**2).sum(axis=1), kind="stable")[:each]] * _SPACING_M
    corner = np.stack(np.meshgrid(*[np.arange(_TOWNS_A_SIDE)] * 2), axis=-1).reshape(-1, 2)
    town = np.array([_WEST, _SOUTH]) + (corner + 0.5) * _TOWN_EVERY_M
    random = np.random.default_rng(_SEED)
    places = (town[:, None, :] + disc[None]).reshape(-1, 2)[:count]
    places += random.uniform(-0.25, 0.25, places.shape) * _SPACING_M
    keys = np.empty(len(places), np.int64)
    x, y = (np.ascontiguousarray(places[:, axis]) for axis in (0, 1))
    hilbert_keys(x, y, _WEST, _SOUTH, _TOWNS_A_SIDE * _TOWN_EVERY_M / 2**20, 20, keys)
    return np.asarray(places[np.argsort(keys, kind="stable")])


def draw_buildings(count: int = COUNT) -> NDArray[np.object_]:
    """Return buildings as polygons of 4 to 8 corners, metres of Lambert-93."""
    random = np.random.default_rng(_SEED + 1)
    places = middles(count)
    corners = random.integers(4, 9, count)
    ends = np.concatenate([[0], np.cumsum(corners + 1)])
    owner = np.repeat(np.arange(count), corners + 1)
    step = np.arange(ends[-1]) - ends[owner]
    # An ellipse's points at even angles: convex, so never crossing itself, and turned at random.
    angle = 2.0 * np.pi * (step % corners[owner]) / corners[owner]
    half = random.uniform(4.0, 11.0, (count, 2))
    turn = random.uniform(0.0, 2.0 * np.pi, count)[owner]
    along, across = half[owner, 0] * np.cos(angle), half[owner, 1] * np.sin(angle)
    x = places[owner, 0] + along * np.cos(turn) - across * np.sin(turn)
    y = places[owner, 1] + along * np.sin(turn) + across * np.cos(turn)
    xy = np.round(np.column_stack([x, y]), 2)
    polygons = shapely.from_ragged_array(shapely.GeometryType.POLYGON, xy, (ends, np.arange(count + 1)))
    return np.asarray(polygons, object)


def attributes(count: int = COUNT) -> dict[str, pa.Array]:
    """Return the attributes of the buildings, some unknown, by name."""
    random = np.random.default_rng(_SEED + 2)
    floors = random.integers(1, 9, count)
    homes = random.integers(0, 40, count)
    natures = random.choice(len(_NATURES), count, p=(0.8, 0.1, 0.03, 0.04, 0.03))
    return {
        "cleabs": pa.array([f"BATIMENT{number:016d}" for number in range(count)]),
        "nature": pa.DictionaryArray.from_arrays(pa.array(natures, pa.int32()), pa.array(_NATURES)).dictionary_decode(),
        "usage_1": pa.DictionaryArray.from_arrays(
            pa.array(random.integers(0, len(_USES), count), pa.int32()), pa.array(_USES)
        ).dictionary_decode(),
        "hauteur": pa.array(np.round(2.0 + 3.0 * floors + random.uniform(0.0, 1.5, count), 1)),
        "nombre_d_etages": pa.array(floors, pa.int64(), mask=random.random(count) < 0.2),
        "nombre_de_logements": pa.array(homes, pa.int64(), mask=random.random(count) < 0.3),
    }


@lru_cache(maxsize=4)
def full_tiles(source: str = BUILDINGS) -> tuple[TileRequest, ...]:
    """Return tiles of `LEVEL` that hold about a thousand buildings, all over the towns, each once."""
    col, row = _tiles_of(LEVEL).T
    keys, counts = np.unique(col.astype(np.int64) << 32 | row, return_counts=True)
    chosen = keys[(counts >= FEWEST) & (counts <= MOST)]
    chosen = np.sort(np.random.default_rng(_SEED).choice(chosen, _ASKED, replace=False))
    return tuple(_request(source, LEVEL, int(key >> 32), int(key & 0xFFFFFFFF)) for key in chosen)


def tiles_with_buildings(source: str, level: str, count: int = COUNT) -> tuple[TileRequest, ...]:
    """Return the tiles of a level in which one of `count` buildings stands, west to east and north to south."""
    return tuple(_request(source, level, int(col), int(row)) for col, row in np.unique(_tiles_of(level, count), axis=0))


def _request(source: str, level: str, col: int, row: int) -> TileRequest:
    return TileRequest(source=source, tms="PM", z=int(level), x=col, y=row, extension="mvt")


def _tiles_of(level: str, count: int = COUNT) -> NDArray[np.int64]:
    """Return column and row of the tile in which each building stands, shape (n, 2)."""
    matrix = tile_matrix_set("PM").by_id[level]
    side = matrix.tile_size * matrix.cell_size
    x, y = _mercator(count).T
    return np.column_stack([(x - matrix.origin_x) // side, (matrix.origin_y - y) // side]).astype(np.int64)


@lru_cache(maxsize=1)
def _mercator(count: int) -> NDArray[np.float64]:
    from pyproj import Transformer

    way = Transformer.from_crs(CRS, "EPSG:3857", always_xy=True)
    return np.column_stack(way.transform(*middles(count).T))


def _write(path: Path, count: int) -> None:
    import pyproj

    from tiler.vector.geoparquet import COVERING, KEY, encode_geo

    polygons = draw_buildings(count)
    bounds = shapely.bounds(polygons)
    (west, south), (east, north) = bounds[:, :2].min(axis=0).tolist(), bounds[:, 2:].max(axis=0).tolist()
    total: Bounds = (west, south, east, north)
    columns: dict[str, Any] = attributes(count)
    columns["geometry"] = pa.array(shapely.to_wkb(polygons), pa.binary())
    columns["bbox"] = pa.StructArray.from_arrays(list(bounds.T), names=list(COVERING))
    geo = encode_geo(
        column="geometry",
        covering="bbox",
        crs=pyproj.CRS.from_user_input(CRS),
        geometry_types=["Polygon"],
        bbox=total,
    )
    table = pa.table(columns).replace_schema_metadata({KEY: geo})
    pq.write_table(table, path, compression="zstd", row_group_size=_GROUP_ROWS)
