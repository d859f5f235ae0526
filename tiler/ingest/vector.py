"""Producers' vectors become one GeoParquet file, sorted along a Hilbert curve."""

import asyncio
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from core.errors import InputRefused
from core.job import JobSpec, Notice, Progress, Result
from core.layer import Bounds, VectorShapes, VectorSource
from core.open_store import given_or_own
from core.program import Emit
from core.storage import ObjectStore
from kernels.hilbert import hilbert_keys
from tiler.ingest.vector_input import VectorInput, look_at
from tiler.ingest.vector_read import GEOMETRY, Survey, read_layer, unite_fields
from tiler.ingest.vector_spill import Spill
from tiler.ingest.vector_stray import find_strays
from tiler.ingest.vector_zoom import suggest_zooms
from tiler.vector.attributes import tile_fields
from tiler.vector.build import build_tiles, wanted_crs
from tiler.vector.geoparquet import BOX, KEY, encode_geo, free_name

GROUP_ROWS = 65_536
"""Features of a row group at most."""

GROUP_BYTES = 128 << 20
"""Bytes of geometry of a row group, unless one feature alone has more."""

HILBERT_ORDER = 24
"""Levels of the curve: 16,777,216 cells a side, 6 cm for France."""

_LOOKED, _READ, _WRITTEN, _BUILT = 0.02, 0.4, 0.6, 0.95
"""Share of the work that is done after each step."""


def ingest_vector(spec: JobSpec, emit: Emit, store: ObjectStore | None = None) -> Result:
    """Make one layer of any number of vector files.

    Args:
        spec: What to do.
        emit: Told of progress and of what the producer should know.
        store: Where the GeoParquet goes; None for the platform's own store.

    Raises:
        InputRefused: An input cannot be taken.
        StoreFull: There is no room for the result.
    """
    emit(Progress(0.0, "looking at the files"))
    made = Path(spec.scratch) / f"{spec.name}.parquet"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        inputs = tuple(look_at(path, spec.source_layer, spec.crs) for path in spec.inputs)
        attributes = unite_fields(inputs)
        schema = attributes.append(GEOMETRY)
        emit(Progress(_LOOKED, "reading"))
        with Spill(Path(spec.scratch) / "features.arrow", schema) as spill:
            survey = read_layer(
                inputs,
                attributes,
                spill,
                memory_bytes=spec.limits.memory_bytes,
                on_read=lambda number, read: emit(Progress(_share_read(inputs, number, read), "reading")),
            )
            _tell(inputs, spec, survey, {str(w.message) for w in caught if "pyogrio" in w.filename}, emit)
            if spill.rows == 0:
                raise InputRefused(f"{_names(inputs)} holds no feature with a geometry", "check the export")
            bounds = np.concatenate(survey.bounds)
            total = _total(bounds)
            bbox = _bbox(total, inputs[0].crs, _names(inputs))
            order = _sort(bounds, total)
            columns, written = _name_columns(attributes, inputs[0].crs, survey, total)
            tables = spill.read(_groups(order, np.concatenate(survey.lengths)))
            sample = _write(made, tables, written, bounds[order], emit)
    srs = name_crs(inputs[0].crs)
    built = build_tiles(
        made,
        columns[0],
        srs,
        Path(spec.scratch) / spec.name,
        targets=wanted_crs(srs, bbox),
        on_step=lambda share: emit(Progress(_WRITTEN + (_BUILT - _WRITTEN) * share, "drawing levels for tiles")),
    )
    emit(Progress(_BUILT, "storing"))
    keys = [f"{spec.prefix}/{path.name}" for path in (made, built.values, *(path for _, path in built.shapes))]
    size = asyncio.run(_store(store, keys, [made, built.values, *(path for _, path in built.shapes)]))
    min_zoom, max_zoom = suggest_zooms(bounds, inputs[0].crs)
    return Result(
        source=VectorSource(
            href=keys[0],
            geometry_column=columns[0],
            crs=srs,
            fields=tile_fields(attributes),
            geometry_types=tuple(sorted({kind.removesuffix(" Z") for kind in survey.types})),
            features=len(order),
            min_zoom=min_zoom,
            max_zoom=max_zoom,
            values=keys[1],
            shapes=tuple(VectorShapes(crs=crs, href=key) for (crs, _), key in zip(built.shapes, keys[2:], strict=True)),
        ),
        bbox=bbox,
        sample=_degrees(sample, inputs[0].crs),
        srs=srs,
        size=size,
        objects=tuple(keys),
    )


