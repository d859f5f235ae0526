"""Damaged files: a tile that needs what is damaged is refused in a clean way, all other tiles are as before."""

import struct
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import BadSource, GeoplateformeError, TooLarge
from core.http import status_of
from core.layer import RasterSource
from core.style import Style
from tests.tiler.raster.test_engine import Engine
from tests.tiler.raster.tiffs import photo, write_cog
from tiler.raster.codec import decode_block, why_not
from tiler.raster.directory import parse
from tiler.raster.grid import PixelGrid
from tiler.raster.mosaic import build_index

_FOLDER = TemporaryDirectory(prefix="geopf-damage-")

FORMS = {
    "JPEG": ("uint8", 3, {"COMPRESS": "JPEG"}),
    "JPEG and mask": ("uint8", 3, {"COMPRESS": "JPEG"}),
    "WebP": ("uint8", 3, {"COMPRESS": "WEBP"}),
    "deflate": ("uint8", 3, {"COMPRESS": "DEFLATE", "PREDICTOR": "YES"}),
    "ZSTD": ("int16", 1, {"COMPRESS": "ZSTD", "PREDICTOR": "YES"}),
    "LZW": ("uint8", 1, {"COMPRESS": "LZW"}),
    "LERC": ("float32", 1, {"COMPRESS": "LERC"}),
    "LERC and ZSTD": ("float32", 1, {"COMPRESS": "LERC_ZSTD"}),
    "none": ("uint8", 3, {"COMPRESS": "NONE"}),
}

SIZE, BLOCK = 512, 128


@cache
def whole(form):
    """Return the bytes of a COG of 4 by 4 blocks."""
    dtype, bands, options = FORMS[form]
    mask = None
    if "mask" in form:
        mask = np.full((SIZE, SIZE), 255, np.uint8)
        mask[::5, ::3] = 0
    path = Path(_FOLDER.name) / f"{form}.tif"
    values = photo(SIZE, SIZE, bands).astype(dtype)
    return write_cog(path, values, west=0, north=SIZE, mask=mask, BLOCKSIZE=BLOCK, **options).read_bytes()


def zeroed(data, offset, length):
    data[offset : offset + length] = bytes(length)


def garbled(data, offset, length):
    data[offset : offset + length] = np.random.default_rng(3).bytes(length)


