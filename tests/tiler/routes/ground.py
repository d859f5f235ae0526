"""A published elevation, an ortho-image, buildings and a point cloud, for tests of values over HTTP."""

import numpy as np
from pyproj import Transformer

from core.layer import PointCloudSource, PublishedLayer, RasterSource, VectorSource
from core.style import Ramp, Slope, Stop, Style
from tests.doubles import MemoryStore
from tests.tiler.raster.tiffs import photo, write_cog

WEST, NORTH, CELL, SIDE = 770_000.0, 6_277_000.0, 5.0, 700
HOLE = (slice(300, 340), slice(200, 260))
"""Rows and columns without heights."""

TO_LAMBERT = Transformer.from_crs("EPSG:4326", "EPSG:2154", always_xy=True)
TO_DEGREES = Transformer.from_crs("EPSG:2154", "EPSG:4326", always_xy=True)


def height(x, y):
    """Return the height of a plane, metres, at places of Lambert-93."""
    return 300 + 0.2 * (np.asarray(x) - WEST) + 0.1 * (np.asarray(y) - NORTH)


def heights():
    """Return the samples of the elevation, NaN in the hole, shape (SIDE, SIDE)."""
    at = (np.arange(SIDE) + 0.5) * CELL
    values = height(WEST + at[None, :], NORTH - at[:, None]).astype(np.float32)
    values[HOLE] = np.nan
    return values


def publish(folder):
    """Return a store in memory and its layers by name."""
    store = MemoryStore()
    place = {"west": WEST, "north": NORTH, "cell": CELL, "crs": "EPSG:2154", "BLOCKSIZE": 128}
    values = np.nan_to_num(heights(), nan=-9999)[None]
    write_cog(folder / "dem.tif", values, nodata=-9999, **place)
    write_cog(folder / "ortho.tif", photo(SIDE, SIDE), COMPRESS="DEFLATE", **place)
    for name in ("dem", "ortho"):
        store.objects[f"{name}.tif"] = (folder / f"{name}.tif").read_bytes()
    far = SIDE * CELL
    corners = [TO_DEGREES.transform(WEST + right * far, NORTH - down * far) for right in (0, 1) for down in (0, 1)]
    box = tuple(pick(corner[axis] for corner in corners) for pick in (min, max) for axis in (0, 1))
    sample = TO_DEGREES.transform(WEST + far / 4, NORTH - far / 4)
    ramp = Ramp(stops=(Stop(0.0, 0, 0, 0), Stop(50.0, 255, 255, 255)))
    sources = {
        "dem": RasterSource(
            href="dem.tif", bands=(1,), dtype="float32", nodata=-9999, rescale=(0.0, 1000.0), min_zoom=8, max_zoom=15
        ),
        "ortho": RasterSource(href="ortho.tif", bands=(1, 2, 3), dtype="uint8", min_zoom=8, max_zoom=15),
        "roads": VectorSource(href="r.parquet", geometry_column="g", crs="EPSG:2154", fields={}),
        "cloud": PointCloudSource(files=(), crs="EPSG:2154", point_format=6, points=0),
    }
    styles = {
        "dem": (Style(name="default"), Style(name="steep", relief=Slope(), ramp=ramp), Style(name="tints", ramp=ramp)),
        "ortho": (Style(name="default"), Style(name="red", expression="b1-b2")),
    }
    layers = {
        name: PublishedLayer(
            name=name, title=name, offering="o", source=source, bbox=box, sample=sample, version="v1",
            styles=styles.get(name, ()),
        )
        for name, source in sources.items()
    }  # fmt: skip
    return store, layers
