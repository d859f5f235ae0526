"""A producer's vector file: opened, looked at, and refused with a reason where it cannot be taken."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import CRSError as PyogrioCRSError
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError

from core.errors import BadSource, InputRefused
from tiler.ingest.vector_files import inside_zip, listed, one_line, opening_options, refuse_indirect
from tiler.vector.geoparquet import parse_geo

_PARQUET = {".parquet", ".geoparquet"}

_READ_ERRORS = (
    DataSourceError,
    DataLayerError,
    PyogrioCRSError,
    pa.ArrowException,
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    RuntimeError,
    ValueError,
)


class VectorInput(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a layer before its features are read."""

    path: str
    """How GDAL or pyarrow opens the file."""
    name: str
    """How a person calls it."""
    layer: str
    """Layer in the file."""
    crs: CRS
    """CRS declared by the producer or read from the file."""
    geometry: str
    """Column of the geometries, WKB."""
    fields: tuple[pa.Field, ...]
    """Attributes, in the types in which `read_batches` gives them."""
    features: int
    """Number of features announced; -1 when counting them would be reading them."""
    options: dict[str, Any]
    """What GDAL needs to read the file."""
    parquet: bool = False
    notices: tuple[str, ...] = ()
    """What the producer should know."""


def look_at(path: str, source_layer: str, declared_crs: str) -> VectorInput:
    """Read what the plan of an ingest needs.

    Args:
        path: Path of the file.
        source_layer: Layer to take; empty for the only one that has geometries.
        declared_crs: CRS given by the producer, empty for the file's own.

    Raises:
        InputRefused: The file cannot be read, holds several layers, no geometry or no feature, or has no CRS.
    """
    if not Path(path).exists():
        raise InputRefused(f"{path} does not exist", "give the path of a vector file")
    if Path(path).suffix.lower() in _PARQUET:
        return _look_at_parquet(path, declared_crs)
    opened, name = inside_zip(path, source_layer) if path.lower().endswith(".zip") else (path, Path(path).name)
    try:
        refuse_indirect(opened, name)
        layer = _choose_layer(opened, name, source_layer)
        options, notices = opening_options(opened, name)
        found = pyogrio.read_info(opened, layer=layer, **_opening(options))
        with pyogrio.open_arrow(opened, layer=layer, use_pyarrow=True, batch_size=1, **options) as (meta, reader):
            schema = reader.schema
    except _READ_ERRORS as err:
        raise _unreadable(name, path, err) from err
    geometry = meta["geometry_name"] or "wkb_geometry"
    if meta["geometry_type"] is None or geometry not in schema.names:
        raise InputRefused(f"{name} has no geometry", "give a layer of points, lines or areas")
    return VectorInput(
        path=opened,
        name=name,
        layer=layer,
        crs=choose_crs(meta["crs"], declared_crs, name),
        geometry=geometry,
        fields=tuple(pa.field(f.name, plain_type(f.type)) for f in schema if f.name != geometry),
        features=int(found["features"]),
        options=options,
        notices=notices,
    )


def read_batches(source: VectorInput, rows: int) -> Iterator[tuple[pa.RecordBatch, NDArray[np.object_]]]:
    """Yield attributes and geometries, `rows` features at a time at most; None for an unreadable geometry.

    Raises:
        InputRefused: The file ends early or is damaged.
    """
    read = 0
    try:
        for batch in _raw_batches(source, rows):
            position = batch.schema.get_field_index(source.geometry)
            wkb = batch.column(position).to_numpy(zero_copy_only=False)
            try:
                geometries = shapely.from_wkb(wkb, on_invalid="fix")
            except NotImplementedError:  # curves, which GDAL makes straight on its other way of reading
                _, _, wkb, _ = pyogrio.raw.read(
                    source.path, layer=source.layer, columns=[], skip_features=read, max_features=batch.num_rows
                )
                geometries = shapely.from_wkb(wkb, on_invalid="fix")
            columns = [_plain_column(batch.column(batch.schema.get_field_index(f.name))) for f in source.fields]
            read += batch.num_rows
            yield _record_batch(columns, source.fields, batch.num_rows), np.asarray(geometries, dtype=object)
    except _READ_ERRORS as err:
        raise _unreadable(source.name, source.path, err) from err
    if read < source.features:
        raise InputRefused(
            f"{source.name} announces {source.features} features and only {read} can be read", "the file is damaged"
        )


