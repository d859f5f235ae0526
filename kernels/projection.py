"""Closed-form map projections on lattices of pixels: Web Mercator, Lambert conformal conic, geographic.

Formulas of IOGP Publication 373-7-2: 3.1.1 (Lambert conic conformal), 3.2.2 (Popular
Visualisation Pseudo-Mercator). The parameters of a projection are an array of eight
numbers: semi-major axis a (metres), eccentricity e, longitude of origin (radians), cone
constant n, a·F, radius at the origin, false easting, false northing; other kinds use the first alone.
"""

import math

import numpy as np
from numba import njit, types, void
from numpy.typing import NDArray

PARAMETERS = types.Array(types.float64, 1, "C", readonly=True)
LATTICE = types.float64[:, ::1]

GEOGRAPHIC, MERCATOR, CONIC = 0, 1, 2
"""Kinds of projection: degrees, spherical Mercator, Lambert conformal conic."""


@njit(
    void(
        types.int64,
        PARAMETERS,
        types.int64,
        PARAMETERS,
        types.float64,
        types.float64,
        types.float64,
        types.float64,
        types.int64,
        LATTICE,
        LATTICE,
    ),
    cache=True,
    nogil=True,
)
def project_lattice(kind, own, target_kind, target, west, north, cell_x, cell_y, step, x, y):
    """Write where the pixel centres of a grid lie in another projection, at every `step`-th pixel.

    Both projections share one datum.

    Args:
        kind: Projection of the grid.
        own: Its parameters, shape (8,).
        target_kind: Projection of the result.
        target: Its parameters, shape (8,).
        west: Outer edge of the first column, units of the grid's projection (degrees or metres).
        north: Outer edge of the first row.
        cell_x: Width of a pixel.
        cell_y: Height of a pixel, > 0 towards the south.
        step: Pixels between nodes, > 0.
        x: Easting of node (row, col), shape (rows, cols). Modified.
        y: Northing. Modified.
    """
    for row in range(x.shape[0]):
        for col in range(x.shape[1]):
            east = west + (col * step + 0.5) * cell_x
            up = north - (row * step + 0.5) * cell_y
            if kind == 1:
                lon = east / own[0]
                lat = 2.0 * math.atan(math.exp(up / own[0])) - math.pi / 2
            elif kind == 2:
                dx = east - own[6]
                dy = own[5] - (up - own[7])
                sign = 1.0 if own[3] > 0 else -1.0
                lon = math.atan2(sign * dx, sign * dy) / own[3] + own[2]
                t = (sign * math.hypot(dx, dy) / own[4]) ** (1.0 / own[3])
                lat = math.pi / 2 - 2.0 * math.atan(t)
                for _ in range(6):
                    s = own[1] * math.sin(lat)
                    lat = math.pi / 2 - 2.0 * math.atan(t * ((1.0 - s) / (1.0 + s)) ** (own[1] / 2))
            else:
                lon, lat = math.radians(east), math.radians(up)
            if target_kind == 1:
                x[row, col] = target[0] * lon
                y[row, col] = target[0] * math.log(math.tan(math.pi / 4 + lat / 2))
            elif target_kind == 2:
                s = target[1] * math.sin(lat)
                t = math.tan(math.pi / 4 - lat / 2) / ((1.0 - s) / (1.0 + s)) ** (target[1] / 2)
                radius = target[4] * t ** target[3]
                turn = target[3] * (lon - target[2])
                x[row, col] = target[6] + radius * math.sin(turn)
                y[row, col] = target[7] + target[5] - radius * math.cos(turn)
            else:
                x[row, col], y[row, col] = math.degrees(lon), math.degrees(lat)


def conic_parameters(
    axis: float,
    eccentricity: float,
    lon: float,
    lat: float,
    first: float,
    second: float,
    scale: float,
    easting: float,
    northing: float,
) -> NDArray[np.float64]:
    """Return the eight parameters of a Lambert conformal conic.

    Args:
        axis: Semi-major axis, metres.
        eccentricity: First eccentricity of the ellipsoid.
        lon: Longitude of origin, degrees.
        lat: Latitude of origin, degrees.
        first: First standard parallel, degrees.
        second: Second one; equal to the first for the variant with one parallel.
        scale: Scale factor on the parallel of origin, 1 for two parallels.
        easting: False easting, metres.
        northing: False northing, metres.
    """

    def m(degrees: float) -> float:
        s = math.sin(math.radians(degrees))
        return math.cos(math.radians(degrees)) / math.sqrt(1 - (eccentricity * s) ** 2)

    def t(degrees: float) -> float:
        phi = math.radians(degrees)
        s = eccentricity * math.sin(phi)
        return float(math.tan(math.pi / 4 - phi / 2) / ((1 - s) / (1 + s)) ** (eccentricity / 2))

    if first == second:
        n = math.sin(math.radians(first))
    else:
        n = math.log(m(first) / m(second)) / math.log(t(first) / t(second))
    scaled = axis * scale * m(first) / (n * t(first) ** n)
    values = (axis, eccentricity, math.radians(lon), n, scaled, scaled * t(lat) ** n, easting, northing)
    return np.array(values, np.float64)