def flipped(data, offset, length):
    data[offset + length // 2] ^= 0xFF


def cut(data, offset, length):
    del data[offset + length // 2 :]


def pointing_nowhere(data, offset, _):
    """The table of offsets names a byte far beyond the file."""
    for place in _all(data, struct.pack("<I", offset)):
        data[place : place + 4] = struct.pack("<I", 0xFFFFFF00)


def pointing_elsewhere(data, offset, _):
    """The table of offsets names the directory."""
    for place in _all(data, struct.pack("<I", offset)):
        data[place : place + 4] = struct.pack("<I", 8)


def _all(data, words):
    """Where the words stand in the directory, which a COG has before its blocks."""
    found, at = [], data.find(words)
    while at >= 0 and at < 20_000:
        found.append(at)
        at = data.find(words, at + 1)
    return found


DAMAGES = [zeroed, garbled, flipped, cut, pointing_nowhere, pointing_elsewhere]


def damage(form, how):
    """Return a file of which the block in column 2, row 1 is damaged."""
    data = bytearray(whole(form))
    offset, length = parse(bytes(data)).levels[0].span(2, 1)
    how(data, offset, length)
    return bytes(data)


def grid_of(col, row, size=BLOCK, crs="EPSG:3857", shift=0.0):
    return PixelGrid(crs, float(col) + shift, SIZE - float(row) - shift, 1.0, 1.0, size, size)


PLANS = {
    "stored": ("jpg", 0.0),
    "cut": ("png", 0.0),
    "warped": ("png", 0.4),
}


async def outcome(engine, source, grid, extension):
    """Return a tile and None, or nothing and the error."""
    try:
        return (await engine.send(source, grid, extension))[0], None
    except GeoplateformeError as error:
        return b"", error


@pytest.mark.parametrize(("plan", "mosaic"), [("stored", False), ("cut", False), ("warped", True)])
@pytest.mark.parametrize("how", DAMAGES, ids=lambda how: how.__name__)
@pytest.mark.parametrize("form", FORMS)
async def test_a_damaged_block_spoils_no_tile_but_its_own(form, how, mosaic, plan):
    extension, shift = PLANS[plan]
    if plan == "stored" and form == "WebP":
        extension = "webp"
    dtype, bands, _ = FORMS[form]
    shown = {"bands": tuple(range(1, bands + 1)), "dtype": dtype}
    if dtype != "uint8":
        shown["rescale"] = (0.0, 255.0)
    sound, hurt = Engine(), Engine()
    try:
        for engine, data in ((sound, whole(form)), (hurt, damage(form, how))):
            engine.store.objects["a.tif"] = data
            engine.store.location = lambda _: "/nowhere"
            if mosaic:  # a file on either side of it
                engine.store.objects["b.tif"] = whole(form)
                boxes = [(0, 0, SIZE, SIZE), (SIZE, 0, 2 * SIZE, SIZE)]
                index = build_index("EPSG:3857", ["a.tif", "b.tif"], boxes)
                engine.store.objects["index"] = msgspec.msgpack.encode(index)
        source = RasterSource(href="index" if mosaic else "a.tif", files=2 if mosaic else 1, **shown)
        refused, start = 0, time.monotonic()
        for row in (0, 1, 3):
            for col in (1, 2, 3):
                grid = grid_of(col * BLOCK, row * BLOCK, shift=shift)
                wanted, _ = await sound.send(source, grid, extension)
                found, error = await outcome(hurt, source, grid, extension)
                if error is not None:
                    assert status_of(type(error)) == 502, error
                    assert "a.tif" in str(error)
                    refused += 1
                    near = abs(col - 2) <= 1 and abs(row - 1) <= 1
                    assert near or how is cut or how is pointing_elsewhere
                    continue
                if (col, row) != (2, 1) and not (shift and abs(col - 2) <= 1 and abs(row - 1) <= 1):
                    assert found == wanted
        if how in {cut, pointing_nowhere} or (how in {zeroed, garbled} and form not in {"none", "LZW"}):
            assert refused >= 1
        assert time.monotonic() - start < 20
    finally:
        sound.pool.close()
        hurt.pool.close()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(FORMS)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12),
    st.floats(0.0, 1.0),
    st.integers(0, 2),
)
def test_flipped_bits_and_cuts_end_in_a_reading_or_a_refusal_soon(form, flips, kept, mode):
    data = bytearray(whole(form))
    head = 4096 if mode else len(data)  # mostly in the directory, where a lie costs most
    for place, value in flips:
        data[int(place * (min(head, len(data)) - 1))] ^= value
    if mode == 2:
        del data[int(kept * len(data)) :]
    start = time.monotonic()
    try:
        tiff = parse(bytes(data))
    except BadSource:
        assert time.monotonic() - start < 2
        return
    assert tiff.bytes_held < 1 << 20
    for level in tiff.levels[:2]:
        if why_not(level):
            continue
        for index in range(min(level.offsets.size, 3)):
            offset, length = int(level.offsets[index]), int(level.counts[index])
            try:
                block = decode_block(level, bytes(data[offset : offset + length]), tiff.nodata)
            except BadSource:
                continue
            assert block.values.shape[:2] == (level.block_height, level.block_width)
    assert time.monotonic() - start < 5


async def test_a_file_that_claims_too_much_is_refused_before_it_is_read():
    """A block of 60,000 by 60,000 pixels, and an image of two thousand millions."""
    data = bytearray(whole("none"))
    for tag, value in ((322, 60_000), (323, 60_000)):  # TIFF 6.0, section 15: TileWidth and TileLength
        at = data.find(struct.pack("<HH", tag, 3))
        struct.pack_into("<HHIHH", data, at, tag, 3, 1, value, 0)
    engine = Engine()
    engine.store.objects["a.tif"] = bytes(data)
    engine.store.location = lambda _: "/nowhere"
    source = RasterSource(href="a.tif", bands=(1, 2, 3), dtype="uint8")
    try:
        with pytest.raises((BadSource, TooLarge)):
            await engine.send(source, grid_of(0, 0), "png", Style(name="default"))
    finally:
        engine.pool.close()
