"""A file of a mosaic is replaced again and again while its tiles are asked for: never a mixture, never an error."""

import asyncio
import os
import random
import shutil
import threading
import time
import urllib.error
import urllib.request
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
import pytest
import rasterio
from PIL import Image

from core.directory import DirectoryStore
from core.layer import RasterSource
from core.style import Style
from tests.servers.platform import running_platform
from tests.tiler.raster.test_engine import Engine
from tests.tiler.raster.tiffs import write_cog
from tiler.matrix import tile_at, tile_matrix_set
from tiler.raster.directory import parse
from tiler.raster.grid import PixelGrid
from tiler.raster.mosaic import build_index

SIDE = 384
"""Pixels of a file."""

VERSIONS = [
    # colour, and how the file is written: blocks of other sizes lie elsewhere, in a file of another length
    (40, {"COMPRESS": "DEFLATE", "BLOCKSIZE": 128}),
    (90, {"COMPRESS": "ZSTD", "BLOCKSIZE": 256}),
    (140, {"COMPRESS": "DEFLATE", "BLOCKSIZE": 128}),
    (190, {"COMPRESS": "LZW", "BLOCKSIZE": 128}),
]

OTHER = 240
"""Colour of the files that stay."""


def flat(path, colour, place, options):
    """Write a file of one colour with a pattern that makes its blocks differ in length."""
    values = np.full((3, SIDE, SIDE), colour, np.uint8)
    values[1] = np.random.default_rng(colour).integers(0, 8, (SIDE, SIDE))
    return write_cog(path, values, **place, **options)


def colours_of(data):
    """Return the shades of red of a tile."""
    picture = np.asarray(Image.open(BytesIO(data)).convert("RGBA"))
    return {int(value) for value in np.unique(picture[..., 0][picture[..., 3] > 0])}


