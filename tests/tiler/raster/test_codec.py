"""tiler.raster.codec: blocks decode to what GDAL reads; damaged ones are refused."""

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadSource
from tests.tiler.raster.tiffs import photo, write_cog, write_tiff
from tiler.raster.codec import decode_block, decode_mask, standalone_jpeg, why_not
from tiler.raster.directory import parse

LOSSLESS = ["NONE", "LZW", "PACKBITS", "DEFLATE", "ZSTD", "LERC", "LERC_DEFLATE", "LERC_ZSTD"]
TILES = {"tiled": True, "blockxsize": 64, "blockysize": 64}


def blocks_of(path, level=0):
    """Decode all blocks of a level and put them together, shape (rows, cols, bands)."""
    data = path.read_bytes()
    tiff = parse(data)
    one, mask_level = tiff.levels[level], tiff.masks[level]
    values, valid = [], []
    for row in range(one.block_rows):
        line, line_valid = [], []
        for col in range(one.block_cols):
            offset, length = one.span(col, row)
            mask = None
            if mask_level is not None:
                at, extent = mask_level.span(col, row)
                mask = decode_mask(mask_level, data[at : at + extent])
            block = decode_block(one, data[offset : offset + length], tiff.nodata, mask)
            line.append(block.values)
            full = np.full(block.values.shape[:2], 255, np.uint8)
            line_valid.append(full if block.valid is None else block.valid)
        values.append(np.concatenate(line, axis=1))
        valid.append(np.concatenate(line_valid, axis=1))
    cut = (slice(0, one.height), slice(0, one.width))
    return np.concatenate(values)[cut], np.concatenate(valid)[cut]


