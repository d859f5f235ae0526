"""The buildings: a village along its streets, hamlets along their lanes, and the plots they stand on."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np
import shapely

from deploy.territory.grid import Doubles
from deploy.territory.network import Road, Settled
from deploy.territory.relief import Plot, Valley, natural

Roof = Literal["tiles", "old tiles", "slate", "metal", "flat"]

STOREY_M = 2.9


class Wing(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle of a building under one roof."""

    x: float
    y: float
    heading: float
    """Direction of the ridge, radians from east to north."""

    half_length: float
    half_width: float
    eaves_m: float
    """Height of the gutter above the ground."""

    pitch: float
    """Rise of the roof for a metre across; 0 for a flat one."""

    hipped: bool = False

    @property
    def outline(self) -> shapely.Polygon:
        """The rectangle, local metres."""
        return rectangle(self.x, self.y, self.heading, self.half_length, self.half_width)


class Building(msgspec.Struct, frozen=True, kw_only=True):
    """One building."""

    wings: tuple[Wing, ...]
    """The first is the main one; gutters of all are at its height, or above."""

    roof: Roof
    nature: str
    use: str
    name: str
    storeys: int
    year: int
    level_m: float
    """Elevation of the ground it stands on."""

    settled: Settled
    """What kind of street it stands on."""

    garden: shapely.Polygon | None = None
    """Its plot, when it has one."""

    @property
    def footprint(self) -> shapely.Polygon:
        """The outline of all wings together."""
        return shapely.union_all([wing.outline for wing in self.wings])

    @property
    def height_m(self) -> float:
        """Height of the lowest gutter above the ground."""
        return min(wing.eaves_m for wing in self.wings)

    @property
    def ridge_m(self) -> float:
        """Height of the highest ridge above the ground."""
        return max(wing.eaves_m + wing.pitch * wing.half_width for wing in self.wings)

    @property
    def plots(self) -> tuple[Plot, ...]:
        """The ground levelled for it."""
        return tuple(
            Plot(
                x=wing.x,
                y=wing.y,
                heading=wing.heading,
                half_length=wing.half_length,
                half_width=wing.half_width,
                level_m=self.level_m,
            )
            for wing in self.wings
        )


class _Manner(msgspec.Struct, frozen=True):
    """How houses of a kind of street are built: ranges in metres."""

    front: tuple[float, float]
    depth: tuple[float, float]
    setback: tuple[float, float]
    gap: tuple[float, float]
    storeys: tuple[int, int]
    years: tuple[int, int]
    garden_m: float


_MANNERS: dict[Settled, _Manner] = {
    "core": _Manner((8, 15), (9, 12), (1.6, 2.4), (0.4, 5), (2, 3), (1720, 1935), 0),
    "houses": _Manner((11, 16), (8.5, 10.5), (6, 10), (9, 14), (1, 2), (1968, 2021), 20),
    "hamlet": _Manner((14, 27), (9, 14), (4, 9), (5, 12), (1, 2), (1790, 1990), 0),
}

_LANDMARKS = (
    ("church", 884.0, 1046.0, 0.10),
    ("hall", 962.0, 1026.0, 0.02),
    ("school", 846.0, 935.0, 1.45),
    ("market", 966.0, 971.0, 0.02),
    ("gymnasium", 668.0, 798.0, 0.62),
)
"""Public buildings: kind, centre in local metres, heading."""

SQUARES = (
    shapely.Polygon([(938, 1006), (1000, 1008), (996, 1042), (940, 1038)]),
    shapely.Polygon([(872, 1028), (925, 1030), (926, 1040), (872, 1036)]),
    shapely.Polygon([(812, 905), (868, 915), (874, 956), (815, 950)]),
    shapely.Polygon([(640, 770), (708, 822), (692, 842), (625, 792)]),
)
"""Paved places about the public buildings."""


def rectangle(x: float, y: float, heading: float, half_length: float, half_width: float) -> shapely.Polygon:
    """Return a turned rectangle."""
    along = np.array([np.cos(heading), np.sin(heading)])
    aside = np.array([-along[1], along[0]])
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return shapely.Polygon([np.array([x, y]) + a * half_length * along + b * half_width * aside for a, b in corners])


def make_buildings(rng: np.random.Generator, valley: Valley, roads: Sequence[Road]) -> list[Building]:
    """Build the village and the hamlets of the whole territory.

    Args:
        rng: Source of all chances taken.
        valley: Relief to stand on and river to keep away from.
        roads: Streets to build along.
    """
    built = [_landmark(valley, *place) for place in _LANDMARKS]
    streets = shapely.union_all([shapely.LineString(road.line).buffer(road.width_m / 2 + 1.2) for road in roads])
    water = shapely.LineString(valley.river).buffer(24)
    taken = [building.footprint.buffer(1.0) for building in built]
    taken += [streets, water, SQUARES[0], SQUARES[2]]
    order: dict[Settled, int] = {"core": 0, "houses": 1, "hamlet": 2, "": 3}
    for road in sorted(roads, key=lambda road: order[road.built_up]):
        for building in _along(rng, valley, road):
            room = building.footprint if building.garden is None else building.garden
            if not any(room.intersects(other) for other in taken):
                built.append(building)
                taken.append(room.buffer(0.2 if road.built_up == "core" else 1.5))
    return built


