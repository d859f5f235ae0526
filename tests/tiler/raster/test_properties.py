"""The raster engine against GDAL: any tile of any source, by any plan, within bounds that are stated."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.tiler.raster.oracle import PLACES, Source, stored, tile_of, warp
from tests.tiler.raster.test_codec import blocks_of
from tests.tiler.raster.test_grid import exact
from tests.tiler.raster.test_part import header_of, render
from tiler.raster.codec import why_not
from tiler.raster.directory import parse
from tiler.raster.grid import PixelGrid, lattice
from tiler.raster.part import LEAST_REDUCTION, MAX_STRETCH, level_for

SAME_SHARE = 0.9995
"""Pixels that nearest has in common with GDAL."""

MEAN = {"nearest": 0.0, "bilinear": 0.3, "cubic": 0.3, "average": 0.3}
"""Largest mean difference to GDAL, in 255ths of the picture's range."""

FAR_MEAN = 0.6
"""The same for reductions beyond `MAX_STRETCH`, where the kernels are left for an average."""

SETS = {
    "EPSG:2154": ("PM", "WGS84G", "2154_10cm", "LAMB93_10cm"),
    "EPSG:3857": ("PM", "WGS84G", "2154_10cm"),
    "EPSG:4326": ("PM", "4326", "2154_10cm"),
    "EPSG:32631": ("PM", "2154_10cm"),
    "EPSG:27572": ("PM", "2154_10cm", "LAMBE_50cm"),
    "EPSG:2975": ("PM", "2975_10cm", "RGR92UTM40S_10cm"),
    "EPSG:3035": ("PM", "2154_10cm"),
}
"""Tile matrix sets that sources of a CRS are seen in."""

SOURCES = [
    *(Source(crs=crs, overviews=overviews) for crs in PLACES for overviews in (False, True)),
    *(Source(missing=how, overviews=more) for how in ("nodata", "mask") for more in (False, True)),
    *(Source(missing=how, bands=bands) for how in ("alpha", "soft") for bands in (2, 4)),
    Source(missing="alpha", bands=4, overviews=True),
    Source(south_up=True),
    Source(sparse=True, missing="nodata"),
    Source(block=(1024, 128)),
    Source(block=(256, 512), options=(("BIGTIFF", "YES"), ("ENDIANNESS", "BIG"))),
    *(Source(dtype=dtype, bands=1, missing="nodata") for dtype in ("uint16", "int16", "float32", "float64")),
    *(Source(dtype=dtype, missing=how) for dtype, how in (("uint16", "nodata"), ("int16", "mask"), ("float32", "nan"))),
    Source(dtype="uint16", bands=4, missing="alpha"),
    Source(dtype="float32", bands=1, missing="nodata", overviews=True),
]

RANGES = {"uint8": 1.0, "int16": 40.0, "uint16": 200.0, "float32": 3.3, "float64": 3.3}
"""Units of a sample in a 255th of the picture's range, as `oracle.samples` makes them."""

TILES = st.fixed_dictionaries(
    {
        "source": st.sampled_from(SOURCES),
        "set_number": st.integers(0, 11),
        "resampling": st.sampled_from(["nearest", "bilinear", "cubic", "average"]),
        "log_reduction": st.floats(-2, 3.3),
        "across": st.floats(-0.1, 1.1),
        "down": st.floats(-0.1, 1.1),
        "scale": st.sampled_from([1, 1, 2]),
    }
)


def on_an_edge(source, grid, level):
    """Tell which places lie so near to the edge of a source pixel that rounding decides which one it is."""
    west, north, cell = PLACES[source.crs]
    x, y = exact(grid, source.crs)
    cols, rows = (x - west) / (cell * 2**level), (north - y) / (cell * 2**level)
    return np.minimum(np.abs(cols - np.round(cols)), np.abs(rows - np.round(rows))) < 2e-3


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(TILES)
@example(
    {
        "source": Source(bands=3, block=(128, 128), overviews=False),
        "set_number": 1,
        "resampling": "bilinear",
        "log_reduction": 3.0,
        "across": 0.0,
        "down": 0.0,
        "scale": 1,
    }
)
@example(
    {
        "source": Source(crs="EPSG:4326", bands=3, block=(128, 128), overviews=False),
        "set_number": 1,
        "resampling": "bilinear",
        "log_reduction": 0.0,
        "across": 0.0,
        "down": 0.0,
        "scale": 1,
    }
)
def test_a_tile_is_gdals(tile):
    source, resampling = tile["source"], tile["resampling"]
    sets = SETS[source.crs]
    grid = tile_of(
        sets[tile["set_number"] % len(sets)], source.crs, 2 ** tile["log_reduction"], tile["across"], tile["down"],
        tile["scale"],
    )  # fmt: skip
    path = stored(source)
    _, values, valid = render([path], grid, resampling=resampling, bands=source.colours, dtype=source.dtype)
    places = lattice(grid, source.crs)
    level = level_for(header_of(path).tiff, places.cell)
    wanted, seen = warp(path, grid, resampling, level=level)
    sure = ~on_an_edge(source, grid, level)
    apart = ((valid > 0) != (seen > 0))[sure]
    cell = PLACES[source.crs][2] * 2**level
    far = resampling != "nearest" and max(places.cell_x, places.cell_y) / cell > MAX_STRETCH
    # GDAL's average takes pixels that it touches along an edge and covers nothing of; far out all of ours are averages,
    # which show what they cover where their middle lies beyond the edge
    assert apart.sum() <= max((0.006 if far or resampling == "average" else 1 - SAME_SHARE) * apart.size, 2)
    both = (valid > 0) & (seen > 0)
    if not both.any():
        return
    difference = np.abs(values.astype(np.float64) - wanted)[both].reshape(both.sum(), -1)
    if resampling == "nearest":
        other = (difference > 0).any(axis=1)[sure[both]]
        assert other.sum() <= max((1 - SAME_SHARE) * other.size, 2)
    else:
        bound = FAR_MEAN if far else MEAN[resampling]
        # a few pixels at an edge, where GDAL gives up the cubic, weigh no more than in a tile with many
        assert difference.mean(axis=1).sum() / RANGES[source.dtype] <= bound * max(both.sum(), 1500)
    if source.alpha and source.dtype == "uint8":
        covers = np.abs(valid.astype(int) - seen)[both & sure]
        assert covers.size == 0 or covers.mean() <= 1.0