def name_crs(crs: CRS) -> str:
    """Return a CRS as authority:code when one says exactly the same, EPSG first, as WKT 2 otherwise."""
    for authority in ("EPSG", None):
        for confidence in (100, 70):
            found = crs.to_authority(authority, min_confidence=confidence)
            if found is not None and CRS.from_authority(*found).equals(crs, ignore_axis_order=True):
                return ":".join(found)
    return str(crs.to_wkt("WKT2_2019"))


def _tell(inputs: tuple[VectorInput, ...], spec: JobSpec, survey: Survey, warned: set[str], emit: Emit) -> None:
    """Say all that was changed or guessed."""
    first = inputs[0]
    said = [notice for one in inputs for notice in one.notices]
    said += [f"{one.name} is taken to be in {spec.crs}, as declared" for one in inputs if spec.crs]
    said += [
        f"{one.name} is transformed from {one.crs.name} to {first.crs.name}, the CRS of {first.name}"
        for one in inputs
        if not one.crs.equals(first.crs, ignore_axis_order=True)
    ]
    counted = (
        (survey.dropped, "features have no usable geometry and are left out"),
        (survey.mended, "areas were not valid and are mended"),
        (survey.flattened, "geometries lose their measures (M)"),
        (survey.texts, "values were not UTF-8 and are read as Windows-1252"),
    )
    said += [f"{number:,} {what}" for number, what in counted if number]
    if survey.tangled:
        said.append(
            f"{len(survey.tangled):,} areas cross themselves too often to be mended and are left out, "
            f"first feature {survey.tangled[0] + 1:,} of those read"
        )
    said += _tell_strays(survey)
    for message in (*said, *sorted(warned)[:5]):
        emit(Notice(" ".join(message.split())))


def _tell_strays(survey: Survey) -> list[str]:
    if not any(len(bounds) for bounds in survey.bounds):
        return []
    strays = find_strays(np.concatenate(survey.bounds))
    if strays is None:
        return []
    first = int(np.concatenate(survey.rows)[strays.first]) + 1
    message = (
        f"{strays.count:,} features lie at the origin (0, 0), far from all others, and widen the box of the layer, "
        f"first feature {first:,} of those read: correct or leave them out"
    )
    return [message]


def _share_read(inputs: tuple[VectorInput, ...], number: int, read: int) -> float:
    announced = inputs[number].features
    within = min(read / announced, 1.0) if announced > 0 else read / (read + 100_000)
    return _LOOKED + (_READ - _LOOKED) * (number + within) / len(inputs)


def _names(inputs: tuple[VectorInput, ...]) -> str:
    return inputs[0].name if len(inputs) == 1 else f"{inputs[0].name} and {len(inputs) - 1} more"


def _total(bounds: NDArray[np.float64]) -> Bounds:
    west, south = (float(value) for value in bounds[:, :2].min(axis=0))
    east, north = (float(value) for value in bounds[:, 2:].max(axis=0))
    return west, south, east, north


