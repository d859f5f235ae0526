"""From samples to a picture, as a style says."""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.layer import RasterSource
from core.style import Aspect, Contours, Hillshade, Slope, Style
from kernels import terrain
from kernels.colour import replace_colour, stretch
from tiler.raster.expression import Expression, read_expression, run_expression
from tiler.raster.grid import PixelGrid
from tiler.raster.ground import ground_cells
from tiler.raster.picture import Picture, Samples
from tiler.raster.ramp import PALETTE, Steps, show_ramp, steps_of

_CLEAR = bytes(4)


class PreparedStyle(msgspec.Struct, frozen=True, gc=False, eq=False, kw_only=True):
    """A style for one layer, with all that does not depend on the tile."""

    style: Style
    bands: tuple[int, ...]
    """Bands to read, numbered from 1."""
    expression: Expression | None
    steps: Steps | None
    rescale: tuple[float, float] | None
    """Values shown as black and as white; None where samples are shown as they are."""
    unchanged: bool
    """Values are shown as they are: those of a file with a palette in its colours."""
    plain: bool
    """Nothing at all is changed: a stored block may be the tile."""


def prepare(style: Style, source: RasterSource) -> PreparedStyle:
    """Return a style made ready for a layer.

    Raises:
        BadRequest: Its expression is none.
    """
    expression = read_expression(style.expression) if style.expression else None
    bands = expression.bands if expression is not None else style.bands or source.bands
    single = style.relief is not None or style.ramp is not None or style.terrain is not None
    if single and expression is None:
        bands = bands[:1]
    rescale = style.rescale or _limits(style, source)
    steps = None if style.ramp is None else steps_of(style.ramp)
    unchanged = not (single or expression or rescale)
    return PreparedStyle(
        style=style,
        bands=bands,
        expression=expression,
        steps=steps,
        rescale=rescale,
        unchanged=unchanged,
        plain=unchanged and not style.transparent and style.opacity == 1 and bands == source.bands,
    )


def draw(samples: Samples, prepared: PreparedStyle, grid: PixelGrid, palette: bytes = b"") -> Picture:
    """Return what a style shows of samples.

    Args:
        samples: The style's bands on the grid, with its border around.
        prepared: The style.
        grid: Pixels of the picture.
        palette: Red, green, blue of each value of the only band, where the file has one; empty without.
    """
    return _faded(_drawn(samples, prepared, grid, palette), prepared.style.opacity)


def _drawn(samples: Samples, prepared: PreparedStyle, grid: PixelGrid, palette: bytes) -> Picture:
    style = prepared.style
    if palette and prepared.unchanged and samples.values.shape[2] == 1 and samples.values.dtype == np.uint8:
        return _replaced(_classes(samples, palette), style)
    samples = measure(samples, prepared, grid)
    if isinstance(style.relief, Contours):
        return _lines(as_floats(samples)[..., 0], style.relief)
    if style.terrain is not None:
        heights = as_floats(samples)[..., 0]
        picture = np.empty((*heights.shape, 4 if np.isnan(heights).any() else 3), np.uint8)
        terrain.terrain_rgb(heights, style.terrain.base, style.terrain.step, picture)
        return Picture(picture)
    if style.missing is not None:
        samples = _filled(samples, style.missing)
    if prepared.steps is not None:
        return _replaced(_ramp(samples, prepared.steps), style)
    return _replaced(_stretched(samples, prepared.rescale), style)


def measure(samples: Samples, prepared: PreparedStyle, grid: PixelGrid) -> Samples:
    """Return what a style measures, before anything gives it colours: its bands, its expression or its relief.

    Args:
        samples: The style's bands on the grid, with its border around; contours keep the border.
        prepared: The style.
        grid: Pixels of the result.
    """
    relief = prepared.style.relief
    if prepared.expression is not None:
        samples = Samples(run_expression(prepared.expression, as_floats(samples))[..., None])
    if relief is None or isinstance(relief, Contours):
        return samples
    return Samples(relief_of(as_floats(samples)[..., 0], relief, *ground_cells(grid))[..., None])


def _limits(style: Style, source: RasterSource) -> tuple[float, float] | None:
    """Return the values shown as black and as white where the style does not say."""
    match style.relief:
        case Hillshade():
            return (0.0, 255.0)
        case Slope(unit=unit):
            return (0.0, 90.0) if unit == "degree" else (0.0, 100.0)
        case Aspect():
            return (0.0, 360.0)
    if style.expression:
        return (-1.0, 1.0)
    if source.rescale is None and source.dtype != "uint8":
        return (0.0, 255.0)
    return source.rescale


def as_floats(samples: Samples) -> NDArray[np.float32]:
    """Return samples as float32 in which missing is NaN, shape (rows, cols, bands): themselves where they are so."""
    values = samples.values
    if values.dtype == np.float32:
        return values
    floats = values.astype(np.float32)
    if samples.valid is not None:
        floats[samples.valid == 0] = np.nan
    return floats


def _filled(samples: Samples, value: float) -> Samples:
    """Return samples none of which is missing."""
    if samples.values.dtype != np.float32 and samples.valid is None:
        return samples
    floats = as_floats(samples)
    missing = np.isnan(floats)
    return Samples(np.where(missing, np.float32(value), floats)) if missing.any() else Samples(floats)


