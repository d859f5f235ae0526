"""Where the sun stands over the territory: to the south-south-east, at 49 degrees."""

import numpy as np

SHADOW_STEP = (1, 2)
"""Pixels east and rows south that one step towards the sun takes."""

TANGENT = 1.15
"""Metres of height for a metre of shadow."""

_FLAT = float(np.hypot(*SHADOW_STEP))
_NORM = float(np.hypot(1.0, TANGENT))

SUN = (SHADOW_STEP[0] / _FLAT / _NORM, -SHADOW_STEP[1] / _FLAT / _NORM, TANGENT / _NORM)
"""Unit vector towards the sun: east, north, up."""