def _bbox(total: Bounds, crs: CRS, name: str) -> Bounds:
    """Return the box of the layer in degrees.

    Raises:
        InputRefused: The coordinates mean nothing in the CRS.
    """
    way = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    try:
        west, south, east, north = way.transform_bounds(*total, densify_pts=21)
    except ProjError:
        west = south = east = north = np.inf
    beyond = crs.is_geographic and (max(map(abs, total[::2])) > 360.0 or max(map(abs, total[1::2])) > 90.1)
    if beyond or not np.isfinite([west, south, east, north]).all():
        raise InputRefused(
            f"the coordinates {tuple(round(value, 3) for value in total)} of {name} mean nothing in {crs.name}",
            "declare the CRS they are in, for instance --crs EPSG:2154",
        )
    if west > east:
        west, east = -180.0, 180.0
    return max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)


def _sort(bounds: NDArray[np.float64], total: Bounds) -> NDArray[np.int64]:
    """Return the rows along the Hilbert curve of the centres of their boxes."""
    west, south, east, north = total
    x = np.ascontiguousarray((bounds[:, 0] + bounds[:, 2]) / 2)
    y = np.ascontiguousarray((bounds[:, 1] + bounds[:, 3]) / 2)
    side = max(east - west, north - south)
    keys = np.empty(len(bounds), np.int64)
    hilbert_keys(x, y, west, south, side / (1 << HILBERT_ORDER) if side > 0 else 1.0, HILBERT_ORDER, keys)
    return np.argsort(keys, kind="stable")


def _groups(order: NDArray[np.int64], lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Cut the sorted rows into row groups by number of rows and bytes of geometry."""
    ends = np.cumsum(lengths[order])
    start = 0
    while start < len(order):
        before = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, before + GROUP_BYTES, side="right"))
        stop = min(max(stop, start + 1), start + GROUP_ROWS, len(order))
        yield order[start:stop]
        start = stop


def _name_columns(attributes: pa.Schema, crs: CRS, survey: Survey, total: Bounds) -> tuple[tuple[str, str], pa.Schema]:
    """Return the names of the geometry and the box column, and the schema of the file with its metadata."""
    taken = set(attributes.names)
    geometry = free_name("geometry", taken)
    covering = free_name("bbox", taken)
    low_z, high_z = survey.z_range
    deep = any(kind.endswith(" Z") for kind in survey.types) and low_z <= high_z
    bbox = (*total[:2], low_z, *total[2:], high_z) if deep else total
    geo = encode_geo(column=geometry, covering=covering, crs=crs, geometry_types=sorted(survey.types), bbox=bbox)
    schema = attributes.append(pa.field(geometry, pa.binary())).append(pa.field(covering, BOX))
    return (geometry, covering), schema.with_metadata({KEY: geo})


def _write(
    path: Path, tables: Iterator[pa.Table], schema: pa.Schema, bounds: NDArray[np.float64], emit: Emit
) -> shapely.Geometry:
    """Write the row groups; return the geometry in the middle of the order."""
    written, middle, sample = 0, len(bounds) // 2, shapely.Point()
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in tables:
            rows = slice(written, written + table.num_rows)
            box = pa.StructArray.from_arrays(list(bounds[rows].T), fields=list(schema.field(-1).type))
            if written <= middle < rows.stop:
                sample = shapely.from_wkb(table.column(GEOMETRY.name)[middle - written].as_py())
            writer.write_table(pa.table([*table.columns, box], schema=schema), row_group_size=GROUP_ROWS)
            written = rows.stop
            emit(Progress(_READ + (_WRITTEN - _READ) * written / len(bounds), "writing"))
    return sample


def _degrees(geometry: shapely.Geometry, crs: CRS) -> tuple[float, float]:
    """Return longitude and latitude of a point on a geometry."""
    point = shapely.point_on_surface(geometry)
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(point.x, point.y)
    return float(lon), float(lat)


async def _store(store: ObjectStore | None, keys: Sequence[str], paths: Sequence[Path]) -> int:
    """Store files; return the bytes of all."""
    async with given_or_own(store) as target:
        return sum([(await target.put_file(key, path)).size for key, path in zip(keys, paths, strict=True)])
