"""Vector layers for tests, made in memory from shapely geometries."""

import numpy as np
import pyarrow as pa
import shapely

from tiler.vector.grid import grid_of
from tiler.vector.layer import TileSource
from tiler.vector.levels import generalise, level_of
from tiler.vector.quantise import split_kinds
from tiler.vector.shapes import pack
from tiler.vector.values import ValueWriter


def made(geometries, crs="EPSG:4326", target="EPSG:3857", **attributes):
    array = shapely.force_2d(np.array(geometries, dtype=object))
    pieces, places = split_kinds(array)
    grid = grid_of(target)
    base = level_of(-1, pack(pieces, places.astype(np.uint32), grid, crs))
    writer = ValueWriter(np.zeros((len(array), len(attributes)), np.uint32))
    for number, values in enumerate(attributes.values()):
        writer.add(number, pa.chunked_array([pa.array(values)]))
    values = writer.finish(tuple(attributes), np.arange(len(array), dtype=np.uint64))
    return TileSource(grid, (base, *generalise(base, grid, values)), values)
