"""The maps: buildings, roads, communes and watercourses in one GeoPackage."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.raw import write as write_layer
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from deploy.territory.network import RIVER_NAME
from deploy.territory.scene import SIDE_M, Scene

_COMMUNES = (
    ("Saint-Étienne-du-Gué", "34901", 1284),
    ("Fontcaude-la-Forêt", "34902", 317),
    ("Montréal-lès-Vières", "34903", 862),
)
"""Name, code and population; the codes are of no real commune."""

_BORDER = ((-80.0, 1420.0), (380.0, 1330.0), (640.0, 1290.0), (905.0, 1290.0), (1250.0, 1300.0), (1260.0, 1300.0))
"""Between the first two communes, from the west edge to the river."""

Columns = dict[str, NDArray[np.generic]]


def write_vectors(path: Path, scene: Scene, bounds: tuple[float, ...], origin: tuple[float, float]) -> None:
    """Write the four layers `batiments`, `routes`, `communes` and `cours_d_eau`.

    Args:
        path: GeoPackage to make, EPSG:2154.
        scene: The truth.
        bounds: West, south, east, north, local metres; roads, rivers and communes are cut there,
            buildings that touch it are whole.
        origin: Projected coordinates (EPSG:2154) of the local ones' zero.
    """
    frame = shapely.box(*bounds)
    path.unlink(missing_ok=True)
    with _dated("2024-06-15T10:00:00.000Z"):
        for name, kind, (shapes, columns) in (
            ("batiments", "Polygon", _buildings(scene, frame)),
            ("routes", "LineString", _roads(scene, frame)),
            ("communes", "Polygon", _communes(scene, frame)),
            ("cours_d_eau", "LineString", _rivers(scene, frame)),
        ):
            write_layer(
                str(path),
                geometry=np.array([shapely.to_wkb(translate(shape, *origin)) for shape in shapes], object),
                field_data=list(columns.values()),
                fields=np.array(list(columns), object),
                geometry_type=kind,
                layer=name,
                driver="GPKG",
                crs="EPSG:2154",
                append=path.exists(),
            )


@contextmanager
def _dated(moment: str) -> Iterator[None]:
    """Let GDAL write a date of ours, so that the same seed makes the same file."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": moment})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": os.environ.get("OGR_CURRENT_DATE")})


def _text(values: Sequence[str | None]) -> NDArray[np.generic]:
    return np.array(values, object)


def _buildings(scene: Scene, frame: shapely.Polygon) -> tuple[list[BaseGeometry], Columns]:
    kept = [(k, b) for k, b in enumerate(scene.buildings) if b.footprint.intersects(frame)]
    built = [b for _, b in kept]
    return [b.footprint for b in built], {
        "id": _text([f"BATIMENT{770062770000 + k:016d}" for k, _ in kept]),
        "nature": _text([b.nature for b in built]),
        "usage": _text([b.use for b in built]),
        "nom": _text([b.name or None for b in built]),
        "hauteur": np.array([b.height_m for b in built]),
        "nombre_d_etages": np.array([b.storeys for b in built], np.int32),
        "altitude_minimale_sol": np.array([b.level_m for b in built]),
        "altitude_maximale_toit": np.array([round(b.level_m + b.ridge_m, 2) for b in built]),
        "date": np.array([f"{b.year}-01-01" for b in built], "datetime64[D]"),
    }


def _roads(scene: Scene, frame: shapely.Polygon) -> tuple[list[BaseGeometry], Columns]:
    kept = [
        (road, piece)
        for road in scene.roads
        for piece in shapely.get_parts(shapely.LineString(road.line).intersection(frame))
        if piece.length > 0
    ]
    return [piece for _, piece in kept], {
        "id": _text([f"TRONROUT{770062770000 + k:016d}" for k in range(len(kept))]),
        "nature": _text(["Route à 1 chaussée" if road.nature == "Pont" else road.nature for road, _ in kept]),
        "nom": _text([road.name for road, _ in kept]),
        "largeur": np.array([road.width_m for road, _ in kept]),
        "sens": _text(["Sens direct" if road.one_way else "Double sens" for road, _ in kept]),
        "position_par_rapport_au_sol": np.array([int(road.nature == "Pont") for road, _ in kept], np.int32),
    }


def _communes(scene: Scene, frame: shapely.Polygon) -> tuple[list[BaseGeometry], Columns]:
    """Part the territory along the river and, west of it, along a line."""
    whole = shapely.box(0, 0, SIDE_M, SIDE_M)
    edges = shapely.union_all([whole.exterior, shapely.LineString(scene.valley.river), shapely.LineString(_BORDER)])
    river = shapely.LineString(scene.valley.river)
    sides: tuple[list[BaseGeometry], ...] = ([], [], [])
    for part in shapely.polygonize([shapely.node(edges)]).geoms:
        spot = part.representative_point()
        if not whole.contains(spot):
            continue
        river_x = float(np.interp(spot.y, scene.valley.axis[:, 1], scene.valley.axis[:, 0]))
        west = spot.x < river_x if part.area > 5e4 else spot.distance(river) > 0 and spot.x < river_x
        sides[2 if not west else 0 if spot.y < 1290 else 1].append(part)
    kept = []
    for facts, parts in zip(_COMMUNES, sides, strict=True):
        cut = shapely.union_all(parts).intersection(frame)
        kept += [(facts, piece) for piece in shapely.get_parts(cut) if piece.area > 0]
    return [piece for _, piece in kept], {
        "code_insee": _text([code for (_, code, _), _ in kept]),
        "nom": _text([name for (name, _, _), _ in kept]),
        "population": np.array([population for (_, _, population), _ in kept], np.int32),
    }


def _rivers(scene: Scene, frame: shapely.Polygon) -> tuple[list[BaseGeometry], Columns]:
    cut = shapely.LineString(scene.valley.river).intersection(frame)
    pieces = [piece for piece in shapely.get_parts(cut) if piece.length > 0]
    return pieces, {
        "id": _text([f"COURDEAU{770062770000 + k:016d}" for k in range(len(pieces))]),
        "nom": _text([RIVER_NAME for _ in pieces]),
        "nature": _text(["Écoulement naturel" for _ in pieces]),
    }