@pytest.mark.parametrize("compress", LOSSLESS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("endianness", ["LITTLE", "BIG"])
def test_a_lossless_block_holds_the_samples_that_were_written(tmp_path, compress, dtype, endianness):
    if compress.startswith("LERC") and endianness == "BIG":
        return  # left to GDAL
    bands = 1 if compress.startswith("LERC") else 3
    values = (photo(100, 150, bands).astype(np.float64) * 3 - 100).clip(0 if dtype[0] == "u" else None, 255)
    values = values.astype(dtype)
    path = write_tiff(tmp_path / "a.tif", values, COMPRESS=compress, ENDIANNESS=endianness, **TILES)
    assert why_not(parse(path.read_bytes()).levels[0]) == ""
    decoded, valid = blocks_of(path)
    assert decoded.dtype == (np.uint8 if dtype == "uint8" else np.float32)
    np.testing.assert_array_equal(decoded, np.moveaxis(values, 0, 2).astype(decoded.dtype))
    assert valid.all()


@pytest.mark.parametrize(
    ("dtype", "predictor"), [("uint8", 2), ("uint16", 2), ("int16", 2), ("float32", 2), ("float32", 3), ("float64", 3)]
)
@pytest.mark.parametrize("compress", ["DEFLATE", "ZSTD", "LZW"])
@pytest.mark.parametrize("endianness", ["LITTLE", "BIG"])
@pytest.mark.parametrize("bands", [1, 3])
def test_predictors_are_undone(tmp_path, dtype, predictor, compress, endianness, bands):
    values = (photo(70, 90, bands) * 1.5).astype(dtype)
    path = write_tiff(
        tmp_path / "a.tif", values, COMPRESS=compress, PREDICTOR=predictor, ENDIANNESS=endianness, **TILES
    )
    np.testing.assert_array_equal(blocks_of(path)[0], np.moveaxis(values, 0, 2))


@pytest.mark.parametrize("bands", [1, 3])
def test_a_jpeg_block_is_what_gdal_reads_up_to_rounding(tmp_path, bands):
    path = write_cog(tmp_path / "j.tif", photo(600, 600, bands), COMPRESS="JPEG", BLOCKSIZE=256, QUALITY=85)
    decoded, _ = blocks_of(path)
    with rasterio.open(path) as dataset:
        wanted = np.moveaxis(dataset.read(), 0, 2).astype(int)
    assert np.abs(decoded.astype(int) - wanted).mean() < 0.6  # two implementations of the transform and of upsampling
    tiff = parse(path.read_bytes())
    offset, length = tiff.levels[0].span(1, 1)
    whole = standalone_jpeg(tiff.levels[0], path.read_bytes()[offset : offset + length])
    from io import BytesIO

    from PIL import Image

    alone = np.asarray(Image.open(BytesIO(whole))).reshape(256, 256, bands)
    np.testing.assert_array_equal(alone, decoded[256:512, 256:512])


def test_a_jpeg_of_plain_rgb_keeps_its_colours(tmp_path):
    path = write_tiff(tmp_path / "r.tif", photo(64, 64), COMPRESS="JPEG", PHOTOMETRIC="RGB", **TILES)
    with rasterio.open(path) as dataset:
        wanted = np.moveaxis(dataset.read(), 0, 2).astype(int)
    assert np.abs(blocks_of(path)[0].astype(int) - wanted).mean() < 0.6


@pytest.mark.parametrize("bands", [3, 4])
def test_a_webp_block_is_what_gdal_reads(tmp_path, bands):
    values = photo(300, 300, bands)
    path = write_cog(tmp_path / "w.tif", values, COMPRESS="WEBP", QUALITY=100, BLOCKSIZE=256)
    decoded, valid = blocks_of(path)
    with rasterio.open(path) as dataset:
        wanted = np.moveaxis(dataset.read(), 0, 2)
    seen = valid > 0
    np.testing.assert_array_equal(decoded[seen], wanted[..., :3][seen])
    if bands == 4:
        np.testing.assert_array_equal(valid, wanted[..., 3])


def test_missing_pixels_are_told_by_nodata_mask_or_alpha(tmp_path):
    values = photo(64, 64)
    values[:, 10:20, 10:20] = 0
    values[0, 30, 30] = 0
    missing = (values == 0).all(axis=0)
    by_nodata = blocks_of(write_tiff(tmp_path / "n.tif", values, nodata=0, **TILES))[1]
    np.testing.assert_array_equal(by_nodata == 0, missing)
    mask = np.where(missing, 0, 255).astype(np.uint8)
    by_mask = blocks_of(write_tiff(tmp_path / "m.tif", values, mask=mask, COMPRESS="DEFLATE", **TILES))[1]
    np.testing.assert_array_equal(by_mask, mask)
    cog = write_cog(tmp_path / "c.tif", photo(300, 300), mask=np.eye(300, dtype=np.uint8) * 255, COMPRESS="JPEG")
    np.testing.assert_array_equal(blocks_of(cog)[1], np.eye(300, dtype=np.uint8) * 255)


@pytest.mark.parametrize("nodata", [-9999.0, float("nan")])
def test_missing_samples_of_elevation_are_not_a_number(tmp_path, nodata):
    values = photo(64, 64, 1).astype(np.float32)
    values[0, :5] = nodata
    decoded, _ = blocks_of(write_tiff(tmp_path / "e.tif", values, nodata=nodata, COMPRESS="LERC_ZSTD", **TILES))
    assert np.isnan(decoded[:5]).all()
    np.testing.assert_array_equal(decoded[5:, :, 0], values[0, 5:])


def test_what_is_left_to_gdal_is_named(tmp_path):
    for options, dtype, words in [
        ({"INTERLEAVE": "BAND"}, "uint8", "blocks of its own"),
        ({"NBITS": 4}, "uint8", "uint4"),
        ({"PHOTOMETRIC": "MINISWHITE"}, "uint8", "white"),
        ({"COMPRESS": "LZMA"}, "uint8", "34925"),
        ({}, "complex64", "complex64"),
        ({"tiled": False}, "uint8", "strips"),
    ]:
        bands = 3 if "INTERLEAVE" in options else 1
        path = write_tiff(tmp_path / "o.tif", (photo(64, 64, bands) // 16).astype(dtype), **(TILES | options))
        assert words in why_not(parse(path.read_bytes()).levels[0])


@settings(max_examples=150, deadline=None)
@given(st.data())
@pytest.mark.parametrize("compress", [*LOSSLESS, "JPEG", "WEBP"])
def test_a_damaged_block_is_decoded_or_refused(tmp_path_factory, compress, data):
    level, stored = _one_block(tmp_path_factory, compress)
    damaged = bytearray(stored)
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: len(damaged) - data.draw(st.integers(0, len(damaged) // 2))]
    try:
        block = decode_block(level, bytes(damaged), None)
    except BadSource:
        return
    assert block.values.shape == (level.block_height, level.block_width, level.bands)


_KEPT = {}


def _one_block(factory, compress):
    if compress not in _KEPT:
        bands = 1 if compress.startswith("LERC") else 3
        path = write_tiff(factory.mktemp("d") / "d.tif", photo(64, 64, bands), COMPRESS=compress, **TILES)
        data = path.read_bytes()
        level = parse(data).levels[0]
        offset, length = level.span(0, 0)
        _KEPT[compress] = level, data[offset : offset + length]
    return _KEPT[compress]
