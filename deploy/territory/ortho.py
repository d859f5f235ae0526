"""The aerial image: the cover of a window in the light of the sun."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from deploy.territory.cover import Cover
from deploy.territory.grid import Floats, Window, resample
from deploy.territory.scene import SIDE_M, Scene
from deploy.territory.sun import SHADOW_STEP, TANGENT
from deploy.territory.surfaces import BRIDGE

_TALLEST_M = 24.0
_GRAIN_PIXELS = 1024
_STAIN_CELL_M = 4.0


class Textures(msgspec.Struct, frozen=True):
    """Noise fields of mean 0 and deviation 1."""

    grain: Floats
    """Tile of 1024 x 1024 pixels that repeats, fine."""

    stain: Floats
    """Over the whole territory, in pixels of 4 m, broad."""

    stain_window: Window


def make_textures(seed: int) -> Textures:
    """Make the noise fields of a territory."""
    count = SIDE_M // int(_STAIN_CELL_M) + 140
    window = Window(west=-280, north=SIDE_M + 280, cell=_STAIN_CELL_M, rows=count, cols=count)
    rng = np.random.default_rng((seed, 11))
    return Textures(_noise(rng, _GRAIN_PIXELS, 0.55), _noise(rng, count, 1.15), window)


def _noise(rng: np.random.Generator, count: int, slope: float) -> Floats:
    """Return noise whose amplitude falls as frequency to the power `slope`, shape (count, count)."""
    wave = np.fft.rfft2(rng.standard_normal((count, count)))
    frequency = np.hypot(np.fft.fftfreq(count)[:, None], np.fft.rfftfreq(count)[None, :])
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(wave / frequency**slope, (count, count))
    return np.asarray(field / field.std(), np.float32)


def shadow_margin(cell: float) -> int:
    """Return how many pixels around a window its shadows and blur need."""
    return SHADOW_STEP[1] * (1 << _doublings(cell)) + 2


def _doublings(cell: float) -> int:
    step = float(np.hypot(*SHADOW_STEP)) * cell * TANGENT
    return max(1, int(np.ceil(np.log2(_TALLEST_M / step))))


def sunlit(cover: Cover) -> Floats:
    """Return the share of sun that reaches each pixel: 0 in shadow, 1 in the sun, shape (rows, cols).

    The horizon towards the sun is the greatest of the surface heights on the way,
    each less the rise of the ray; doubling the step looks 2^n pixels far in n passes.
    """
    top = cover.ground + cover.height
    horizon = np.full_like(top, -np.inf)
    right, down = SHADOW_STEP
    rise = np.float32(np.hypot(right, down) * cover.window.cell * TANGENT)
    horizon[:-down, :-right] = top[down:, right:] - rise
    for k in range(_doublings(cover.window.cell)):
        n = 1 << k
        farther = horizon[n * down :, n * right :] - np.float32(n) * rise
        np.maximum(horizon[: -n * down, : -n * right], farther, out=horizon[: -n * down, : -n * right])
    return np.asarray(np.clip(1 - (horizon - top) / 0.45, 0, 1), np.float32)


def photograph(scene: Scene, textures: Textures, cover: Cover, margin: int) -> NDArray[np.uint8]:
    """Take the image of a cover.

    Args:
        scene: The truth.
        textures: Noise of the territory.
        cover: What to show, with a margin.
        margin: Pixels to leave out on each side, `shadow_margin` or more.

    Returns:
        Red, green, blue; shape (3, rows - 2 margin, cols - 2 margin).
    """
    window, table, at = cover.window, scene.surfaces, cover.surface
    stain = resample(textures.stain, textures.stain_window, window)
    rows = np.floor(window.y / 0.2).astype(np.int64) % _GRAIN_PIXELS
    cols = np.floor(window.x / 0.2).astype(np.int64) % _GRAIN_PIXELS
    grain = textures.grain[rows[:, None], cols[None, :]]
    tone = cover.tone + table.mottle[at] * (stain + 0.35 * grain) + table.grain[at] * grain
    np.clip(tone, -0.1, 1.15, out=tone)
    sun = sunlit(cover)
    light = scene.ground.light_over(window)
    light = np.where(table.las_class[at] == BRIDGE, 1, 1 + 1.1 * (light - 1)).astype(np.float32)
    light *= cover.light
    image = np.empty((3, window.rows - 2 * margin, window.cols - 2 * margin), np.uint8)
    rng = np.random.default_rng((scene.seed, 12, round(window.north + 1000), round(window.west + 1000)))
    inner = slice(margin, -margin)
    for band, (sky, gain, haze) in enumerate(((0.36, 1.02, 9.0), (0.41, 1.0, 11.0), (0.52, 0.98, 16.0))):
        bright = sky + (1 - sky) * sun
        value = (table.dark[:, band][at] + table.spread[:, band][at] * tone) * bright * light
        soft = _blurred(value)[inner, inner]
        noise = rng.integers(-4, 5, soft.shape, np.int8)
        image[band] = np.clip(soft * np.float32(gain * 0.95) + np.float32(haze) + noise, 0, 255)
    return image


def _blurred(value: Floats) -> Floats:
    """Soften as a lens does: weights 1/5, 3/5, 1/5 each way."""
    out = np.array(value)
    out[:, 1:-1] = 0.6 * value[:, 1:-1] + 0.2 * (value[:, :-2] + value[:, 2:])
    soft = np.array(out)
    soft[1:-1] = 0.6 * out[1:-1] + 0.2 * (out[:-2] + out[2:])
    return soft
