"""Mosaics: files cut from one are that one again, to the last pixel; of overlapping ones the first is seen."""

from functools import cache
from itertools import pairwise, product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rasterio.enums import Resampling
from rasterio.windows import Window

from tests.tiler.raster.oracle import COLS, PLACES, ROWS, Source, stored, tile_of
from tests.tiler.raster.test_grid import exact
from tests.tiler.raster.test_part import render
from tests.tiler.raster.tiffs import write_tiff
from tiler.raster.grid import PixelGrid
from tiler.raster.part import Member, _clusters

_FOLDER = TemporaryDirectory(prefix="geopf-pieces-")

CUTS = [
    ((0, 350, COLS), (0, ROWS)),
    ((0, 256, COLS), (0, 260, ROWS)),
    ((0, 100, 333, COLS), (0, 77, 300, ROWS)),
    ((0, 699, COLS), (0, 1, ROWS)),
]
"""Columns and rows at which a source is cut: 2, 4, 9 and 4 pieces, some of them a pixel wide."""

ROUND_CUTS = [((0, 256, COLS), (0, 128, ROWS)), ((0, 64, 320, COLS), (0, 388, ROWS))]
"""Cuts at multiples of four, where overviews of pieces are pieces of the overview."""

SOURCES = [
    Source(),
    Source(missing="nodata"),
    Source(missing="mask"),
    Source(missing="alpha", bands=4),
    Source(missing="soft", bands=2),
    Source(dtype="float32", bands=1, missing="nodata"),
    Source(dtype="uint16", missing="nodata"),
    Source(south_up=True),
    Source(crs="EPSG:4326"),
    Source(overviews=True),
    Source(dtype="float32", bands=1, missing="nan", overviews=True),
]


@cache
def pieces(source, cuts):
    """Cut a source into files of various blocks; return their paths, row by row from the top."""
    paths = []
    with rasterio.open(stored(source)) as whole:
        for (top, bottom), (left, right) in product(pairwise(cuts[1]), pairwise(cuts[0])):
            path = Path(_FOLDER.name) / f"{len(list(Path(_FOLDER.name).iterdir())):04}.tif"
            window = Window(left, top, right - left, bottom - top)
            size = 64 << (len(paths) % 3)
            profile = whole.profile | {
                "width": right - left, "height": bottom - top, "transform": whole.window_transform(window),
                "blockxsize": size, "blockysize": size, "compress": ("deflate", "zstd", "lzw")[len(paths) % 3],
            }  # fmt: skip
            if source.alpha:
                profile |= {"ALPHA": "YES", **({"photometric": "RGB"} if source.bands == 4 else {})}
            with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
                with rasterio.open(path, "w", **profile) as piece:
                    piece.write(whole.read(window=window))
                    if source.missing == "mask":
                        piece.write_mask(whole.dataset_mask(window=window))
                if source.overviews:
                    with rasterio.open(path, "r+") as piece:
                        piece.build_overviews([2, 4], Resampling.average)
            paths.append(path)
    return paths


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(SOURCES),
    st.integers(0, 3),
    st.sampled_from(["nearest", "bilinear", "cubic", "average"]),
    st.floats(-2, 2.3),
    st.floats(0, 1),
    st.floats(0, 1),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_files_that_were_cut_apart_are_one_again(source, cut, resampling, log_reduction, across, down, own, random):
    cuts = ROUND_CUTS[cut % 2] if source.overviews else CUTS[cut]
    sets = {"EPSG:2154": ("PM", "2154_10cm"), "EPSG:4326": ("PM", "4326")}[source.crs]
    grid = tile_of(sets[own], source.crs, 2**log_reduction, across, down)
    paths = list(pieces(source, cuts))
    random.shuffle(paths)
    _, values, valid = render([stored(source)], grid, resampling=resampling, bands=source.colours, dtype=source.dtype)
    _, found, found_valid = render(paths, grid, resampling=resampling, bands=source.colours, dtype=source.dtype)
    np.testing.assert_array_equal(found_valid, valid)
    if values is None:
        assert found is None
        return
    np.testing.assert_array_equal(found[valid > 0], values[valid > 0])


