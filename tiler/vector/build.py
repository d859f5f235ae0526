"""From a GeoParquet file to what tiles are drawn from: shapes on the grids of some CRSs, and attributes."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from core.errors import BadSource
from core.layer import Bounds
from tiler.vector.attributes import tile_column, tile_kind
from tiler.vector.generalise import generalise
from tiler.vector.geoparquet import parse_geo
from tiler.vector.grid import LAMBERT_93, MERCATOR, grid_of, has_own_set
from tiler.vector.levels import Level, level_of
from tiler.vector.shapes import Shapes, pack_wkb
from tiler.vector.spill import ShapeSpill, give_back
from tiler.vector.stored import open_values, write_levels, write_values
from tiler.vector.values import Field, Values, ValueWriter

Touched = tuple[NDArray[np.int32], NDArray[np.int64]]
"""Boxes, cells, shape (k, 4), and the number of the change for each, shape (k,)."""

OnStep = Callable[[float], None]
"""Told of the share of the work that is done."""

_AT_ONCE = 8_192
"""Geometries that are packed at a time."""

_MOST_VERTICES = 2**32 - 2

_EVERYWHERE = np.array([[-(2**31), -(2**31), 2**31 - 1, 2**31 - 1]], np.int32)

_FRANCE = (-9.86, 41.15, 10.38, 51.56)
"""West, south, east, north in degrees: the area of use of EPSG:2154."""


class Before(msgspec.Struct, frozen=True, eq=False):
    """What the levels of a layer were before it is stored anew with changes."""

    fields: tuple[Field, ...]
    """Its attributes."""
    levels: dict[str, dict[int, Touched]]
    """By the CRS of the shapes and `Level.shift`: what has changed since the data were first stored."""
    through: int
    """Number of the last change."""


class Built(msgspec.Struct, frozen=True):
    """The files that were made."""

    values: Path
    shapes: tuple[tuple[str, Path], ...]
    """CRS and file."""


def wanted_crs(crs: str, bbox: Bounds) -> tuple[str, ...]:
    """Return the CRSs in which the shapes of a layer are stored.

    Web Mercator; its own where there are tiles in it; Lambert-93 for what lies in metropolitan France.

    Args:
        crs: Its CRS.
        bbox: West, south, east, north in degrees.
    """
    west, south, east, north = _FRANCE
    own = [crs] if has_own_set(crs) else []
    if west <= bbox[0] and south <= bbox[1] and bbox[2] <= east and bbox[3] <= north:
        own.append(LAMBERT_93)
    return tuple(dict.fromkeys((MERCATOR, *own)))


def build_tiles(
    parquet: Path,
    geometry_column: str,
    crs: str,
    stem: Path,
    *,
    targets: Sequence[str],
    before: Before | None = None,
    on_step: OnStep | None = None,
) -> Built:
    """Make the files from which tiles of a layer are drawn.

    Args:
        parquet: The layer as GeoParquet, geometries as WKB.
        geometry_column: Name of their column.
        crs: Their CRS, as authority:code or WKT.
        stem: What the names of the files begin with.
        targets: CRSs in which the shapes are wanted.
        before: What the levels were, so that tiles that no change touches stay as they are; None for new data.
        on_step: Told of progress.

    Raises:
        BadSource: The file is damaged, or has more vertices or values than can be numbered.
    """
    tell = on_step if on_step is not None else lambda _: None
    try:
        with pq.ParquetFile(parquet) as file:
            path = stem.with_name(f"{stem.name}.values.arrow")
            write_values(path, _values(file, geometry_column, before))
            values = open_values(path)
            give_back()
            tell(0.3)
            made = []
            for number, target in enumerate(targets):
                base = level_of(-1, _shapes(file, geometry_column, crs, target, stem.parent))
                give_back()
                tell(0.3 + 0.7 * (number + 0.5) / len(targets))
                coarser = generalise(base, grid_of(target), values, _first(before, target), stem.parent)
                made.append((target, stem.with_name(f"{stem.name}.{number}.shapes.arrow")))
                levels = (_with_touches(level, before, target) for level in chain([base], coarser))
                write_levels(made[-1][1], grid_of(target), levels)
                tell(0.3 + 0.7 * (number + 1) / len(targets))
    except (pa.ArrowException, OSError, shapely.errors.ShapelyError, KeyError) as err:
        raise BadSource(f"{parquet.name} cannot be read ({' '.join(str(err).split())[:200]})") from err
    return Built(path, tuple(made))


def _first(before: Before | None, target: str) -> int | None:
    """Return the scale of the first generalised level that there was."""
    shifts = [shift for shift in before.levels.get(target, {}) if shift >= 0] if before is not None else []
    return min(shifts, default=None)


def _with_touches(level: Level, before: Before | None, target: str) -> Level:
    """Return a level with what has changed on it: all of it where it was not there before."""
    if before is None:
        return level
    boxes, editions = before.levels.get(target, {}).get(level.shift, (_EVERYWHERE, np.array([before.through])))
    return msgspec.structs.replace(level, touched=boxes, editions=editions)


def _values(file: pq.ParquetFile, geometry_column: str, before: Before | None) -> Values:
    covering = parse_geo(file.schema_arrow.metadata).covering
    keys = [
        field.name
        for field in file.schema_arrow
        if field.name not in {geometry_column, covering} and tile_kind(field.type)
    ]
    writer = ValueWriter(np.zeros((file.metadata.num_rows, len(keys)), np.uint32))
    for number, key in enumerate(keys):
        writer.add(number, _parts(file, key))
        give_back()
    values = writer.finish(keys, np.arange(file.metadata.num_rows, dtype=np.uint64))
    if before is None:
        return values
    thrift = {field.key: field.thrift for field in before.fields}
    fields = tuple(msgspec.structs.replace(one, thrift=thrift.get(one.key, one.thrift)) for one in values.fields)
    return msgspec.structs.replace(values, fields=fields)


def _parts(file: pq.ParquetFile, key: str) -> Iterator[pa.Array]:
    """Yield the values of an attribute, a row group after the other."""
    for number in range(file.metadata.num_row_groups):
        for part in file.read_row_group(number, columns=[key]).column(0).chunks:
            yield tile_column(part)


def _shapes(file: pq.ParquetFile, geometry_column: str, crs: str, target: str, folder: Path) -> Shapes:
    grid, row = grid_of(target), 0
    with ShapeSpill(folder) as spill:
        for number in range(file.metadata.num_row_groups):
            wkb = file.read_row_group(number, columns=[geometry_column]).column(0).to_numpy(zero_copy_only=False)
            for first in range(0, len(wkb), _AT_ONCE):
                some = wkb[first : first + _AT_ONCE]
                rows = np.arange(row + first, row + first + len(some), dtype=np.uint32)
                spill.add(pack_wkb(some, rows, grid, crs))
                if spill.vertices > _MOST_VERTICES:
                    raise BadSource(f"the layer has more than {_MOST_VERTICES:,} vertices", "cut it into several")
            row += len(wkb)
        return spill.finish()
