"""The river and the roads: where they run, how wide they are, what they are called."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from msgspec.structs import replace

from deploy.territory.grid import Doubles

RIVER_HALF_WIDTH_M = 9.0
BANK_M = 8.0
"""From the water's edge to the top of the bank."""

RIVER_NAME = "La Vière"

_BRIDGE = (1070.0, 1000.0)
_MEANDER_M = 620.0
_SWING = 1.12

Nature = Literal["Route à 1 chaussée", "Chemin", "Pont"]
Settled = Literal["", "core", "houses", "hamlet"]


class Road(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of road between two junctions."""

    line: Doubles
    """Centreline, local metres, shape (n, 2)."""

    name: str
    nature: Nature
    width_m: float
    one_way: bool = False
    marked: bool = False
    """It has painted lines."""

    built_up: Settled = ""
    """How houses stand along it; empty for none."""

    lined: bool = False
    """Plane trees stand along it."""


def river_line() -> Doubles:
    """Return the centreline of the river from north to south, vertices 5 m apart.

    A sine-generated curve (Langbein and Leopold, 1966), the shape of real meanders:
    the heading swings as a sine of the length travelled.
    """
    length = np.arange(-2300.0, 2300.0, 5.0)
    heading = _SWING * np.sin(2 * np.pi * length / _MEANDER_M) * (1 + 0.12 * np.sin(length / 210.0 + 1.0))
    heading += 0.30 * np.sin(length / 520.0)
    x = np.cumsum(np.sin(heading)) * 5.0
    y = -np.cumsum(np.cos(heading)) * 5.0
    middle = length.size // 2
    line = np.stack((x - x[middle] + _BRIDGE[0], y - y[middle] + _BRIDGE[1]), axis=1)
    return line[(line[:, 1] > -250) & (line[:, 1] < 2250)]


def smooth_line(points: Sequence[tuple[float, float]], step_m: float = 8.0) -> Doubles:
    """Draw a Catmull-Rom curve through points.

    Args:
        points: Places the curve passes, local metres.
        step_m: Distance between the vertices made.

    Returns:
        Vertices, shape (n, 2), the first and last points among them.
    """
    at = np.asarray(points, np.float64)
    guide = np.vstack((2 * at[0] - at[1], at, 2 * at[-1] - at[-2]))
    pieces = []
    for k in range(1, len(guide) - 2):
        before, start, end, after = guide[k - 1], guide[k], guide[k + 1], guide[k + 2]
        t = np.linspace(0, 1, max(2, int(np.hypot(*(end - start)) / step_m)), endpoint=False)[:, None]
        pieces.append(
            0.5
            * (
                2 * start
                + (end - before) * t
                + (2 * before - 5 * start + 4 * end - after) * t**2
                + (3 * start - before - 3 * end + after) * t**3
            )
        )
    return np.vstack((*pieces, at[-1:]))


def roads() -> tuple[Road, ...]:
    """Return the road network of the whole territory."""
    junction, west_bank, east_bank = (930.0, 1000.0), (1048.0, 1000.0), (1092.0, 1000.0)
    north_fork, south_fork, east_fork = (905.0, 1180.0), (890.0, 800.0), (1330.0, 1035.0)
    west_fork = (690.0, 952.0)
    main = Road(line=np.empty((0, 2)), name="", nature="Route à 1 chaussée", width_m=6.5, marked=True)
    bridge = replace(main, nature="Pont")
    street = replace(main, width_m=5.0, marked=False)
    track = replace(street, nature="Chemin", width_m=3.2)

    def road(
        name: str,
        points: Sequence[tuple[float, float]],
        like: Road,
        *,
        built_up: Settled = "",
        one_way: bool = False,
        lined: bool = False,
    ) -> Road:
        line = smooth_line(points)
        return replace(like, line=line, name=name, built_up=built_up, one_way=one_way, lined=lined)

    return (
        road("Route de Béziers", [(-60, 815), (200, 850), (460, 905), west_fork], main, lined=True),
        road("Avenue de la République", [west_fork, (820, 985), junction], main, built_up="core"),
        road("Rue du Général-Leclerc", [junction, (990, 1002), west_bank], main, built_up="core"),
        road("Pont des Lavandières", [west_bank, east_bank], bridge),
        road("Route de la Garrigue", [east_bank, (1200, 1008), east_fork], main, built_up="houses"),
        road("Route de la Garrigue", [east_fork, (1560, 1120), (1800, 1240), (2060, 1290)], main, lined=True),
        road(
            "Rue de l'Église", [junction, (935, 1060), (918, 1120), north_fork], street, built_up="core", one_way=True
        ),
        road("Chemin de la Forêt", [north_fork, (850, 1400), (740, 1600), (690, 1820), (600, 2060)], street),
        road("Rue de l'Hôtel-de-Ville", [junction, (938, 930), (912, 860), south_fork], street, built_up="core"),
        road("Route de Saint-Étienne", [south_fork, (850, 640), (700, 430), (640, 210), (650, -60)], street),
        road("Rue du Four-à-Chaux", [(840, 988), (835, 1060), (862, 1120), (918, 1120)], street, built_up="core"),
        road("Rue des Écoles", [(800, 980), (800, 900), (838, 838), south_fork], street, built_up="core"),
        road("Impasse des Pêcheurs", [(934, 945), (980, 940), (1022, 925)], street, built_up="core"),
        road("Allée des Chênes", [west_fork, (700, 1040), (760, 1100), (862, 1120)], street, built_up="houses"),
        road("Allée des Mûriers", [(700, 1040), (620, 1070), (590, 1130)], street, built_up="houses"),
        road("Rue du Stade", [west_fork, (700, 870), (740, 800), (838, 838)], street, built_up="houses"),
        road("Impasse des Genêts", [(700, 870), (640, 840), (600, 790)], street, built_up="houses"),
        road("Chemin des Âniers", [(460, 905), (440, 1120), (380, 1330), (395, 1500)], track),
        road("Mas de l'Hérault", [(395, 1500), (402, 1570), (440, 1640)], track, built_up="hamlet"),
        road("Chemin du Mas", [(440, 1640), (580, 1680), (740, 1600)], track),
        road("Chemin de la Draille", [east_fork, (1400, 1220), (1530, 1380), (1560, 1480)], track),
        road("La Grange-Neuve", [(1560, 1480), (1600, 1550), (1660, 1600)], track, built_up="hamlet"),
        road("Chemin des Crêtes", [(1660, 1600), (1760, 1740), (1740, 1900), (1800, 2060)], track),
        road("Chemin du Moulin", [east_fork, (1400, 860), (1480, 640), (1500, 470)], track),
        road("Le Moulin-Brûlé", [(1500, 470), (1490, 400), (1440, 340)], track, built_up="hamlet"),
        road("Chemin du Gué", [(1440, 340), (1560, 200), (1600, 60), (1590, -60)], track),
        road("Chemin des Vignes", [(700, 430), (480, 480), (260, 440), (-60, 500)], track),
        road("Chemin de Fontcaude", [(380, 1330), (200, 1300), (-60, 1380)], track),
        road("Chemin de la Combe", [(1560, 1120), (1640, 900), (1820, 760), (2060, 720)], track),
    )
