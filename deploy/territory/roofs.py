"""Buildings, cars and decks stamped on a cover."""

import numpy as np
from numpy.typing import NDArray

from deploy.territory import surfaces as s
from deploy.territory.cover import Cover
from deploy.territory.grid import Floats, Window
from deploy.territory.sun import SUN
from deploy.territory.village import Building, Wing

Area = tuple[slice, slice]


def turned(window: Window, x: float, y: float, heading: float, reach: float) -> tuple[Area, Floats, Floats]:
    """Return the pixels about a place in the axes of something that stands there.

    Args:
        window: Pixels of the whole raster.
        x: Place, local metres.
        y: Place, local metres.
        heading: Direction of the first axis, radians from east to north.
        reach: Half side of the square looked at, metres.

    Returns:
        The rows and columns, then for each pixel of them the metres along and aside.
    """
    area = window.slices(x - reach, y - reach, x + reach, y + reach)
    right = (window.x[area[1]] - np.float32(x))[None, :]
    up = (window.y[area[0]] - np.float32(y))[:, None]
    cos, sin = np.float32(np.cos(heading)), np.float32(np.sin(heading))
    return area, right * cos + up * sin, up * cos - right * sin


def stamp_flat(cover: Cover, where: NDArray[np.bool_], height: Floats, surface: int) -> None:
    """Lay a level surface at a height above the ground."""
    cover.surface[where] = surface
    cover.height[where] = height[where]
    cover.tone[where] = 0.5


def stamp_box(
    cover: Cover, x: float, y: float, heading: float, size: tuple[float, float, float], surface: int, tone: float
) -> None:
    """Set down a box: half length, half width and height, metres. A car has a dark windscreen."""
    half_length, half_width, height = size
    area, along, aside = turned(cover.window, x, y, heading, half_length + half_width)
    inside = (np.abs(along) < half_length) & (np.abs(aside) < half_width)
    if not inside.any():
        return
    cabin = np.abs(along + 0.3) < 0.55 * half_length
    cover.surface[area][inside] = surface
    base = cover.height[area]
    base[inside] = np.where(cabin, height, 0.62 * height)[inside]
    glass = inside & (np.abs(np.abs(along + 0.3) - 0.55 * half_length) < 0.25)
    cover.tone[area][inside] = tone
    cover.tone[area][glass] = 0.0


def stamp_building(cover: Cover, building: Building, surface: int) -> None:
    """Raise a building with its roofs, chimney and panels.

    Roof surfaces are level with nothing but themselves: the height is taken from the levelled
    ground of the plot, so a gutter is straight even where the ground about it is not.
    """
    first = building.wings[0]
    west, south, east, north = cover.window.bounds
    if not (west - 45 < first.x < east + 45 and south - 45 < first.y < north + 45):
        return
    for wing in building.wings:
        _roof(cover, building, wing, surface)
    if building.roof in {"tiles", "old tiles"}:
        _chimney(cover, building, first)
        if building.year % (7 if building.roof == "tiles" else 17) == 1:
            _panels(cover, first)


def _roof(cover: Cover, building: Building, wing: Wing, surface: int) -> None:
    reach = wing.half_length + wing.half_width
    area, along, aside = turned(cover.window, wing.x, wing.y, wing.heading, reach)
    to_side = wing.half_width - np.abs(aside)
    to_end = wing.half_length - np.abs(along)
    inside = (to_side >= 0) & (to_end >= 0)
    if not inside.any():
        return
    on_end = wing.hipped & (to_end < to_side)
    run = np.where(on_end, to_end, to_side)
    height = building.level_m + wing.eaves_m + wing.pitch * run - cover.ground[area]
    wins = inside & (height > cover.height[area])
    cos, sin = np.cos(wing.heading), np.sin(wing.heading)
    across = SUN[1] * cos - SUN[0] * sin
    lengthwise = SUN[0] * cos + SUN[1] * sin
    facing = np.where(on_end, lengthwise * np.sign(along), across * np.sign(aside))
    light = (SUN[2] + 1.5 * wing.pitch * facing) / (SUN[2] * np.hypot(1.0, wing.pitch))
    courses = 0.09 * np.sin(2 * np.pi * along / 0.83) + 0.05 * np.sin(2 * np.pi * run / 1.45)
    ridge = (np.where(on_end, 9.0, to_side) > wing.half_width - 0.22) & (wing.pitch > 0)
    border = (np.minimum(to_side, to_end) < 0.35) & (wing.pitch == 0)
    np.copyto(cover.surface[area], np.uint16(surface), where=wins)
    np.copyto(cover.height[area], height.astype(np.float32), where=wins)
    np.copyto(cover.tone[area], (0.5 + courses + 0.3 * ridge + 0.5 * border).astype(np.float32), where=wins)
    np.copyto(cover.light[area], np.broadcast_to(light, wins.shape).astype(np.float32), where=wins)


def _chimney(cover: Cover, building: Building, wing: Wing) -> None:
    slip = (building.year % 7 - 3) / 3.5 * (wing.half_length - 1.5)
    x = wing.x + slip * np.cos(wing.heading) - 1.1 * np.sin(wing.heading)
    y = wing.y + slip * np.sin(wing.heading) + 1.1 * np.cos(wing.heading)
    area, along, aside = turned(cover.window, x, y, wing.heading, 1.0)
    inside = (np.abs(along) < 0.45) & (np.abs(aside) < 0.35)
    if inside.any():
        cover.height[area][inside] += 1.2
        cover.surface[area][inside] = s.CHIMNEY
        cover.light[area][inside] = 1.0


def _panels(cover: Cover, wing: Wing) -> None:
    """Solar panels on the slope that faces south."""
    side = -1 if np.cos(wing.heading) > 0 else 1
    reach = wing.half_length + wing.half_width
    area, along, aside = turned(cover.window, wing.x, wing.y, wing.heading, reach)
    band = (np.abs(along + 1.0) < 2.6) & (side * aside > 0.9) & (side * aside < min(3.9, wing.half_width - 0.6))
    cover.surface[area][band] = s.SOLAR
    cover.tone[area][band] = (0.35 + 0.5 * (np.mod(along, 1.05) < 0.12))[band]
