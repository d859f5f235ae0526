"""Several vector inputs read as one layer: one CRS, one schema, whole geometries."""

from collections.abc import Callable

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from core.errors import InputRefused
from tiler.ingest.encodings import mend_text
from tiler.ingest.vector_input import VectorInput, read_batches
from tiler.ingest.vector_spill import Spill
from tiler.vector.attributes import tile_column
from tiler.vector.mend import mend

BATCH_ROWS = 16_384
"""Features in memory at a time while reading."""

GEOMETRY = pa.field("\0geometry", pa.binary())
"""The geometry among attributes of any name."""

_AREA = 2
_COLLECTION = 7

_TYPES = np.array(
    [
        "Point",
        "LineString",
        "LineString",
        "Polygon",
        "MultiPoint",
        "MultiLineString",
        "MultiPolygon",
        "GeometryCollection",
    ]
)
"""Names of simple features by shapely's type number."""

_ROW_BYTES = 168
"""Memory of a feature's box, length, number and place while the layer is sorted."""


class Survey(msgspec.Struct):
    """What reading a layer tells of it, filled while it is read."""

    bounds: list[NDArray[np.float64]] = []
    """West, south, east, north of each feature, arrays of shape (n, 4)."""
    lengths: list[NDArray[np.int64]] = []
    """Bytes of each feature's WKB, arrays of shape (n,)."""
    rows: list[NDArray[np.int64]] = []
    """Number of each feature among all that were read, from 0, arrays of shape (n,)."""
    types: set[str] = set()
    """Types of GeoParquet present: `Point`, `MultiPolygon Z` ..."""
    z_range: tuple[float, float] = (np.inf, -np.inf)
    """Lowest and highest Z."""
    dropped: int = 0
    """Features without a usable geometry."""
    mended: int = 0
    """Areas that were not valid."""
    tangled: list[int] = []
    """Numbers of the areas that cross themselves too often to be mended."""
    read: int = 0
    """Features read."""
    flattened: int = 0
    """Geometries that lost their measures."""
    texts: int = 0
    """Values that were not UTF-8."""


def unite_fields(inputs: tuple[VectorInput, ...]) -> pa.Schema:
    """Return the attributes of all inputs, a type wide enough for each; text where types have nothing in common."""
    kinds: dict[str, pa.DataType] = {}
    for field in (field for one in inputs for field in one.fields):
        kinds[field.name] = _wider(kinds.get(field.name, field.type), field.type)
    return pa.schema(list(kinds.items()))


def read_layer(
    inputs: tuple[VectorInput, ...],
    attributes: pa.Schema,
    spill: Spill,
    *,
    memory_bytes: int,
    on_read: Callable[[int, int], None],
) -> Survey:
    """Read all features into a spill, geometries in the CRS of the first input.

    Args:
        inputs: What to read.
        attributes: What `unite_fields` gave; the geometry comes after it.
        spill: Where the features go.
        memory_bytes: What the job may use.
        on_read: Told after each batch which input it is of, and how many of its features are read.

    Raises:
        InputRefused: An input is damaged, or holds more features than can be sorted in memory.
    """
    survey = Survey()
    for number, one in enumerate(inputs):
        same = one.crs.equals(inputs[0].crs, ignore_axis_order=True)
        way = None if same else Transformer.from_crs(one.crs, inputs[0].crs, always_xy=True)
        read = 0
        for batch, geometries in read_batches(one, BATCH_ROWS):
            read += batch.num_rows
            _take(batch, geometries, way, attributes, spill, survey)
            if spill.rows * _ROW_BYTES > memory_bytes // 2:
                raise InputRefused(
                    f"{spill.rows:,} features and more cannot be sorted in {memory_bytes:,} bytes of memory",
                    "cut the layer into several, or raise GEOPF_JOB_MEMORY_BYTES",
                )
            on_read(number, read)
    return survey


def _take(
    batch: pa.RecordBatch,
    geometries: NDArray[np.object_],
    way: Transformer | None,
    attributes: pa.Schema,
    spill: Spill,
    survey: Survey,
) -> None:
    if way is not None:
        geometries = shapely.transform(geometries, lambda c: _move(c, way), include_z=None)
    usable = np.isfinite(shapely.bounds(geometries).reshape(-1, 4)).all(axis=1)
    survey.dropped += int((~usable).sum())
    rows = np.flatnonzero(usable)
    geometries = geometries[rows]
    areas = (shapely.get_dimensions(geometries) == _AREA) & (shapely.get_type_id(geometries) != _COLLECTION)
    geometries[areas], mended, tangled = mend(geometries[areas])
    survey.mended += mended
    if tangled:
        there = ~shapely.is_missing(geometries)
        survey.tangled += (rows[~there] + survey.read).tolist()
        rows, geometries = rows[there], geometries[there]
    survey.rows.append(rows + survey.read)
    survey.read += batch.num_rows
    _look(geometries, survey)
    wkb = pa.array(shapely.to_wkb(geometries, output_dimension=3, flavor="iso"), pa.binary())
    survey.lengths.append(pc.binary_length(wkb).to_numpy().astype(np.int64))
    kept = batch.take(pa.array(rows))
    columns = [_column(kept, field, survey) for field in attributes]
    spill.write(pa.RecordBatch.from_arrays([*columns, wkb], schema=attributes.append(GEOMETRY)))


def _move(coordinates: NDArray[np.float64], way: Transformer) -> NDArray[np.float64]:
    """Transform x and y; heights stay as they are."""
    x, y = way.transform(coordinates[:, 0], coordinates[:, 1])
    return np.column_stack([x, y, coordinates[:, 2:]])


def _look(geometries: NDArray[np.object_], survey: Survey) -> None:
    survey.bounds.append(shapely.bounds(geometries).reshape(-1, 4))
    names, deep = _TYPES[shapely.get_type_id(geometries)], shapely.has_z(geometries)
    survey.types |= {str(name) for name in np.unique(names[~deep])}
    survey.types |= {f"{name} Z" for name in np.unique(names[deep])}
    survey.flattened += int(shapely.has_m(geometries).sum())
    if deep.any():
        z = shapely.get_coordinates(geometries[deep], include_z=True)[:, 2]
        z = z[np.isfinite(z)]
        survey.z_range = (
            float(z.min(initial=survey.z_range[0])),
            float(z.max(initial=survey.z_range[1])),
        )


def _column(batch: pa.RecordBatch, field: pa.Field, survey: Survey) -> pa.Array:
    position = batch.schema.get_field_index(field.name)
    if position < 0:
        return pa.nulls(batch.num_rows, field.type)
    column = batch.column(position)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column, mended = mend_text(column)
        survey.texts += mended
    if pa.types.is_nested(column.type) and not column.type.equals(field.type):
        column = tile_column(column)
    return column.cast(field.type)


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one.equals(other):
        return one
    fields = [pa.schema([("a", one)]), pa.schema([("a", other)])]
    try:
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except pa.ArrowTypeError:
        return pa.string()