def _along(rng: np.random.Generator, valley: Valley, road: Road) -> Iterator[Building]:
    if not road.built_up:
        return
    manner = _MANNERS[road.built_up]
    line = shapely.LineString(road.line)
    for side in (1, -1):
        at = rng.uniform(4, 10)
        while True:
            front = rng.uniform(*manner.front)
            if at + front > line.length - 2:
                break
            spot, ahead = line.interpolate(at + front / 2), line.interpolate(at + front / 2 + 1)
            heading = float(np.arctan2(ahead.y - spot.y, ahead.x - spot.x)) + rng.normal(0, 0.025)
            depth = rng.uniform(*manner.depth)
            back = side * (road.width_m / 2 + rng.uniform(*manner.setback) + depth / 2)
            x, y = spot.x - back * np.sin(heading), spot.y + back * np.cos(heading)
            yield _house(rng, valley, road.built_up, x, y, heading, front, depth, side)
            at += front + rng.uniform(*manner.gap)


def _house(
    rng: np.random.Generator,
    valley: Valley,
    settled: Settled,
    x: float,
    y: float,
    heading: float,
    front: float,
    depth: float,
    side: int,
) -> Building:
    manner = _MANNERS[settled]
    storeys = int(rng.integers(manner.storeys[0], manner.storeys[1] + 1))
    eaves = round(storeys * STOREY_M + rng.uniform(0.1, 0.9), 1)
    barn = settled == "hamlet" and rng.random() < 0.5
    eaves = round(rng.uniform(4.5, 7.0), 1) if barn else eaves
    pitch = rng.uniform(0.28, 0.38)
    main = Wing(
        x=x, y=y, heading=heading, half_length=front / 2, half_width=depth / 2, eaves_m=eaves, pitch=pitch,
        hipped=settled == "houses" and rng.random() < 0.45,
    )  # fmt: skip
    wings = [main]
    if settled != "core" and not barn and rng.random() < 0.6:
        reach, slip = rng.uniform(3, 5), rng.choice((-1, 1)) * (front / 2 - 3.2)
        away = side * (depth / 2 + reach - 1.5)
        wings.append(
            Wing(
                x=x + slip * np.cos(heading) - away * np.sin(heading),
                y=y + slip * np.sin(heading) + away * np.cos(heading),
                heading=heading + np.pi / 2, half_length=reach + 1.5, half_width=3.1, eaves_m=eaves, pitch=pitch,
            )
        )  # fmt: skip
    metal = barn and rng.random() < 0.55
    roof: Roof = "metal" if metal else "tiles" if settled == "houses" else "old tiles"
    garden = None
    if manner.garden_m:
        deep = side * (manner.garden_m - depth / 2 - 4)
        gx, gy = x - deep / 2 * np.sin(heading), y + deep / 2 * np.cos(heading)
        garden = rectangle(gx, gy, heading, front / 2 + 4, manner.garden_m - 4)
    return Building(
        wings=tuple(wings), roof=roof, name="", storeys=1 if barn else storeys,
        nature="Industriel, agricole ou commercial" if barn else "Indifférenciée",
        use="Agricole" if barn else "Résidentiel",
        year=int(rng.integers(*manner.years)), level_m=_level(valley, x, y), settled=settled, garden=garden,
    )  # fmt: skip


def _level(valley: Valley, x: float, y: float) -> float:
    return round(float(natural(valley, np.array([x]), np.array([y]))[0]) + 0.1, 2)


def _landmark(valley: Valley, kind: str, x: float, y: float, heading: float) -> Building:
    def wing(along: float, aside: float, half_length: float, half_width: float, eaves: float, pitch: float) -> Wing:
        cos, sin = np.cos(heading), np.sin(heading)
        return Wing(
            x=x + along * cos - aside * sin, y=y + along * sin + aside * cos, heading=heading,
            half_length=half_length, half_width=half_width, eaves_m=eaves, pitch=pitch,
        )  # fmt: skip

    crossing = wing(6, 0, 11.5, 4.2, 8.6, 0.6)
    crossing = msgspec.structs.replace(crossing, heading=heading + np.pi / 2)
    tower = msgspec.structs.replace(wing(-19.5, 0, 3.6, 3.6, 21.0, 1.4), hipped=True)
    facts: dict[str, tuple[tuple[Wing, ...], Roof, str, str, str, int, int]] = {
        "church": ((wing(0, 0, 18, 5.4, 9.5, 0.6), crossing, tower), "slate", "Église", "Religieux",
                   "Église Saint-Étienne", 1, 1412),
        "hall": ((wing(0, 12, 12, 6.5, 9.6, 0.34), wing(0, 8, 4.5, 7.5, 10.4, 0.3)), "old tiles", "Mairie",
                 "Commercial et services", "Mairie", 3, 1884),
        "school": ((wing(0, 0, 19, 5.2, 6.6, 0.36), wing(-14, 8, 5, 9, 6.6, 0.3)), "tiles", "Indifférenciée",
                   "Commercial et services", "École élémentaire Élisée-Reclus", 2, 1906),
        "market": ((wing(0, 0, 13, 7, 6.2, 0.4),), "old tiles", "Indifférenciée", "Commercial et services",
                   "Halle du marché aux châtaignes", 1, 1797),
        "gymnasium": ((wing(0, 0, 19, 12, 8.2, 0.0),), "flat", "Indifférenciée", "Sportif",
                      "Gymnase Hélène-Boucher", 1, 1998),
    }  # fmt: skip
    wings, roof, nature, use, name, storeys, year = facts[kind]
    return Building(
        wings=wings, roof=roof, nature=nature, use=use, name=name, storeys=storeys, year=year,
        level_m=_level(valley, x, y), settled="",
    )  # fmt: skip


def points_inside(area: shapely.Polygon, points: Doubles) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell which points, shape (n, 2), lie inside an area."""
    shapely.prepare(area)
    return np.asarray(shapely.contains_xy(area, points[:, 0], points[:, 1]), np.bool_)
