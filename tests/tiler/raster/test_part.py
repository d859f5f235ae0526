"""tiler.raster.part: painted pixels are those of GDAL's warp, from one file or from many."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.enums import Resampling
from rasterio.merge import merge
from rasterio.transform import from_origin
from rasterio.vrt import WarpedVRT

from core.layer import RasterSource
from tests.tiler.raster.test_grid import exact
from tests.tiler.raster.tiffs import photo, write_cog, write_tiff
from tiler.planner import CROP, MOSAIC, WARP, Painted, plan_raster
from tiler.raster.codec import decode_block, decode_mask
from tiler.raster.directory import parse
from tiler.raster.grid import PixelGrid
from tiler.raster.header import RasterHeader
from tiler.raster.paint import paint

WEST, NORTH = 700_000.0, 6_600_000.0


def header_of(path):
    return RasterHeader(str(path), '"1"', parse(path.read_bytes()), "")


def render(paths, grid, *, resampling="nearest", bands=(1, 2, 3), dtype="uint8"):
    """Paint a grid from files on disk; return the plan's name, values (rows, cols, bands) and validity."""
    headers = [header_of(path) for path in paths]
    source = RasterSource(href="x", bands=bands, dtype=dtype, resampling=resampling)
    plan = plan_raster(grid, source, headers, "png", pass_blocks=False)
    if plan is None:
        return "outside", None, np.zeros((grid.rows, grid.cols), np.uint8)
    assert isinstance(plan, Painted)
    found = {}
    for header, address in plan.wanted:
        data = Path(header.href).read_bytes()
        level, mask_level = header.tiff.levels[address.level], header.tiff.masks[address.level]
        mask = None
        if mask_level is not None:
            offset, length = mask_level.span(address.col, address.row)
            mask = decode_mask(mask_level, data[offset : offset + length])
        offset, length = level.span(address.col, address.row)
        found[address] = decode_block(level, data[offset:][:length], header.tiff.nodata, mask) if length else None
    samples = paint(plan.parts, found, grid, tuple(band - 1 for band in bands), resampling)
    if samples is None:
        return plan.name, None, np.zeros((grid.rows, grid.cols), np.uint8)
    full = np.full((grid.rows, grid.cols), 255, np.uint8)
    if samples.values.dtype != np.uint8:
        return plan.name, samples.values, np.where(np.isnan(samples.values).any(axis=2), 0, full)
    return plan.name, samples.values, full if samples.valid is None else samples.valid


def warped(dataset, grid, resampling):
    """Warp with GDAL; return values (rows, cols, bands) and validity."""
    with WarpedVRT(
        dataset, crs=grid.crs, resampling=Resampling[resampling], width=grid.cols, height=grid.rows, add_alpha=True,
        transform=from_origin(grid.west, grid.north, grid.cell_x, grid.cell_y), tolerance=1e-3,
    ) as vrt:  # fmt: skip
        picture = vrt.read()
    return np.moveaxis(picture[:-1], 0, 2), picture[-1]


@pytest.fixture(scope="module")
def lambert(tmp_path_factory):
    """A photograph in Lambert-93 at 0.2 m, 700 by 600 pixels, without overviews."""
    path = tmp_path_factory.mktemp("l") / "l.tif"
    options = {"tiled": True, "blockxsize": 128, "blockysize": 128, "COMPRESS": "DEFLATE"}
    return write_tiff(path, photo(600, 700), west=WEST, north=NORTH, cell=0.2, crs="EPSG:2154", **options)


def mercator_grid(col, row, cell=0.29, size=128):
    """A grid in Web Mercator whose corner lies `col`, `row` source pixels from the photograph's."""
    from pyproj import Transformer

    to_mercator = Transformer.from_crs("EPSG:2154", "EPSG:3857", always_xy=True)
    west, north = to_mercator.transform(WEST + col * 0.2, NORTH - row * 0.2)
    return PixelGrid("EPSG:3857", west, north, cell, cell, size, size)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(col=st.floats(-150, 700), row=st.floats(-150, 600), cell=st.floats(0.1, 0.3))
def test_nearest_pixels_are_gdals(lambert, col, row, cell):
    grid = mercator_grid(col, row, cell)
    name, values, valid = render([lambert], grid)
    with rasterio.open(lambert) as dataset:
        wanted, seen = warped(dataset, grid, "nearest")
    assert name in {WARP, "outside"}
    assert ((valid > 0) == (seen > 0)).mean() >= 0.9995
    both = (valid > 0) & (seen > 0) & ~on_an_edge(grid)
    if both.any():
        assert (values[both] == wanted[both]).all(axis=1).mean() >= 0.9995


