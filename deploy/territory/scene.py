"""The whole truth: everything that stands, grows or runs in the territory, made once for all products."""

from collections.abc import Sequence

import msgspec
import numpy as np
import shapely

from deploy.territory.grid import Doubles
from deploy.territory.network import Road, river_line, roads
from deploy.territory.parcels import Parcel, make_parcels
from deploy.territory.relief import Ground, Valley, make_ground, valley_of
from deploy.territory.surfaces import BUILDING, COVERS, Surface, SurfaceTable, table_of
from deploy.territory.trees import FOLIAGE, Trees, make_trees
from deploy.territory.village import Building, Roof, make_buildings

SIDE_M = 2000
"""Side of the whole territory, metres."""

_ROOFS: dict[Roof, tuple[tuple[int, int, int], tuple[int, int, int], int]] = {
    "tiles": ((166, 98, 70), (216, 150, 114), 780),
    "old tiles": ((150, 104, 80), (206, 162, 130), 720),
    "slate": ((78, 84, 96), (126, 132, 144), 380),
    "metal": ((142, 146, 148), (196, 200, 202), 1300),
    "flat": ((150, 148, 144), (192, 190, 186), 900),
}


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """The territory, in local metres."""

    seed: int
    valley: Valley
    roads: tuple[Road, ...]
    parcels: tuple[Parcel, ...]
    buildings: tuple[Building, ...]
    trees: Trees
    cars: Doubles
    """Columns x, y, heading, tone; shape (n, 4)."""

    ground: Ground
    surfaces: SurfaceTable
    """First the covers, then the foliage, the parcels and the roofs."""

    @property
    def first_parcel(self) -> int:
        """Index of the surface of the first parcel."""
        return len(COVERS) + len(FOLIAGE)

    @property
    def first_roof(self) -> int:
        """Index of the surface of the first building's roof."""
        return self.first_parcel + len(self.parcels)


def make_scene(seed: int, bounds: tuple[float, ...]) -> Scene:
    """Make the territory; of its ground, only the part within bounds.

    Args:
        seed: The same seed makes the same territory, whatever the bounds.
        bounds: West, south, east, north, local metres.
    """
    layout, planting, roofing, parking = (np.random.default_rng((seed, part)) for part in range(4))
    valley = valley_of(river_line())
    network = roads()
    buildings = make_buildings(layout, valley, network)
    parcels = make_parcels(layout, valley, network, SIDE_M)
    trees = make_trees(planting, valley, network, buildings, parcels, SIDE_M)
    plots = [plot for building in buildings for plot in building.plots]
    surfaces = [*COVERS, *FOLIAGE, *(parcel.surface for parcel in parcels)]
    surfaces += [_roof(roofing, building.roof) for building in buildings]
    return Scene(
        seed=seed,
        valley=valley,
        roads=network,
        parcels=tuple(parcels),
        buildings=tuple(buildings),
        trees=trees,
        cars=_cars(parking, network),
        ground=make_ground(valley, network, plots, bounds),
        surfaces=table_of(surfaces),
    )


def _roof(rng: np.random.Generator, roof: Roof) -> Surface:
    dark, light, intensity = _ROOFS[roof]
    bright, warm = rng.normal(1, 0.07), rng.normal(0, 5)
    shift = np.array([warm, 0, -warm])
    low, high = (np.clip(np.array(colour) * bright + shift, 0, 245).round().astype(int) for colour in (dark, light))
    return Surface(
        dark=(int(low[0]), int(low[1]), int(low[2])),
        light=(int(high[0]), int(high[1]), int(high[2])),
        mottle=0.16,
        grain=0.10,
        las_class=BUILDING,
        intensity=intensity,
    )


def _cars(rng: np.random.Generator, network: Sequence[Road]) -> Doubles:
    cars = []
    for road in network:
        if road.nature != "Route à 1 chaussée":
            continue
        line = shapely.LineString(road.line)
        often = 22.0 if road.built_up else 130.0
        for at in np.arange(rng.uniform(5, often), line.length - 4, often):
            place = float(np.clip(at + rng.normal(0, 4), 2, line.length - 3))
            spot, ahead = line.interpolate(place), line.interpolate(place + 1)
            heading = float(np.arctan2(ahead.y - spot.y, ahead.x - spot.x))
            aside = float(rng.choice((-1, 1))) * (road.width_m / 2 - (0.9 if road.built_up else 1.8))
            x, y = spot.x - aside * np.sin(heading), spot.y + aside * np.cos(heading)
            cars.append((x, y, heading, rng.beta(0.6, 0.6)))
    return np.array(cars)
