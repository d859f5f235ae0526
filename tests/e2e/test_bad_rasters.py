"""Odd and damaged rasters of real producers: each is taken and shown as GDAL reads it, or refused with its reason."""

import asyncio
import math
from io import BytesIO

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.transform import from_gcps, from_origin
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform

from core.directory import DirectoryStore
from core.errors import InputRefused
from core.job import JobSpec
from core.style import Style
from tests.tiler.raster.oracle import reductions
from tests.tiler.raster.test_engine import Engine
from tests.tiler.raster.tiffs import DATA
from tiler.ingest.raster import ingest_raster
from tiler.matrix import tile_at, tile_bounds, tile_matrix_set
from tiler.raster.directory import parse
from tiler.raster.grid import PixelGrid, lattice
from tiler.raster.part import level_for

STRIPS, PLACED = "cut in strips", "rotated, or placed by control points or a file beside it"

OUTCOMES = {
    # file: CRS to declare, what comes of an ingest, what comes of one with --as-is (empty: it is taken)
    "cogeotiff/DEM_BS28_2016_1000_1141.tif": ("", "", STRIPS),
    "cogeotiff/rgba8_cog.tiff": ("", "", ""),
    "dem/Copernicus_DSM_10_N45_00_E005_00_DEM.tif": ("", "", STRIPS),
    "dem/MNT_25M_asc.asc": ("EPSG:2154", "", "not a TIFF"),
    "dem/dem.tif": ("", "", ""),
    "gdal/byte.tif": ("", "", STRIPS),
    "gdal/geomatrix.tif": ("", "", PLACED),
    "gdal/negative_scaley.tif": ("", "", STRIPS),
    "gdal_broken/byte_truncated.tif": ("", "damaged: its pixels cannot be read", STRIPS),
    "gdal_broken/hugeblocksize.tif": ("", "Too large block size", "Too large block size"),
    "gdal_broken/lzw_corrupted.tif": ("EPSG:2154", "not georeferenced", "not georeferenced"),
    "ign_landcover/zone_v13_478208-0000_6275584-0000.tiff": ("", None, ""),
    "ign_ortho20cm/792000_6272000-50mx100m-left-patch-0000000.tiff": ("", "", STRIPS),
    "ign_ortho20cm/D30-2021.vrt": ("", "", "not a TIFF"),
    "ign_ortho20cm/test_data_irc.tif": ("", "", STRIPS),
    "ign_ortho20cm/test_data_rgb.tif": ("", "", STRIPS),
    "ign_rok4/BDPARCELLAIRE.tif": ("EPSG:2154", "", PLACED),
    "ign_rok4/D972.tif": ("EPSG:32620", "", STRIPS),
    "ign_rok4/DEPT972.asc": ("EPSG:32620", "", "not a TIFF"),
    "ign_rok4/RGEALTI.tif": ("EPSG:2154", "", STRIPS),
    "ign_rok4/SCAN1000.tif": ("EPSG:2154", "", STRIPS),
    "martin/usda_naip_256_lzw_z3.tif": ("", None, ""),
    "openlayers/dop-rgb.tif": ("", None, ""),
    "openlayers/masked.tif": ("", None, ""),
    "rasterio/RGB.byte.tif": ("", "", STRIPS),
    "rasterio/RGBA.uint16.tif": ("", "", STRIPS),
    "rasterio/all-nodata.tif": ("", "every pixel is missing", "blocks of its own"),
    "rasterio/cogeo.tif": ("", None, ""),
    "rasterio/corrupt.tif": ("", "damaged: its pixels cannot be read", "cut off"),
    "rasterio/float_nan.tif": ("EPSG:32631", "", STRIPS),
    "rasterio/rotated.tif": ("EPSG:32618", "", PLACED),
    "rio-tiler/cog.tif": ("", None, ""),
    "rio-tiler/cog_cmap.tif": ("", None, ""),
    "rio-tiler/cog_dateline.tif": ("", None, ""),
    "rio-tiler/cog_fullearth.tif": ("", "", ""),
    "rio-tiler/cog_gcps.tif": ("", "", PLACED),
    "rio-tiler/cog_nodata.tif": ("", None, ""),
    "rio-tiler/cog_rgb_mask.tif": ("", "", ""),
    "rio-tiler/cog_rgba.tif": ("", "", ""),
    "rio-tiler/cog_scale.tif": ("", "", "a scale and an offset"),
    "rio-tiler/cog_uint8_rgb_mask.tif": ("", "", ""),
    "rio-tiler/cog_uint8_rgb_nodata.tif": ("", "", ""),
    "rio-tiler/cog_uint8_rgba.tif": ("", "", ""),
    "rio-tiler/mosaic_cog3.tif": ("", "", ""),
}
"""None leaves a large file of no other oddness to the other way."""

