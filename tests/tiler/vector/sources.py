"""Vector layers for tests, made in memory from shapely geometries."""

import numpy as np
import pyarrow as pa
import shapely

from core.layer import PublishedLayer
from tiler.vector.generalise import generalise
from tiler.vector.grid import grid_of
from tiler.vector.layer import TileSource
from tiler.vector.levels import level_of
from tiler.vector.shapes import pack_wkb
from tiler.vector.values import ValueWriter


def made(geometries, crs="EPSG:4326", target="EPSG:3857", first=None, **attributes):
    """Return a layer; a geometry of None is a row without a feature, `first` the first level."""
    array = np.array(geometries, dtype=object)
    grid = grid_of(target)
    base = level_of(-1, pack_wkb(shapely.to_wkb(array), np.arange(len(array), dtype=np.uint32), grid, crs))
    writer = ValueWriter(np.zeros((len(array), len(attributes)), np.uint32))
    for number, values in enumerate(attributes.values()):
        writer.add(number, [pa.array(values)])
    values = writer.finish(tuple(attributes), np.arange(len(array), dtype=np.uint64))
    return TileSource(grid, (base, *generalise(base, grid, values, first)), values)


def published(source, **changed):
    """Return a layer of some vector source."""
    box = (-180.0, -85.0, 180.0, 85.0)
    return PublishedLayer(
        name="l", title="L", offering="o", source=source, bbox=box, sample=(0.0, 0.0), version="v", **changed
    )
