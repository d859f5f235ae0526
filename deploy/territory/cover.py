"""The cover of a window: what the ortho shows and the laser meets at every pixel."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from deploy.territory.grid import Floats, Window


class Cover(msgspec.Struct, frozen=True, kw_only=True):
    """Rasters of one window, all of shape (rows, cols)."""

    window: Window
    ground: Floats
    """Elevation of the bare ground or water, metres."""

    surface: NDArray[np.uint16]
    """Index in the scene's surfaces."""

    height: Floats
    """Of what stands there, above the ground, metres."""

    tone: Floats
    """Where between its dark and light colours the surface is, before texture; about 0 to 1."""

    light: Floats
    """How much sun the slope of a roof or crown takes; 1 on flat ground."""