def on_an_edge(grid):
    """Tell which places lie so near to the edge of a source pixel that rounding decides which one it is."""
    x, y = exact(grid, "EPSG:2154")
    cols, rows = (x - WEST) / 0.2, (NORTH - y) / 0.2
    return np.minimum(np.abs(cols - np.round(cols)), np.abs(rows - np.round(rows))) < 1e-3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    col=st.floats(-150, 700),
    row=st.floats(-150, 600),
    cell=st.floats(0.1, 0.29),
    resampling=st.sampled_from(["bilinear", "cubic"]),
)
def test_interpolated_pixels_are_gdals_up_to_rounding(lambert, col, row, cell, resampling):
    if resampling == "cubic":  # at the very edge GDAL gives up the cubic for a kernel of its own
        col, row = min(max(col, 5.0), 450.0), min(max(row, 5.0), 350.0)
    grid = mercator_grid(col, row, cell)
    _, values, valid = render([lambert], grid, resampling=resampling)
    with rasterio.open(lambert) as dataset:
        wanted, seen = warped(dataset, grid, resampling)
    both = (valid > 0) & (seen > 0)
    assert ((valid > 0) == (seen > 0)).mean() >= 0.9995
    if both.any():
        assert np.abs(values[both].astype(int) - wanted[both]).mean() <= 0.3


@pytest.mark.parametrize("resampling", ["nearest", "bilinear"])
@pytest.mark.parametrize("how", ["nodata", "mask", "alpha"])
def test_missing_pixels_stay_missing(tmp_path, resampling, how):
    values = photo(300, 300).clip(1, 255)
    gone = np.zeros((300, 300), bool)
    gone[40:120, 60:200] = True
    gone[::37, ::41] = True
    tiles = {"tiled": True, "blockxsize": 64, "blockysize": 64, "COMPRESS": "DEFLATE"}
    place = {"west": WEST, "north": NORTH, "cell": 0.2, "crs": "EPSG:2154"}
    mask = np.where(gone, 0, 255).astype(np.uint8)
    if how == "nodata":
        path = write_tiff(tmp_path / "n.tif", np.where(gone, 0, values), nodata=0, **place, **tiles)
    elif how == "mask":
        path = write_tiff(tmp_path / "m.tif", values, mask=mask, **place, **tiles)
    else:
        path = write_tiff(tmp_path / "a.tif", np.concatenate([values, mask[None]]), ALPHA="YES", **place, **tiles)
    grid = mercator_grid(20, 20, 0.25)
    _, painted, valid = render([path], grid, resampling=resampling)
    with rasterio.open(path) as dataset:
        if how == "alpha":
            wanted, seen = warped_alpha(dataset, grid)
        else:
            wanted, seen = warped(dataset, grid, resampling)
    assert ((valid > 0) == (seen > 0)).mean() >= 0.999
    both = (valid > 0) & (seen > 0)
    if how != "alpha" or resampling == "nearest":
        assert np.abs(painted[both].astype(int) - wanted[both][:, :3]).mean() <= 0.3


def warped_alpha(dataset, grid):
    with WarpedVRT(
        dataset, crs=grid.crs, resampling=Resampling.nearest, width=grid.cols, height=grid.rows,
        transform=from_origin(grid.west, grid.north, grid.cell_x, grid.cell_y),
    ) as vrt:  # fmt: skip
        picture = vrt.read()
    return np.moveaxis(picture[:3], 0, 2), picture[3]


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint16"])
@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
def test_elevation_is_gdals_to_a_centimetre(tmp_path, dtype, resampling):
    values = (photo(300, 300, 1).astype(np.float64) * (2.5 if dtype == "float32" else 20)).astype(dtype)
    values[0, 100:130, 50:90] = -9999 if dtype != "uint16" else 0
    tiles = {"tiled": True, "blockxsize": 64, "blockysize": 64}
    path = write_tiff(
        tmp_path / "e.tif", values, west=WEST, north=NORTH, cell=0.2, crs="EPSG:2154",
        nodata=-9999 if dtype != "uint16" else 0, **tiles,
    )  # fmt: skip
    grid = mercator_grid(10, 30, 0.25)
    _, painted, valid = render([path], grid, resampling=resampling, bands=(1,), dtype=dtype)
    with rasterio.open(path) as dataset, WarpedVRT(
        dataset, crs=grid.crs, resampling=Resampling[resampling], width=128, height=128, dtype="float32",
        transform=from_origin(grid.west, grid.north, grid.cell_x, grid.cell_y),
        nodata=-32000,
    ) as vrt:  # fmt: skip
        wanted = vrt.read(1)
    seen = wanted != -32000
    assert ((valid > 0) == seen).mean() >= 0.999
    both = (valid > 0) & seen
    apart = np.abs(painted[..., 0][both] - wanted[both])
    scale = 1 if dtype == "float32" else 8
    assert np.median(apart) <= 0.01 * scale
    assert apart.mean() <= 0.3 * scale