def relief_of(
    heights: NDArray[np.float32],
    relief: Hillshade | Slope | Aspect,
    cell_x: NDArray[np.float32],
    cell_y: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return what is seen of heights, NaN where they are missing, shape (rows, cols).

    Args:
        heights: NaN where missing, shape (rows + 2, cols + 2).
        relief: What to see.
        cell_x: Width of the pixels of each row on the ground, metres, shape (rows,).
        cell_y: Their height.
    """
    result = np.empty((heights.shape[0] - 2, heights.shape[1] - 2), np.float32)
    metres = np.float32(relief.z_factor)
    match relief:
        case Hillshade(azimuth=azimuth, altitude=altitude):
            up, over = math.sin(math.radians(altitude)), math.cos(math.radians(altitude))
            east, north = over * math.sin(math.radians(azimuth)), over * math.cos(math.radians(azimuth))
            terrain.hillshade(heights, cell_x, cell_y, metres, east, north, up, result)
        case Slope(unit=unit, highest=highest):
            terrain.slope(heights, cell_x, cell_y, metres, unit == "percent", result)
            if highest is not None:
                np.minimum(result, np.float32(highest), out=result)
        case Aspect(min_slope=least):
            terrain.aspect(heights, cell_x, cell_y, metres, math.tan(math.radians(least)), result)
    return result


def _lines(heights: NDArray[np.float32], relief: Contours) -> Picture:
    indexes = np.empty((heights.shape[0] - 2, heights.shape[1] - 2), np.uint8)
    terrain.contours(heights, relief.interval, relief.width, relief.major_every, indexes)
    palette = np.empty((256, 4), np.uint8)
    palette[:, :3] = relief.colour[:3]
    covers = np.rint(np.arange(128) * (relief.colour[3] / 127.0)).astype(np.uint8)
    palette[:128, 3], palette[128:, 3] = covers, covers
    return Picture(indexes[..., None], palette.tobytes())


def _ramp(samples: Samples, steps: Steps) -> Picture:
    if samples.values.dtype != np.uint8:
        return show_ramp(samples.values[..., 0], steps)
    colours = steps.colours[np.searchsorted(steps.thresholds, np.arange(256, dtype=np.float32), side="right")]
    values, valid = samples.values, samples.valid
    if valid is None:
        return Picture(values, colours.tobytes())
    highest = int(values.max())
    if highest < PALETTE:
        indexes = np.where(valid[..., None] > 0, values, np.uint8(highest + 1))
        return Picture(indexes, colours[: highest + 1].tobytes() + _CLEAR)
    picture = colours[values[..., 0]]
    picture[valid == 0] = 0
    return Picture(picture)


def _stretched(samples: Samples, limits: tuple[float, float] | None) -> Picture:
    values, valid = samples.values, samples.valid
    if values.dtype == np.uint8:
        if limits is not None:
            low, high = limits
            table = np.rint(np.clip((np.arange(256) - low) * (255.0 / (high - low)), 0, 255)).astype(np.uint8)
            values = table[values]
        return Picture(values if valid is None else np.concatenate([values, valid[..., None]], axis=2))
    low, high = limits or (0.0, 255.0)
    bands = values.shape[2]
    missing = bool(np.isnan(values).any())
    picture = np.empty((*values.shape[:2], bands + missing), np.uint8)
    stretch(values, low, 255.0 / (high - low), picture)
    return Picture(picture)


def _classes(samples: Samples, palette: bytes) -> Picture:
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    values, valid = samples.values, samples.valid
    if valid is None:
        opaque = np.full((len(colours), 1), 255, np.uint8)
        return Picture(values, np.concatenate([colours, opaque], axis=1).tobytes())
    return Picture(np.concatenate([colours[np.minimum(values[..., 0], len(colours) - 1)], valid[..., None]], axis=2))


def _replaced(picture: Picture, style: Style) -> Picture:
    one = style.transparent
    if one is None:
        return picture
    if picture.palette:
        pixels = np.frombuffer(picture.palette, np.uint8).reshape(1, -1, 4).copy()
    else:
        pixels = _rgba(picture.pixels)
    replace_colour(np.array(one.colour, np.float32), np.array([one.becomes], np.uint8), one.tolerance, pixels)
    return Picture(picture.pixels, pixels.tobytes()) if picture.palette else Picture(pixels)


def _faded(picture: Picture, opacity: float) -> Picture:
    """Return a picture of which a share is seen."""
    if opacity == 1:
        return picture
    shares = np.rint(np.arange(256) * opacity).astype(np.uint8)
    if picture.palette:
        colours = np.frombuffer(picture.palette, np.uint8).reshape(-1, 4).copy()
        colours[:, 3] = shares[colours[:, 3]]
        return Picture(picture.pixels, colours.tobytes())
    pixels = _rgba(picture.pixels)
    pixels[..., 3] = shares[pixels[..., 3]]
    return Picture(pixels)


def _rgba(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a copy in four channels."""
    result = np.full((*pixels.shape[:2], 4), 255, np.uint8)
    channels = pixels.shape[2]
    result[..., :3] = pixels[..., :3] if channels >= 3 else pixels[..., :1]
    if channels in {2, 4}:
        result[..., 3] = pixels[..., -1]
    return result