COMPRESSIONS = [
    *({"COMPRESS": name} for name in ("NONE", "PACKBITS", "LZW", "DEFLATE", "ZSTD")),
    *({"COMPRESS": name, "PREDICTOR": 2} for name in ("LZW", "DEFLATE", "ZSTD")),
    *({"COMPRESS": name, "PREDICTOR": 3} for name in ("DEFLATE", "ZSTD")),
    *({"COMPRESS": name} for name in ("LERC", "LERC_DEFLATE", "LERC_ZSTD")),
]


def forms():
    """Return the ways a TIFF stores samples: each compression with each type, byte order and block that go with it."""
    for number, options in enumerate(COMPRESSIONS):
        for dtype in ("uint8", "uint16", "int16", "float32", "float64"):
            floating = dtype.startswith("float")
            if options.get("PREDICTOR") == (2 if floating else 3) and dtype != "float32":
                continue
            if options.get("PREDICTOR") == 3 and not floating:
                continue
            lerc = options["COMPRESS"].startswith("LERC")
            missing = "nodata" if number % 2 else "nan" if floating else "none"
            block = ((128, 128), (256, 128), (512, 1024), (1024, 512))[number % 4]
            more = () if lerc or number % 3 else (("ENDIANNESS", "BIG"),)
            big = (("BIGTIFF", "YES"),) if number % 2 else ()
            yield Source(
                dtype=dtype, bands=1 if lerc else 3, missing=missing, block=block,
                options=(*options.items(), *more, *big),
            )  # fmt: skip


@pytest.mark.parametrize("source", list(forms()), ids=lambda source: f"{source.dtype}-{dict(source.options)}")
def test_a_stored_picture_is_what_gdal_reads(source):
    path = stored(source)
    assert why_not(parse(path.read_bytes()).levels[0]) == ""
    values, valid = blocks_of(path)
    with rasterio.open(path) as dataset:
        wanted = np.moveaxis(dataset.read(), 0, 2)
        seen = dataset.dataset_mask() > 0
    if values.dtype == np.uint8:
        np.testing.assert_array_equal(valid > 0, seen)
        np.testing.assert_array_equal(values[seen], wanted[seen])
        return
    np.testing.assert_array_equal(np.isnan(values).all(axis=2), ~seen | np.isnan(wanted).all(axis=2))
    there = seen & ~np.isnan(wanted).any(axis=2)
    np.testing.assert_array_equal(values[there], wanted[there].astype(np.float32))


@pytest.mark.parametrize("resampling", ["bilinear", "cubic"])
@pytest.mark.parametrize("reduction", [1.04, 1.05, 1.055, 1.06, LEAST_REDUCTION["bilinear"], 1.068, 1.09])
def test_where_kernels_begin_to_be_stretched_a_tile_is_still_gdals(resampling, reduction):
    source = Source()
    west, north, cell = PLACES[source.crs]
    grid = PixelGrid(source.crs, west + 20 * cell, north - 20 * cell, cell * reduction, cell * reduction, 256, 256)
    _, values, valid = render([stored(source)], grid, resampling=resampling, bands=source.colours)
    wanted, seen = warp(stored(source), grid, resampling, level=0)
    both = (valid > 0) & (seen > 0)
    assert both.all()
    assert np.abs(values.astype(float) - wanted)[both].mean() <= MEAN[resampling]


@pytest.mark.parametrize("resampling", ["nearest", "bilinear"])
@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({"COMPRESS": "JPEG", "PHOTOMETRIC": "YCBCR", "JPEG_QUALITY": 90}, 0.75),
        ({"COMPRESS": "JPEG", "PHOTOMETRIC": "RGB", "JPEG_QUALITY": 90}, 0.3),
        ({"COMPRESS": "WEBP", "WEBP_LEVEL": 80}, 0.3),
        ({"COMPRESS": "WEBP", "WEBP_LOSSLESS": True}, 0.3),
        ({"COMPRESS": "LERC_ZSTD", "MAX_Z_ERROR": 2}, 0.3),
    ],
)
def test_a_lossy_picture_is_warped_as_gdal_warps_it(resampling, options, bound):
    # decoders of JPEG round the transform and the colours of a pixel each in its way
    source = Source(bands=1 if options["COMPRESS"].startswith("LERC") else 3, options=tuple(options.items()))
    grid = tile_of("PM", source.crs, 1.0, 0.5, 0.5)
    _, values, valid = render([stored(source)], grid, resampling=resampling, bands=source.colours)
    wanted, seen = warp(stored(source), grid, resampling)
    both = (valid > 0) & (seen > 0)
    assert both.mean() > 0.2
    assert np.abs(values.astype(int) - wanted)[both].mean() <= bound


def test_every_way_that_gdal_stores_a_file_of_this_test_is_read_from_its_blocks():
    for source in SOURCES:
        tiff = parse(Path(stored(source)).read_bytes())
        assert [why_not(level) for level in tiff.levels] == [""] * len(tiff.levels)
        assert tiff.placement is not None
