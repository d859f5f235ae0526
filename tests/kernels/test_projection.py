"""kernels.projection: closed forms agree with PROJ to a tenth of a millimetre."""

import math

import numpy as np
import pytest
from pyproj import Transformer

from kernels.projection import CONIC, GEOGRAPHIC, MERCATOR, conic_parameters, project_lattice

GRS80 = (6378137.0, 0.0818191910428158)
LAMBERT_93 = conic_parameters(*GRS80, 3.0, 46.5, 49.0, 44.0, 1.0, 700_000.0, 6_600_000.0)
CC49 = conic_parameters(*GRS80, 3.0, 49.0, 48.25, 49.75, 1.0, 1_700_000.0, 8_200_000.0)
SPHERE = np.array([6378137.0, 0, 0, 0, 0, 0, 0, 0])

SYSTEMS = {
    "EPSG:3857": (MERCATOR, SPHERE, (300_000.0, 5_800_000.0, 20_000.0)),
    "EPSG:2154": (CONIC, LAMBERT_93, (650_000.0, 6_750_000.0, 20_000.0)),
    "EPSG:3949": (CONIC, CC49, (1_650_000.0, 8_250_000.0, 15_000.0)),
    "EPSG:4326": (GEOGRAPHIC, SPHERE, (1.0, 49.5, 0.2)),
}


@pytest.mark.parametrize("own", SYSTEMS)
@pytest.mark.parametrize("target", SYSTEMS)
def test_every_pair_of_systems_agrees_with_proj(own, target):
    kind, parameters, (west, north, cell) = SYSTEMS[own]
    target_kind, target_parameters, _ = SYSTEMS[target]
    x, y = np.empty((5, 7)), np.empty((5, 7))
    project_lattice(kind, parameters, target_kind, target_parameters, west, north, cell, cell, 2, x, y)
    cols = west + (np.arange(7) * 2 + 0.5) * cell
    rows = north - (np.arange(5) * 2 + 0.5) * cell
    wanted = Transformer.from_crs(own, target, always_xy=True).transform(*np.meshgrid(cols, rows))
    unit = 111_319.0 if target == "EPSG:4326" else 1.0
    assert np.abs(x - wanted[0]).max() * unit < 1e-4
    assert np.abs(y - wanted[1]).max() * unit < 1e-4


def test_the_conic_of_one_parallel_is_that_of_proj():
    one = conic_parameters(
        6378249.2, math.sqrt(0.006803487646299), 0.0, 46.8, 46.8, 46.8, 0.99987742, 600_000, 2_200_000
    )
    x, y = np.empty((1, 1)), np.empty((1, 1))
    project_lattice(GEOGRAPHIC, SPHERE, CONIC, one, 2.0, 47.5, 1.0, 1.0, 1, x, y)
    crs = "+proj=lcc +lat_1=46.8 +lat_0=46.8 +lon_0=0 +k_0=0.99987742 +x_0=600000 +y_0=2200000 +a=6378249.2 +b=6356515"
    to_grid = Transformer.from_pipeline("+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step " + crs)
    assert (x[0, 0], y[0, 0]) == pytest.approx(to_grid.transform(2.5, 47.0), abs=0.01)