def choose_crs(stated: object, declared: str, name: str) -> CRS:
    """Return the CRS a producer declared, else the one a file states.

    Raises:
        InputRefused: There is none, or it cannot be used.
    """
    if not declared and not stated:
        raise InputRefused(f"{name} has no CRS", "declare it, for instance --crs EPSG:2154")
    try:
        return CRS.from_user_input(declared or stated)
    except CRSError as err:
        shown = declared or f"the CRS of {name}"
        raise InputRefused(f"{shown} is not usable ({one_line(err)})", "declare it like --crs EPSG:2154") from err


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type in which values are stored: an extension's storage, a dictionary's values."""
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    return plain_type(kind.value_type) if pa.types.is_dictionary(kind) else kind


def _plain_column(column: pa.Array) -> pa.Array:
    if isinstance(column.type, pa.BaseExtensionType):
        return _plain_column(column.storage)
    return _plain_column(column.dictionary_decode()) if pa.types.is_dictionary(column.type) else column


def _record_batch(columns: list[pa.Array], fields: tuple[pa.Field, ...], rows: int) -> pa.RecordBatch:
    """Build a batch that knows its number of rows even without a column."""
    whole = (
        pa.StructArray.from_arrays(columns, fields=list(fields)) if columns else pa.array([{}] * rows, pa.struct([]))
    )
    return pa.RecordBatch.from_struct_array(whole)


def _raw_batches(source: VectorInput, rows: int) -> Iterator[pa.RecordBatch]:
    if source.parquet:
        with pq.ParquetFile(source.path) as file:
            names = [source.geometry, *(field.name for field in source.fields)]
            yield from file.iter_batches(batch_size=rows, columns=names)
        return
    opening = pyogrio.open_arrow(source.path, layer=source.layer, use_pyarrow=True, batch_size=rows, **source.options)
    with opening as (_, reader):
        yield from reader


def _look_at_parquet(path: str, declared_crs: str) -> VectorInput:
    name = Path(path).name
    try:
        with pq.ParquetFile(path) as file:
            schema, features = file.schema_arrow, file.metadata.num_rows
        geo = parse_geo(schema.metadata)
    except BadSource as err:
        raise InputRefused(f"{name}: {err.message}", err.remedy or "write it again as GeoParquet") from err
    except _READ_ERRORS as err:
        raise _unreadable(name, path, err) from err
    if geo.encoding != "WKB" or geo.name not in schema.names:
        raise InputRefused(
            f"{name} holds its geometries as {geo.encoding!r} in column {geo.name!r}", "write them as WKB"
        )
    return VectorInput(
        path=path,
        name=name,
        layer="",
        crs=choose_crs(geo.crs, declared_crs, name),
        geometry=geo.name,
        fields=tuple(pa.field(f.name, plain_type(f.type)) for f in schema if f.name not in {geo.name, geo.covering}),
        features=features,
        options={},
        parquet=True,
    )


def _choose_layer(opened: str, name: str, wanted: str) -> str:
    layers = [(str(layer), kind) for layer, kind in pyogrio.list_layers(opened)]
    names = [layer for layer, _ in layers]
    if wanted:
        if wanted not in names:
            raise InputRefused(f"{name} has no layer {wanted!r}", f"its layers are {listed(names)}")
        return wanted
    spatial = [layer for layer, kind in layers if kind is not None] or names
    if not spatial:
        raise InputRefused(f"{name} holds no layer", "export it again")
    if len(spatial) > 1:
        raise InputRefused(
            f"{name} holds {len(spatial)} layers: {listed(spatial)}", f"choose one, for instance --layer {spatial[0]}"
        )
    return spatial[0]


def _opening(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that `read_info` takes too: all but how to read text is a matter of opening."""
    return {key: value for key, value in options.items() if key != "encoding"}


def _unreadable(name: str, path: str, error: Exception) -> InputRefused:
    remedy = "a shapefile needs its .shx and .dbf beside it" if name.lower().endswith(".shp") else "export it again"
    reason = one_line(error).split("; It might help")[0].replace(f"'{path}' ", "").replace(f"{path}: ", "")
    return InputRefused(f"{name} cannot be read as vectors ({reason})", remedy)
