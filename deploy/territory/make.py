"""Make the files of the demo's territory: ortho, LiDAR, terrain model and maps that tell the same truth."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from core.errors import BadRequest
from deploy.territory.elevation import write_elevation
from deploy.territory.grid import Window
from deploy.territory.lidar import Points, scan, write_tile
from deploy.territory.ortho import Textures, make_textures, photograph, shadow_margin
from deploy.territory.paint import paint
from deploy.territory.product import Territory, TerritoryLayer
from deploy.territory.scene import SIDE_M, Scene, make_scene
from deploy.territory.vectors import write_vectors

WEST_M, SOUTH_M = 770_000, 6_275_000
"""South-west corner of the whole territory, Lambert-93."""

_BLOCK_PIXELS = 1000
_THREADS = 2

Progress = Callable[[float, str], None]
"""Told how far the work is, from 0 to 1, and what is being done."""


class _Tile(msgspec.Struct, frozen=True, kw_only=True):
    """A quarter of the territory."""

    west: int
    north: int
    """North-west corner, local metres."""

    side: int

    @property
    def name(self) -> str:
        """Kilometres of the north-west corner of the square kilometre it lies in, as IGN names its tiles."""
        column = (WEST_M + self.west) // 1000
        row = -(-(SOUTH_M + self.north) // 1000)
        return f"{column:04d}_{row:04d}"


def make_territory(
    folder: Path,
    on_progress: Progress,
    *,
    side_m: int = SIDE_M,
    ortho_resolution_m: float = 0.2,
    pulses_per_m2: float = 6.0,
    seed: int = 1,
) -> Territory:
    """Make all files of the territory, in four tiles each for ortho, LiDAR and terrain.

    Args:
        folder: Where the files go; made when missing.
        on_progress: Called from this thread.
        side_m: Side of the square to make, about the middle of the whole territory of 2 km.
        ortho_resolution_m: Pixel size of the ortho.
        pulses_per_m2: Laser pulses; trees give several points for one.
        seed: The same seed makes the same files.

    Raises:
        BadRequest: The side is not an even number of metres up to 2000, or a tile is not a whole number of pixels.
    """
    _check(side_m, ortho_resolution_m, pulses_per_m2)
    folder.mkdir(parents=True, exist_ok=True)
    low, high = (SIDE_M - side_m) // 2, (SIDE_M + side_m) // 2
    bounds = (float(low), float(low), float(high), float(high))
    on_progress(0.0, "shaping the relief, planting the trees")
    scene = make_scene(seed, bounds)
    textures = make_textures(seed)
    half = side_m // 2
    tiles = [_Tile(west=w, north=n, side=half) for n in (high, low + half) for w in (low, low + half)]
    orthos, clouds, models = [], [], []
    origin = (WEST_M, SOUTH_M)
    for k, tile in enumerate(tiles):
        begin, share = 0.05 + 0.92 * k / len(tiles), 0.92 / len(tiles)

        def step(done: float, text: str, begin: float = begin, share: float = share, name: str = tile.name) -> None:
            on_progress(begin + share * done, f"tile {name}: {text}")

        image, points = _survey(scene, textures, tile, ortho_resolution_m, pulses_per_m2, step)
        step(0.78, "writing the ortho")
        centimetres = round(ortho_resolution_m * 100)
        orthos.append(folder / f"ORTHO_{tile.name}_{centimetres}CM_LAMB93.tif")
        _write_ortho(orthos[-1], image, tile, ortho_resolution_m)
        step(0.83, "writing the point cloud")
        clouds.append(folder / f"LHD_FXX_{tile.name}_PTS_LAMB93_IGN69.laz")
        write_tile(clouds[-1], points, origin)
        step(0.97, "writing the terrain model")
        models.append(folder / f"LHD_FXX_{tile.name}_MNT_O_0M50_LAMB93_IGN69.tif")
        write_elevation(models[-1], scene.ground, (tile.west, tile.north), half, origin)
    on_progress(0.98, "writing buildings, roads and communes")
    maps = folder / "territoire.gpkg"
    write_vectors(maps, scene, bounds, origin)
    on_progress(1.0, "the territory is made")
    return _describe(bounds, tuple(orthos), tuple(clouds), tuple(models), maps)


def _check(side_m: int, resolution_m: float, pulses_per_m2: float) -> None:
    if not 0 < side_m <= SIDE_M or side_m % 2:
        raise BadRequest(f"a territory of {side_m} m cannot be made", f"ask for an even side of 2 to {SIDE_M} m")
    pixels = side_m / 2 / resolution_m if resolution_m > 0 else 0.0
    if pixels < 1 or abs(pixels - round(pixels)) > 1e-6 or abs(resolution_m * 100 % 1) > 1e-6:
        raise BadRequest(
            f"an ortho of {resolution_m} m does not fill a tile of {side_m / 2} m",
            "choose whole centimetres that divide the tile's side",
        )
    if not 0 < pulses_per_m2 <= 50:
        raise BadRequest(f"{pulses_per_m2} pulses/m² cannot be flown", "ask for more than 0 and at most 50")


def _survey(
    scene: Scene,
    textures: Textures,
    tile: _Tile,
    cell: float,
    pulses_per_m2: float,
    on_progress: Callable[[float, str], None],
) -> tuple[NDArray[np.uint8], Points]:
    """Photograph and scan a tile block by block: image (3, rows, cols), and its points in no order."""
    count = round(tile.side / cell)
    image = np.empty((3, count, count), np.uint8)
    margin = shadow_margin(cell)

    def block(corner: tuple[int, int]) -> Points:
        row, col = corner
        area = Window(
            west=tile.west + col * cell,
            north=tile.north - row * cell,
            cell=cell,
            rows=min(_BLOCK_PIXELS, count - row),
            cols=min(_BLOCK_PIXELS, count - col),
        )
        cover = paint(scene, area.grown(margin))
        image[:, row : row + area.rows, col : col + area.cols] = photograph(scene, textures, cover, margin)
        return scan(scene, cover, area, pulses_per_m2)

    corners = [(row, col) for row in range(0, count, _BLOCK_PIXELS) for col in range(0, count, _BLOCK_PIXELS)]
    points = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for k, met in enumerate(pool.map(block, corners)):
            points.append(met)
            on_progress(0.78 * (k + 1) / len(corners), "taking the photograph, scanning")
    return image, np.concatenate(points)


def _write_ortho(path: Path, image: NDArray[np.uint8], tile: _Tile, cell: float) -> None:
    """Write as the producer of an ortho would: tiled, JPEG in YCbCr."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=image.shape[2],
        height=image.shape[1],
        count=3,
        dtype="uint8",
        crs="EPSG:2154",
        transform=Affine(cell, 0, WEST_M + tile.west, 0, -cell, SOUTH_M + tile.north),
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="jpeg",
        photometric="ycbcr",
        jpeg_quality=90,
        num_threads=_THREADS,
    ) as target:
        target.write(image)


