"""Archives for tests, each written by an independent program: the package pmtiles, sqlite3, Pillow."""

import io
import sqlite3
from pathlib import Path

import numpy as np
from PIL import Image
from pmtiles.reader import MemorySource, Reader
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

SHARED = Path(__file__).parents[4] / "shared" / "data" / "tiles"
TYPES = {"png": TileType.PNG, "jpg": TileType.JPEG, "webp": TileType.WEBP, "avif": TileType.AVIF, "mvt": TileType.MVT}


def photo(seed=0, side=256, channels=3):
    """A smooth picture that lossy formats keep well, shape (side, side, channels)."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.uniform(0.2, 0.8, 3)
    rows, cols = np.mgrid[:side, :side] / side
    bands = [60 + 120 * a * rows, 60 + 120 * b * cols, 60 + 60 * c * (rows + cols)]
    alpha = np.where(np.add.outer(np.arange(side), np.arange(side)) < side, 255, 0)
    return np.stack([*bands, alpha][:channels], axis=2).astype(np.uint8)


def picture(pixels, kind="png", **options):
    """The bytes of a picture."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, {"jpg": "jpeg"}.get(kind, kind), **options)
    return out.getvalue()


def opened(data, mode="RGB"):
    """The pixels of a picture."""
    return np.asarray(Image.open(io.BytesIO(data)).convert(mode))


def pmtiles(tiles, kind="png", *, compression=Compression.NONE, bounds=(-180, -85, 180, 85), metadata=None):
    """The bytes of an archive of tiles by (z, x, y)."""
    out = io.BytesIO()
    writer = Writer(out)
    for place in sorted(tiles, key=lambda one: zxy_to_tileid(*one)):
        writer.write_tile(zxy_to_tileid(*place), tiles[place])
    west, south, east, north = (round(degrees * 1e7) for degrees in bounds)
    header = {
        "tile_type": TYPES.get(kind, kind), "tile_compression": compression,
        "min_lon_e7": west, "min_lat_e7": south, "max_lon_e7": east, "max_lat_e7": north,
        "center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0,
    }  # fmt: skip
    writer.finalize(header, metadata or {})
    return out.getvalue()


def reader(data):
    """The independent reader over the bytes of an archive."""
    return Reader(MemorySource(data))


def mbtiles(path, tiles, metadata=None, *, table="CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data)"):
    """Write MBTiles of tiles by (z, x, y), y from the north."""
    with sqlite3.connect(path) as database:
        database.execute(table)
        database.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
        rows = [(z, x, (1 << z) - 1 - y, data) for (z, x, y), data in tiles.items()]
        database.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
        database.executemany("INSERT INTO metadata VALUES (?, ?)", (metadata or {}).items())
    database.close()
    return path