LOSSY = {"cogeotiff/rgba8_cog.tiff": 12.0, "ign_rok4/SCAN1000.tif": 6.0}
"""Mean difference where JPEG has a hard time: steep colours, and a drawn map."""

CASES = [
    pytest.param(name, crs, as_is, words, id=f"{name}{'-as-is' if as_is else ''}")
    for name, (crs, *outcomes) in OUTCOMES.items()
    for as_is, words in zip((False, True), outcomes, strict=True)
    if words is not None
]


def wanted_tile(path, result, grid, declared, *, as_is):
    """Warp the file with GDAL and show it as the layer is shown; return colours (rows, cols, 3) and validity."""
    opened = {}
    if as_is:
        level = level_for(parse(path.read_bytes()), lattice(grid, result.srs).cell)
        opened = {"OVERVIEW_LEVEL": level - 1 if level else "NONE"}
    with rasterio.open(path, **opened) as dataset:
        points, points_crs = dataset.gcps
        placed = bool(points) and dataset.transform.is_identity
        missing = dataset.nodata
        if missing is None and dataset.dtypes[0].startswith("float"):
            missing = math.nan
        palette = dataset.colormap(1) if dataset.colorinterp[0] == ColorInterp.palette else None
        numbers = result.source.bands if palette is None else (1,)
        alpha = ColorInterp.alpha in dataset.colorinterp
        options = {"src_transform": from_gcps(points)} if placed else {}
        if as_is:
            across, down = reductions(dataset, grid)
            options |= {"XSCALE": 1 / across, "YSCALE": 1 / down}
        with WarpedVRT(
            dataset, src_crs=declared or (points_crs if placed else dataset.crs), crs=grid.crs, width=grid.cols,
            height=grid.rows, transform=from_origin(grid.west, grid.north, grid.cell_x, grid.cell_y),
            resampling=Resampling[result.source.resampling], src_nodata=missing, nodata=missing,
            add_alpha=missing is None and not alpha, **options,
        ) as vrt:  # fmt: skip
            values, valid = vrt.read(list(numbers)).astype(np.float64), vrt.dataset_mask() > 0
    if palette is not None:
        table = np.array([palette.get(index, (0, 0, 0, 0)) for index in range(256)], np.float64)
        colours = table[values[0].astype(int)]
        return colours[..., :3], valid & (colours[..., 3] > 0)
    low, high = result.source.rescale or (0.0, 255.0)
    valid &= np.isfinite(values).all(axis=0)
    shown = np.clip((np.where(valid, values, low) - low) * (255.0 / (high - low)), 0, 255)
    return np.moveaxis(np.repeat(shown, 3 // len(shown), axis=0), 0, 2), valid


async def ask(store, result, grid):
    """Return the tile as RGBA."""
    engine = Engine(store=store)
    try:
        data, plan = await engine.send(result.source, grid, "png", Style(name="default"))
    finally:
        engine.pool.close()
    if not data:
        return np.zeros((grid.rows, grid.cols, 4), np.uint8), plan
    return np.asarray(Image.open(BytesIO(data)).convert("RGBA")), plan


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the reference rasters are not beside the project")


@needs_data
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(("name", "crs", "as_is", "words"), CASES)
def test_a_real_file_is_shown_as_gdal_reads_it_or_refused_with_its_reason(tmp_path, name, crs, as_is, words):
    path, store = DATA / name, DirectoryStore(tmp_path / "objects")
    spec = JobSpec(
        kind="raster", name="layer", inputs=(str(path),), prefix="d/1", scratch=str(tmp_path), crs=crs, as_is=as_is
    )
    if words:
        with pytest.raises(InputRefused, match=words) as caught:
            ingest_raster(spec, lambda event: None, store)
        assert caught.value.remedy
        assert "\n" not in str(caught.value)
        assert path.name in str(caught.value) or "every pixel" in str(caught.value)
        return
    result = ingest_raster(spec, lambda event: None, store)
    assert result.bbox[0] <= result.sample[0] <= result.bbox[2]
    tms = tile_matrix_set("PM")
    matrix = tms.by_id[str(result.source.max_zoom)]
    (x,), (y,) = transform(CRS.from_epsg(4326), CRS.from_epsg(3857), *([value] for value in result.sample))
    west, _, _, north = tile_bounds(matrix, *tile_at(matrix, x, y))
    grid = PixelGrid("EPSG:3857", west, north, matrix.cell_size, matrix.cell_size, 256, 256)
    picture, _ = asyncio.run(ask(store, result, grid))
    wanted, seen = wanted_tile(path, result, grid, crs, as_is=as_is)
    assert seen.any()
    assert ((picture[..., 3] > 0) == seen).mean() >= 0.98
    both = (picture[..., 3] > 0) & seen
    assert np.abs(picture[..., :3].astype(float) - wanted)[both].mean() <= (LOSSY.get(name, 4.0) if not as_is else 1.0)


@needs_data
@pytest.mark.parametrize("name", ["rasterio/float_nan.tif", "rasterio/rotated.tif", "gdal_broken/lzw_corrupted.tif"])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_file_without_a_crs_asks_for_one(tmp_path, name):
    spec = JobSpec(kind="raster", name="layer", inputs=(str(DATA / name),), prefix="d/1", scratch=str(tmp_path))
    with pytest.raises(InputRefused, match="has no CRS") as caught:
        ingest_raster(spec, lambda event: None, DirectoryStore(tmp_path / "objects"))
    assert "--crs" in caught.value.remedy


@needs_data
def test_metres_declared_to_be_degrees_are_refused(tmp_path):
    spec = JobSpec(
        kind="raster", name="layer", inputs=(str(DATA / "ign_rok4" / "RGEALTI.tif"),), prefix="d/1",
        scratch=str(tmp_path), crs="EPSG:4326",
    )  # fmt: skip
    with pytest.raises(InputRefused, match="are no degrees"):
        ingest_raster(spec, lambda event: None, DirectoryStore(tmp_path / "objects"))


@needs_data
def test_a_file_across_the_180th_meridian_is_seen_on_both_sides(tmp_path):
    path, store = DATA / "rio-tiler" / "cog_dateline.tif", DirectoryStore(tmp_path / "objects")
    spec = JobSpec(kind="raster", name="l", inputs=(str(path),), prefix="d/1", scratch=str(tmp_path), as_is=True)
    result = ingest_raster(spec, lambda event: None, store)
    matrix = tile_matrix_set("PM").by_id["9"]
    for lon in (179.95, -179.95):
        (x,), (y,) = transform(CRS.from_epsg(4326), CRS.from_epsg(3857), [lon], [51.8])
        west, _, _, north = tile_bounds(matrix, *tile_at(matrix, x, y))
        grid = PixelGrid("EPSG:3857", west, north, matrix.cell_size, matrix.cell_size, 256, 256)
        picture, _ = asyncio.run(ask(store, result, grid))
        wanted, seen = wanted_tile(path, result, grid, "", as_is=True)
        assert seen.mean() > 0.05
        assert ((picture[..., 3] > 0) == seen).mean() >= 0.999
        assert np.abs(picture[..., :3].astype(float) - wanted)[seen & (picture[..., 3] > 0)].mean() <= 1.0