def _describe(
    bounds: tuple[float, float, float, float],
    orthos: tuple[Path, ...],
    clouds: tuple[Path, ...],
    models: tuple[Path, ...],
    maps: Path,
) -> Territory:
    made = "Territoire de synthèse : aucun lieu réel n'y figure."

    def drawn(name: str, title: str, abstract: str) -> TerritoryLayer:
        return TerritoryLayer(
            name=name, kind="vector", title=title, abstract=f"{abstract} {made}", files=(maps,), source_layer=name
        )

    west, south, east, north = bounds
    return Territory(
        title="Saint-Étienne-du-Gué et ses environs",
        abstract=(
            "Un territoire de démonstration en Lambert-93 : une vallée, sa rivière, un village, des champs, "
            "des bois. Orthophotographie, nuage de points, modèle de terrain et cartes décrivent la même "
            f"vérité. {made}"
        ),
        bounds=(WEST_M + west, SOUTH_M + south, WEST_M + east, SOUTH_M + north),
        layers=(
            TerritoryLayer(
                name="ortho", kind="raster", title="Orthophotographie", files=orthos,
                abstract=f"Image aérienne en couleurs naturelles, prise d'été. {made}",
            ),
            TerritoryLayer(
                name="mnt", kind="raster", title="Modèle numérique de terrain", files=models,
                abstract=f"Altitude du sol nu et de l'eau tous les 50 cm, en mètres. {made}",
            ),
            TerritoryLayer(
                name="lidar", kind="points", title="Nuage de points LiDAR classé", files=clouds,
                abstract=f"Points classés à la manière du LiDAR HD : sol, végétation, bâtiments, eau, ponts. {made}",
            ),
            drawn("batiments", "Bâtiments", "Emprises, usages, hauteurs et noms des bâtiments."),
            drawn("routes", "Routes et chemins", "Axes des voies, leur nom, leur largeur et leur sens."),
            drawn("communes", "Communes", "Limites, noms et population des communes."),
            drawn("cours_d_eau", "Cours d'eau", "Axe de la rivière, de l'amont vers l'aval."),
        ),
    )  # fmt: skip
