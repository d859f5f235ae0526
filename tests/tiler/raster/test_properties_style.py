"""Styles: a tile shows what the style makes of GDAL's samples, whatever the source and the plan."""

import asyncio
from io import BytesIO

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.layer import RasterSource
from core.style import Ramp, Stop, Style
from tests.tiler.raster.oracle import Source, stored, tile_of, warp
from tests.tiler.raster.test_engine import Engine
from tests.tiler.raster.test_properties import on_an_edge

SOURCES = [
    Source(),
    Source(missing="nodata"),
    Source(missing="mask", crs="EPSG:32631"),
    Source(missing="alpha", bands=4),
    Source(dtype="uint16", missing="nodata"),
    Source(dtype="float32", missing="nan"),
    Source(dtype="int16", missing="mask"),
]

STOPS = ((60.0, 10, 20, 30), (120.0, 200, 100, 0), (180.0, 0, 90, 250))


def stretched(values, low, high):
    return np.clip((values - low) * (255.0 / (high - low)), 0, 255)


def interval(values):
    """Return the colours of values: that of the last stop at or below, nothing below the first."""
    table = np.array([(0, 0, 0), *(stop[1:] for stop in STOPS)], np.float64)
    return table[np.searchsorted([stop[0] for stop in STOPS], values, side="right")]


STYLES = {
    "as they are": (Style(name="a", rescale=(0.0, 255.0)), lambda v: stretched(v, 0, 255)),
    "another order": (Style(name="a", bands=(3, 1, 2), rescale=(20.0, 200.0)),
                      lambda v: stretched(v[..., [2, 0, 1]], 20, 200)),
    "one band": (Style(name="a", bands=(2,), rescale=(50.0, 150.0)), lambda v: stretched(v[..., [1, 1, 1]], 50, 150)),
    "expression": (Style(name="a", expression="(b1 - b2) / (b1 + b2)"),
                   lambda v: stretched(((v[..., 0] - v[..., 1]) / (v[..., 0] + v[..., 1]))[..., None], -1, 1)),
    "ramp": (Style(name="a", bands=(1,), ramp=Ramp(stops=tuple(Stop(*stop) for stop in STOPS), mode="interval")),
             lambda v: interval(v[..., 0])),
}  # fmt: skip
"""Each style, and what it makes of samples (rows, cols, bands), in numpy."""


async def show(data, source, style, grid):
    engine = Engine()
    engine.store.objects["a.tif"] = data
    shown = RasterSource(href="a.tif", bands=(1, 2, 3), dtype=source.dtype, resampling="nearest")
    try:
        tile, _ = await engine.send(shown, grid, "png", style)
    finally:
        engine.pool.close()
    return np.asarray(Image.open(BytesIO(tile)).convert("RGBA")) if tile else np.zeros((grid.rows, grid.cols, 4))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(SOURCES),
    st.sampled_from(sorted(STYLES)),
    st.sampled_from(["PM", "2154_10cm"]),
    st.floats(-1, 2),
    st.floats(0, 1),
    st.floats(0, 1),
)
@example(Source(dtype="int16", missing="mask"), "expression", "PM", 0.0, 0.0, 0.0)  # bands that add up to nothing
def test_a_tile_shows_what_the_style_makes_of_the_samples(source, name, tms, log_reduction, across, down):
    style, same = STYLES[name]
    grid = tile_of(tms, source.crs, 2**log_reduction, across, down)
    picture = asyncio.run(show(stored(source).read_bytes(), source, style, grid)).astype(np.float64)
    samples, seen = warp(stored(source), grid, "nearest")
    with np.errstate(invalid="ignore", divide="ignore"):
        values = samples[..., :3].astype(np.float64)
        wanted = same(values)
    seen = (seen > 0) & np.isfinite(values).all(axis=2)
    if name == "expression":  # a quotient by zero is no value
        seen &= values[..., 0] + values[..., 1] != 0
    if name == "ramp":
        seen &= values[..., 0] >= STOPS[0][0]
    sure = ~on_an_edge(source, grid, 0)
    assert ((picture[..., 3] > 0) != seen)[sure].sum() <= max(0.0005 * sure.sum(), 2)
    both = sure & seen & (picture[..., 3] > 0)
    other = (np.abs(picture[..., :3] - wanted) > 1.0).any(axis=2)[both]
    assert other.sum() <= max(0.0005 * other.size, 2)