@pytest.fixture
def mosaic(tmp_path):
    """A store of four files of which the second is replaced, the versions of that file, and the source."""
    store = DirectoryStore(tmp_path / "objects")
    keys, boxes, versions = [], [], []
    for number in range(4):
        place = {"west": (number % 2) * SIDE, "north": 2 * SIDE - number // 2 * SIDE}
        if number == 1:
            versions = [
                flat(tmp_path / f"v{index}.tif", colour, place, options)
                for index, (colour, options) in enumerate(VERSIONS)
            ]
        path = flat(tmp_path / f"{number}.tif", OTHER, place, VERSIONS[0][1])
        path = versions[0] if number == 1 else path
        keys.append(f"m/{number}.tif")
        asyncio.run(store.put_file(keys[-1], path))
        boxes.append(parse(path.read_bytes()).bounds())
    asyncio.run(store.put("m/index", msgspec.msgpack.encode(build_index("EPSG:3857", keys, boxes))))
    source = RasterSource(href="m/index", files=4, bands=(1, 2, 3), dtype="uint8", resampling="nearest")
    return store, versions, source


async def test_a_tile_never_mixes_two_versions_of_a_file(mosaic):
    store, versions, source = mosaic
    engine = Engine(store=store, block_bytes=1 << 20)
    shades = {colour for colour, _ in VERSIONS}
    seen, made, ended = set(), 0, False
    random_place = random.Random(1)

    async def replace():
        turn = 0
        while not ended:
            turn += 1
            await store.put_file("m/1.tif", versions[turn % len(versions)])
            await asyncio.sleep(0.1)

    async def ask(count):
        nonlocal made
        for _ in range(count):
            # nearest at half a pixel and more: crops, warps and reductions of one to four files
            cell = random_place.choice([1.0, 1.0, 0.7, 1.9, 4.0])
            col, row = random_place.uniform(0, 2 * SIDE - 128 * cell), random_place.uniform(0, 2 * SIDE - 128 * cell)
            grid = PixelGrid("EPSG:3857", round(col) + 0.0, 2 * SIDE - round(row), cell, cell, 128, 128)
            data, _ = await engine.send(source, grid, "png", Style(name="default"))
            found = await asyncio.to_thread(colours_of, data) - {OTHER}
            assert found <= shades
            assert len(found) <= 1, f"a tile of two versions: {found}"
            seen.update(found)
            made += 1

    replacing = asyncio.create_task(replace())
    try:
        await asyncio.gather(*(ask(100) for _ in range(12)))
        ended = True
        await replacing
    finally:
        ended = True
        engine.pool.close()
    assert made == 12 * 100
    assert len(seen) >= 3
    assert engine.blocks._kept.currsize <= 1 << 20
    assert not engine.blocks._pending
    assert engine.pool.taken == 0


WEST, NORTH = 770_000.0, 6_277_000.0


def rss_of(pid):
    """Memory of a process, bytes (proc(5), statm)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.xdist_group("replaced")
def test_an_engine_answers_while_a_file_is_replaced(tmp_path):
    def prepare(platform):
        paths = []
        for number in range(4):
            place = {"west": WEST + (number % 2) * SIDE, "north": NORTH - number // 2 * SIDE, "crs": "EPSG:2154"}
            paths.append(flat(tmp_path / f"f{number}.tif", OTHER, place, VERSIONS[0][1]))
        platform.run("ingest", "raster", *paths, "--name", "mosaic", "--as-is", "--resampling", "nearest")

    place = {"west": WEST + SIDE, "north": NORTH, "crs": "EPSG:2154"}
    versions = [flat(tmp_path / f"v{number}.tif", colour, place, how) for number, (colour, how) in enumerate(VERSIONS)]
    with running_platform(tmp_path / "data", {"GEOPF_TILE_CACHE_BYTES": "1"}, prepare=prepare) as platform:
        (target,) = (platform.data / "objects").rglob("f1.tif")
        engines = [pid for pid, command in platform.children().items() if "deploy.engine" in command]
        ended, turns = threading.Event(), 0

        def replace():
            nonlocal turns
            while not ended.is_set():
                turns += 1
                aside = target.with_name("aside")
                shutil.copyfile(versions[turns % len(versions)], aside)
                aside.replace(target)
                time.sleep(0.02)

        statuses, mixed, lock = {}, [], threading.Lock()
        tiles = list(addresses())

        def ask(seed):
            chosen = random.Random(seed)
            for _ in range(80):
                status, body = get(platform.url + chosen.choice(tiles))
                found = set()
                if status == 200:
                    found = colours_of(body) - {OTHER}
                with lock:
                    statuses[status] = statuses.get(status, 0) + 1
                    if len(found) > 1 or not found <= {colour for colour, _ in VERSIONS} | {OTHER}:
                        mixed.append(found)

        replacing = threading.Thread(target=replace)
        replacing.start()
        try:
            ask(0)
            before = sum(map(rss_of, engines))
            threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(1, 9)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            ended.set()
            replacing.join()
        after = sum(map(rss_of, engines))
        assert set(statuses) <= {200, 204}, statuses
        assert statuses[200] > 300
        assert not mixed
        assert turns > 10
        assert after < before + (200 << 20)  # blocks kept within their bound, and no more
        assert not [line for line in platform.complaints() if "Traceback" in str(line)]


def addresses():
    """Tiles of the four files in two sets, at their own size and coarser."""
    with rasterio.Env():
        from rasterio.warp import transform

        for tms_id, crs, level in (("2154_10cm", "EPSG:2154", 0), ("PM", "EPSG:3857", 17), ("PM", "EPSG:3857", 16)):
            tms = tile_matrix_set(tms_id)
            matrices = [one for one in tms.matrices if one.cell_size >= 0.9] if tms_id != "PM" else []
            matrix = matrices[-1] if matrices else tms.by_id[str(level)]
            for across in (10, 200, 370, 400, 600, 760):
                for down in (10, 200, 370, 400, 600, 760):
                    (x,), (y,) = transform("EPSG:2154", crs, [WEST + across], [NORTH - down])
                    col, row = tile_at(matrix, x, y)
                    yield f"/tiles/mosaic/{tms_id}/{matrix.id}/{col}/{row}.png"


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