def test_pixels_of_the_tile_grid_are_taken_as_they_are(tmp_path):
    values = photo(512, 512)
    path = write_cog(tmp_path / "a.tif", values, west=0, north=512, cell=1.0, COMPRESS="DEFLATE", BLOCKSIZE=128)
    for col, row, size in [
        (0, 0, 128),
        (128, 256, 128),
        (64, 64, 128),
        (300, 10, 256),
        (-50, -20, 128),
        (500, 500, 64),
    ]:
        grid = PixelGrid("EPSG:3857", float(col), 512.0 - row, 1.0, 1.0, size, size)
        name, painted, valid = render([path], grid, resampling="bilinear")
        wanted = np.zeros((size, size, 3), np.uint8)
        seen = np.zeros((size, size), bool)
        inside = np.moveaxis(values, 0, 2)[max(row, 0) : row + size, max(col, 0) : col + size]
        at = (slice(max(-row, 0), max(-row, 0) + inside.shape[0]), slice(max(-col, 0), max(-col, 0) + inside.shape[1]))
        wanted[at], seen[at] = inside, True
        assert name == CROP
        np.testing.assert_array_equal(valid > 0, seen)
        np.testing.assert_array_equal(painted[seen], wanted[seen])


@pytest.fixture(scope="module")
def quarters(tmp_path_factory):
    """Four photographs that touch, of 300 by 300 pixels, and the dataset GDAL makes of them."""
    folder = tmp_path_factory.mktemp("q")
    whole = photo(600, 600, seed=5)
    paths = []
    for row in range(2):
        for col in range(2):
            piece = whole[:, row * 300 : row * 300 + 300, col * 300 : col * 300 + 300]
            place = {"west": WEST + col * 60, "north": NORTH - row * 60, "cell": 0.2, "crs": "EPSG:2154"}
            path = folder / f"{row}{col}.tif"
            paths.append(write_tiff(path, piece, tiled=True, blockxsize=128, blockysize=128, **place))
    picture, transform = merge([str(path) for path in paths])
    joined = write_tiff(folder / "all.tif", picture, west=transform.c, north=transform.f, cell=0.2, crs="EPSG:2154")
    return paths, joined


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    col=st.floats(-100, 550),
    row=st.floats(-100, 550),
    cell=st.floats(0.15, 0.29),
    resampling=st.sampled_from(["nearest", "bilinear"]),
)
def test_files_side_by_side_are_one_picture_without_a_seam(quarters, col, row, cell, resampling):
    paths, joined = quarters
    grid = mercator_grid(col, row, cell)
    name, values, valid = render(paths, grid, resampling=resampling)
    with rasterio.open(joined) as dataset:
        wanted, seen = warped(dataset, grid, resampling)
    assert name in {MOSAIC, WARP, "outside"}
    assert ((valid > 0) == (seen > 0)).mean() >= 0.9995
    both = (valid > 0) & (seen > 0)
    if both.any():
        assert np.abs(values[both].astype(int) - wanted[both]).mean() <= 0.3


def test_the_first_file_covers_the_others_and_its_holes_let_them_through(tmp_path):
    tiles = {"tiled": True, "blockxsize": 64, "blockysize": 64}
    place = {"west": 0.0, "north": 64.0, "cell": 1.0, **tiles}
    top, bottom = np.full((3, 64, 64), 200, np.uint8), np.full((3, 64, 64), 50, np.uint8)
    top[:, 10:20, 10:20] = 0
    first = write_tiff(tmp_path / "t.tif", top, nodata=0, **place)
    second = write_tiff(tmp_path / "b.tif", bottom, **place)
    apart = write_tiff(tmp_path / "c.tif", bottom, west=0.3, north=64.3, cell=1.0, **tiles)
    grid = PixelGrid("EPSG:3857", 0.0, 64.0, 1.0, 1.0, 64, 64)
    wanted = np.full((64, 64), 200)
    wanted[10:20, 10:20] = 50
    for other in (second, apart):
        _, values, valid = render([first, other], grid)
        assert valid.all()
        np.testing.assert_array_equal(values[..., 0], wanted)


def test_a_reduced_tile_is_the_mean_of_what_it_covers(tmp_path):
    values = photo(512, 512, 1)
    path = write_tiff(
        tmp_path / "r.tif", values, west=0, north=512, cell=1.0, tiled=True, blockxsize=128, blockysize=128
    )
    grid = PixelGrid("EPSG:3857", 0.0, 512.0, 4.0, 4.0, 128, 128)
    _, painted, _ = render([path], grid, resampling="average", bands=(1,))
    means = values[0].reshape(128, 4, 128, 4).mean(axis=(1, 3))
    assert np.abs(painted[..., 0] - means).max() <= 0.51


def test_the_overview_next_finer_than_the_tile_is_read(tmp_path):
    path = write_cog(tmp_path / "o.tif", photo(1024, 1024), west=0, north=1024, cell=1.0, BLOCKSIZE=128)
    for cell, level in [(1.0, 0), (1.9, 1), (2.0, 1), (3.0, 1), (4.0, 2), (0.3, 0)]:
        grid = PixelGrid("EPSG:3857", 0.0, 1024.0, cell, cell, 64, 64)
        source = RasterSource(href="x", bands=(1, 2, 3), dtype="uint8")
        plan = plan_raster(grid, source, [header_of(path)], "png", pass_blocks=False)
        assert {address.level for _, address in plan.wanted} == {level}
