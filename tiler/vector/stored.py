"""Shapes and attributes on disk: arrays in Arrow IPC files, mapped into memory and not read.

A file is a table whose columns are lists of numbers. That of shapes has a row for each
level, that of attributes a single one; what is no array stands as JSON in the metadata
of the schema.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.errors import BadSource
from tiler.vector.grid import Grid
from tiler.vector.levels import Level
from tiler.vector.shapes import Shapes
from tiler.vector.values import Field, Values

FORMAT = 2
"""Changed whenever files written before cannot be read any more."""

_KEY = b"geoplateforme"

_SHAPES = {
    "shift": pa.int64(),
    "kinds": pa.uint8(),
    "rows": pa.uint32(),
    "parts": pa.uint32(),
    "ends": pa.uint32(),
    "vertices": pa.int32(),
    "boxes": pa.int32(),
    "tree": pa.int32(),
    "shown": pa.uint8(),
    "touched": pa.int32(),
    "editions": pa.int64(),
}
_VALUES = {
    "ids": pa.uint64(),
    "codes": pa.uint32(),
    "ends": pa.int64(),
    "messages": pa.uint8(),
    "hashes": pa.int64(),
    "hashed": pa.uint32(),
}


class _About(msgspec.Struct, frozen=True, kw_only=True):
    """What is no array."""

    format: int
    grid: Grid | None = None
    fields: tuple[Field, ...] = ()


def write_levels(path: Path, grid: Grid, levels: Iterable[Level]) -> None:
    """Write the shapes of a layer, one level after the other as they come.

    Args:
        path: The file to make.
        grid: Their grid.
        levels: The features as they are, then generalised ones from fine to coarse.
    """
    _write(path, _About(format=FORMAT, grid=grid), _SHAPES, map(_row, levels))


def _row(level: Level) -> Mapping[str, NDArray[Any]]:
    return {
        "shift": np.array([level.shift]),
        **{name: getattr(level.shapes, name) for name in ("kinds", "rows", "parts", "ends", "vertices")},
        **{name: getattr(level, name) for name in ("boxes", "tree", "shown", "touched", "editions")},
    }


def write_values(path: Path, values: Values) -> None:
    """Write the attributes of a layer."""
    row = {name: getattr(values, name) for name in _VALUES}
    _write(path, _About(format=FORMAT, fields=values.fields), _VALUES, [row])


def open_levels(path: Path) -> tuple[Grid, tuple[Level, ...]]:
    """Map the shapes of a layer.

    Raises:
        BadSource: The file is missing, damaged, or of another kind.
    """
    about, rows = _open(path, _SHAPES)
    if about.grid is None or not rows:
        raise BadSource(f"{path.name} holds no shapes", "store the layer again")
    return about.grid, tuple(_level(path, row) for row in rows)


def open_values(path: Path) -> Values:
    """Map the attributes of a layer.

    Raises:
        BadSource: The file is missing, damaged, or of another kind.
    """
    about, rows = _open(path, _VALUES)
    if len(rows) != 1 or len(rows[0]["codes"]) != len(rows[0]["ids"]) * len(about.fields):
        raise BadSource(f"{path.name} holds no attributes", "store the layer again")
    row = rows[0]
    codes = row["codes"].reshape(len(row["ids"]), len(about.fields))
    if len(row["hashes"]) != len(row["hashed"]) or len(row["hashes"]) != len(row["ends"]) - 2:
        raise BadSource(f"the arrays of {path.name} do not fit together", "store the layer again")
    return Values(about.fields, row["ids"], codes, row["ends"], row["messages"], row["hashes"], row["hashed"])


def _level(path: Path, row: dict[str, NDArray[Any]]) -> Level:
    count = len(row["kinds"])
    fits = (
        len(row["shift"]) == 1
        and len(row["parts"]) == count + 1
        and len(row["boxes"]) == 4 * count
        and len(row["rows"]) == count
    )
    fits = fits and len(row["shown"]) in {0, count} and len(row["touched"]) == 4 * len(row["editions"])
    if not fits or len(row["ends"]) != int(row["parts"][-1]) + 1 or len(row["vertices"]) != 2 * int(row["ends"][-1]):
        raise BadSource(f"the arrays of {path.name} do not fit together", "store the layer again")
    shapes = Shapes(row["kinds"], row["rows"], row["parts"], row["ends"], row["vertices"].reshape(-1, 2))
    return Level(
        int(row["shift"][0]),
        shapes,
        row["boxes"].reshape(-1, 4),
        row["tree"].reshape(-1, 4),
        row["shown"],
        row["touched"].reshape(-1, 4),
        row["editions"],
    )


def _write(
    path: Path, about: _About, types: Mapping[str, pa.DataType], rows: Iterable[Mapping[str, NDArray[Any]]]
) -> None:
    schema = pa.schema([(name, pa.large_list(kind)) for name, kind in types.items()])
    with pa.ipc.new_file(str(path), schema.with_metadata({_KEY: msgspec.json.encode(about)})) as writer:
        for row in rows:
            lists = [_list(row[name], kind) for name, kind in types.items()]
            writer.write_batch(pa.RecordBatch.from_arrays(lists, schema=schema))


def _list(array: NDArray[Any], kind: pa.DataType) -> pa.Array:
    flat = np.ascontiguousarray(array).reshape(-1)
    values = pa.Array.from_buffers(kind, len(flat), [None, pa.py_buffer(flat)])
    return pa.LargeListArray.from_arrays(pa.array([0, len(flat)], pa.int64()), values)


def _open(path: Path, types: Mapping[str, pa.DataType]) -> tuple[_About, list[dict[str, NDArray[Any]]]]:
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        about = msgspec.json.decode((reader.schema.metadata or {}).get(_KEY, b""), type=_About)
        if about.format != FORMAT:
            raise BadSource(f"{path.name} has format {about.format}, not {FORMAT}", "store the layer again")
        if reader.schema.names != list(types):
            raise BadSource(f"{path.name} holds something else", "store the layer again")
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        return about, [
            {name: np.asarray(batch.column(name).values.to_numpy(zero_copy_only=True)) for name in types}
            for batch in batches
        ]
    except (pa.ArrowException, OSError, msgspec.DecodeError) as err:
        raise BadSource(f"{path.name} cannot be read ({' '.join(str(err).split())[:200]})") from err
