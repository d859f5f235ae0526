"""Changes put into the file they were made to: the layer stored anew, row by row, and what its tiles are drawn from."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from core.changes import Change, Changes
from core.errors import InputRefused
from core.job import Compaction, JobSpec, Progress, Result
from core.layer import Bounds, VectorShapes, VectorSource
from core.open_store import given_or_own
from core.program import Emit
from core.storage import ObjectStore
from tiler.ingest.vector import GROUP_ROWS
from tiler.vector.build import Before, Built, build_tiles, wanted_crs
from tiler.vector.changed_rows import put_in, rows_of
from tiler.vector.edition import touches_of
from tiler.vector.geoparquet import KEY, geometry_kinds, parse_geo
from tiler.vector.layer import TileSource
from tiler.vector.local import LocalFiles
from tiler.vector.overlay import apply_changes
from tiler.vector.stored import open_levels, open_values

MAX_TOUCHES = 20_000
"""Boxes of what has changed that a level remembers; beyond, all between them counts as changed."""

_READ, _WRITTEN, _BUILT = 0.15, 0.4, 0.95
"""Share of the work that is done after each step."""


def compact_vector(spec: JobSpec, wanted: Compaction, emit: Emit, store: ObjectStore | None = None) -> Result:
    """Store a layer anew with its changes; tiles that no change touches stay as they are.

    Rows keep their numbers: that of a removed feature stays, empty; those of new ones follow.

    Args:
        spec: What to do.
        wanted: The data and their changes.
        emit: Told of progress.
        store: Where the objects are and go; None for the platform's own store.

    Raises:
        InputRefused: The changes cannot be read, or do not follow the file.
        BadSource: The file is damaged.
        StoreFull: There is no room for the result.
    """
    emit(Progress(0.0, "reading"))
    changes = _read_changes(Path(wanted.changes), wanted.base)
    last = {change.id: change for change in changes}
    through = wanted.base.through + len(changes)
    scratch = Path(spec.scratch)
    base = asyncio.run(_fetch(store, wanted.base, scratch))
    before = _before(wanted.base, base, changes, through)
    emit(Progress(_READ, "writing"))
    made = scratch / f"{spec.name}.{through}.parquet"
    rows, features, bbox = _write(base.parquet, made, wanted.base.geometry_column, last)
    emit(Progress(_WRITTEN, "drawing levels for tiles"))
    built = build_tiles(
        made,
        wanted.base.geometry_column,
        wanted.base.crs,
        scratch / f"{spec.name}.{through}",
        targets=[one.crs for one in wanted.base.shapes] or wanted_crs(wanted.base.crs, bbox),
        before=before,
        on_step=lambda share: emit(Progress(_WRITTEN + (_BUILT - _WRITTEN) * share, "drawing levels for tiles")),
    )
    emit(Progress(_BUILT, "storing"))
    return _stored(spec, wanted.base, made, built, store, through=through, rows=rows, features=features, bbox=bbox)


class _Files(msgspec.Struct, frozen=True):
    """The files of a layer on this machine."""

    parquet: Path
    values: Path | None
    shapes: tuple[Path, ...]


def _read_changes(path: Path, base: VectorSource) -> tuple[Change, ...]:
    try:
        found = msgspec.msgpack.decode(path.read_bytes(), type=Changes)
    except (OSError, msgspec.DecodeError) as err:
        raise InputRefused(f"{path.name} holds no changes ({err})") from err
    if found.first != base.through + 1 or not found.changes:
        raise InputRefused(f"changes from {found.first} on do not follow {base.through}, the last that is in the file")
    return found.changes


async def _fetch(store: ObjectStore | None, base: VectorSource, scratch: Path) -> _Files:
    async with given_or_own(store) as source:
        files = LocalFiles(source, scratch / "base", 1 << 62)
        shapes = tuple([await files.path(one.href) for one in base.shapes])
        return _Files(await files.path(base.href), await files.path(base.values) if base.values else None, shapes)


def _before(base: VectorSource, files: _Files, changes: Sequence[Change], through: int) -> Before:
    """Return what the levels are, and where the changes change them."""
    if files.values is None:
        return Before((), {}, through)
    values, levels = open_values(files.values), {}
    for one, path in zip(base.shapes, files.shapes, strict=True):
        grid, stored = open_levels(path)
        changed = apply_changes(TileSource(grid, stored, values), changes, base.crs)
        levels[one.crs] = {
            level.shift: touches_of(level, patch, through, MAX_TOUCHES)
            for level, patch in zip(stored, changed.patches, strict=True)
        }
    return Before(values.fields, levels, through)


def _write(parquet: Path, made: Path, geometry_column: str, last: dict[int, Change]) -> tuple[int, int, Bounds]:
    """Write the file anew; return its rows, its features, and its box in degrees."""
    with pq.ParquetFile(parquet, memory_map=True) as file:
        schema, count = file.schema_arrow, file.metadata.num_rows
        covering = parse_geo(schema.metadata).covering
        put = shapely.from_wkb(np.array([change.geometry for change in last.values() if change.geometry], object))
        geo = _widened(schema.metadata[KEY], put)
        schema = schema.with_metadata({**schema.metadata, KEY: geo})
        features = 0
        with pq.ParquetWriter(made, schema, compression="zstd") as writer:
            for table in _tables(file, last, count, geometry_column, covering):
                features += table.num_rows - table[geometry_column].null_count
                writer.write_table(table.cast(schema), row_group_size=GROUP_ROWS)
        return max([count, *(number + 1 for number in last)]), features, _bbox(geo)


def _bbox(geo: bytes) -> Bounds:
    """Return the box of a file in degrees, as its metadata tell."""
    column = parse_geo({KEY: geo})
    stated = msgspec.json.decode(geo)["columns"][column.name].get("bbox")
    if stated is None or column.crs is None:
        return -180.0, -90.0, 180.0, 90.0
    half = len(stated) // 2
    way = Transformer.from_crs(column.crs, "EPSG:4326", always_xy=True)
    low, high = stated[:2], stated[half : half + 2]
    west, south, east, north = way.transform_bounds(low[0], low[1], high[0], high[1], densify_pts=21)
    return (west, south, east, north) if west <= east else (-180.0, south, 180.0, north)


def _tables(
    file: pq.ParquetFile, last: dict[int, Change], count: int, geometry_column: str, covering: str
) -> Iterator[pa.Table]:
    """Yield the rows in their order, changed ones as they are now."""
    first = 0
    for group in range(file.metadata.num_row_groups):
        table = file.read_row_group(group)
        own = [number for number in range(first, first + table.num_rows) if number in last]
        yield put_in(table, first, {number: last[number] for number in own}, geometry_column, covering)
        first += table.num_rows
    end = max([count, *(number + 1 for number in last)])
    for start in range(count, end, GROUP_ROWS):
        numbers = range(start, min(start + GROUP_ROWS, end))
        yield rows_of([last.get(number) for number in numbers], file.schema_arrow, geometry_column, covering)


def _widened(geo: bytes, put: NDArray[np.object_]) -> bytes:
    """Return GeoParquet metadata whose box and types hold new geometries too."""
    document = msgspec.json.decode(geo)
    column = document["columns"][document["primary_column"]]
    if len(put):
        column["geometry_types"] = sorted({*column.get("geometry_types", []), *geometry_kinds(put)})
        if "bbox" in column:
            half, low, high = len(column["bbox"]) // 2, *_extremes(put)
            old_low, old_high = column["bbox"][:half], column["bbox"][half:]
            column["bbox"] = [*map(min, old_low, low[:half]), *map(max, old_high, high[:half])]
    return msgspec.json.encode(document)


def _extremes(put: NDArray[np.object_]) -> tuple[list[float], list[float]]:
    """Return the lowest and the highest coordinates, heights where there are any."""
    xyz = shapely.get_coordinates(put, include_z=True)
    deep = xyz[~np.isnan(xyz[:, 2])]
    low, high = xyz[:, :2].min(axis=0), xyz[:, :2].max(axis=0)
    bottom, top = deep[:, 2].min(initial=np.inf), deep[:, 2].max(initial=-np.inf)
    return [*low.tolist(), float(bottom)], [*high.tolist(), float(top)]


def _stored(
    spec: JobSpec,
    base: VectorSource,
    made: Path,
    built: Built,
    store: ObjectStore | None,
    *,
    through: int,
    rows: int,
    features: int,
    bbox: Bounds,
) -> Result:
    files = [made, built.values, *(path for _, path in built.shapes)]
    keys = [f"{spec.prefix}/{path.name}" for path in files]

    async def keep() -> int:
        async with given_or_own(store) as target:
            return sum([(await target.put_file(key, path)).size for key, path in zip(keys, files, strict=True)])

    size = asyncio.run(keep())
    source = msgspec.structs.replace(
        base,
        href=keys[0],
        values=keys[1],
        shapes=tuple(VectorShapes(crs=crs, href=key) for (crs, _), key in zip(built.shapes, keys[2:], strict=True)),
        features=features,
        rows=rows,
        through=through,
    )
    west, south, east, north = bbox
    middle = (west + east) / 2, (south + north) / 2
    return Result(source=source, bbox=bbox, sample=middle, srs=base.crs, size=size, objects=tuple(keys))