FLAT = {"tiled": True, "blockxsize": 64, "blockysize": 64}
WEST, NORTH, CELL = PLACES["EPSG:2154"]
SQUARE = st.tuples(st.integers(-80, 400), st.integers(-80, 400), st.integers(40, 260), st.sampled_from([0.0, 0.37]))
"""Column and row of a file, its size in pixels, and by how much of a pixel it is off the grid of the others."""


@cache
def flat(square, number):
    """Write a file of one colour with a hole in its middle; return its path."""
    col, row, size, off = square
    values = np.full((3, size, size), 20 * number + 30, np.uint8)
    values[1] = size % 251 + 1
    values[:, size // 3 : size // 2, size // 3 : size // 2] = 0
    path = Path(_FOLDER.name) / f"flat-{abs(hash((square, number)))}.tif"
    place = {"west": WEST + (col + off) * CELL, "north": NORTH - (row + off) * CELL, "cell": CELL, "crs": "EPSG:2154"}
    return write_tiff(path, values, nodata=0, COMPRESS="DEFLATE", **place, **FLAT)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SQUARE, min_size=2, max_size=9), st.floats(-0.5, 0.6), st.booleans())
def test_of_files_that_overlap_the_first_that_has_a_pixel_is_seen(squares, log_reduction, own):
    grid = tile_of("2154_10cm" if own else "PM", "EPSG:2154", 2**log_reduction, 0.15, 0.2)
    paths = [flat(square, number) for number, square in enumerate(squares)]
    x, y = exact(grid, "EPSG:2154")
    wanted, sure = np.zeros((grid.rows, grid.cols, 3), np.uint8), np.ones((grid.rows, grid.cols), bool)
    for (col, row, size, off), path in reversed(list(zip(squares, paths, strict=True))):
        cols, rows = (x - WEST) / CELL - col - off, (NORTH - y) / CELL - row - off
        sure &= np.minimum(np.abs(cols - np.round(cols)), np.abs(rows - np.round(rows))) > 2e-3
        inside = (cols >= 0) & (cols < size) & (rows >= 0) & (rows < size)
        with rasterio.open(path) as dataset:
            picture = np.moveaxis(dataset.read(), 0, 2)
        taken = picture[np.where(inside, rows, 0).astype(int), np.where(inside, cols, 0).astype(int)]
        seen = inside & (taken[..., 0] > 0)
        wanted[seen] = taken[seen]
    assume(sure.any())
    _, values, valid = render(paths, grid)
    found = np.zeros_like(wanted) if values is None else np.where(valid[..., None] > 0, values, 0)
    assert (found != wanted).any(axis=2)[sure].mean() <= 0.0005


def test_files_strewn_over_a_coarse_tile_take_the_memory_of_their_pixels_and_no_more():
    paths = [flat((col, row, 40, 0.0), number) for number, (col, row) in enumerate([(0, 0), (80_000, 60_000)])]
    # without overviews a tile of 256 pixels would be an image of 80,000 by 60,000
    grid = PixelGrid("EPSG:2154", WEST - 400, NORTH + 400, 70.0, 70.0, 256, 256)
    _, values, valid = render(paths, grid, resampling="average")
    assert values is not None
    rows, cols = np.nonzero(valid)
    assert {(int(row) // 100, int(col) // 100) for row, col in zip(rows, cols, strict=True)} == {(0, 0), (1, 2)}


@pytest.mark.parametrize(("gap", "groups"), [(0, 1), (3, 1), (5000, 2)])
def test_files_that_one_pixel_may_see_stay_together(gap, groups):
    from tests.tiler.raster.test_part import header_of

    squares = [(0, 0, 40, 0.0), (40 + gap, 0, 40, 0.0), (20_000 + gap, 0, 40, 0.0)]
    members = [
        Member(header_of(flat(square, number)), 0, square[0], square[1]) for number, square in enumerate(squares)
    ]
    found = _clusters(members, (-1e6, -1e6, 1e6, 1e6), 2)
    assert len(found) == groups + 1
    assert sorted(member.col for group in found for member in group) == [square[0] for square in squares]
