"""Which features a query asks for: row groups that may hold them, read in batches and looked at."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.changes import Change
from core.errors import BadRequest, BadSource
from core.layer import Bounds
from tiler.vector.attributes import tile_kind
from tiler.vector.changed_rows import put_in, rows_of
from tiler.vector.geoparquet import COVERING
from tiler.vector.query.condition import Condition
from tiler.vector.query.footer import Footer, GroupStatistics
from tiler.vector.query.ranged import RangedFile
from tiler.vector.query.values import Rows, comparable

BATCH_ROWS = 4096
"""Features decoded at once."""

ROW = "__row"
"""Column with the number of each feature, which is its id."""


_MOST_ORDERS = 8


class Order(msgspec.Struct, frozen=True):
    """An attribute by which answers are sorted."""

    name: str
    descending: bool = False


def parse_orders(text: str) -> tuple[Order, ...]:
    """Return the orders of `sortby`: names with commas between them, each with `+` or `-` before it or neither.

    Raises:
        BadRequest: A name is empty.
    """
    parts = [part.strip() for part in text.split(",")]
    orders = tuple(Order(part[1:] if part[:1] in {"+", "-"} else part, part[:1] == "-") for part in parts)
    if not all(order.name for order in orders) or len(orders) > _MOST_ORDERS:
        raise BadRequest(f"{text[:80]!r} is no order", f"write name,-height, {_MOST_ORDERS} attributes at most")
    return orders


class Selection(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A query bound to one version of a file."""

    footer: Footer
    condition: Condition
    answer: tuple[str, ...]
    """Columns that are given of each feature, in their order."""
    changes: Mapping[int, Change] = {}
    """Features that are not as the file has them, by their numbers."""
    sparse: bool = False
    """Some rows are those of removed features."""

    @property
    def first_rows(self) -> tuple[int, ...]:
        """As `Footer.first_rows`; features that came since the file was written are one row group more."""
        stored = self.footer.first_rows
        end = max(self.changes, default=-1) + 1
        return (*stored, end) if end > stored[-1] else stored


def attributes(footer: Footer) -> pa.Schema:
    """Return the columns of a file that are attributes."""
    apart = {footer.geo.name, footer.geo.covering}
    return pa.schema([field for field in footer.schema if field.name not in apart and tile_kind(field.type)])


def choose_properties(schema: pa.Schema, names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the attributes of an answer: all of them for None.

    Raises:
        BadRequest: The layer has no such attribute.
    """
    chosen = tuple(schema.names) if names is None else tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in schema.names:
            raise BadRequest(f"the layer has no property {name!r:.80}", f"it has {', '.join(schema.names):.500}")
    return chosen


def candidates(selection: Selection) -> list[int]:
    """Return the row groups that may hold what is wanted, by their statistics."""
    stored = selection.footer.metadata.num_row_groups
    groups = range(len(selection.first_rows) - 1)
    ends = np.asarray(selection.first_rows[1:])
    changed = set(np.searchsorted(ends, np.fromiter(selection.changes, np.int64), side="right").tolist())
    return [
        group
        for group in groups
        if group in changed or (group < stored and selection.condition.may(GroupStatistics(selection.footer, group)))
    ]


def cost(selection: Selection, groups: Sequence[int]) -> int:
    """Return the stored bytes of the columns that a query reads in row groups."""
    names = set(_read_names(selection))
    stored = selection.footer.metadata.num_row_groups
    return sum(GroupStatistics(selection.footer, group).bytes(names) for group in groups if group < stored)


def scan(file: RangedFile, selection: Selection, groups: Sequence[int], *, first_row: int = 0) -> Iterator[pa.Table]:
    """Yield the features wanted, in the order of the file, with their numbers in the column `ROW`.

    Args:
        file: The object.
        selection: What is asked.
        groups: Row groups to look at, ascending.
        first_row: Features before it are left out.

    Raises:
        BadSource: The file is damaged.
        PreconditionFailed: It is another one by now.
        Unavailable: The store does not answer.
    """
    footer = selection.footer
    names = _read_names(selection)
    for group in groups:
        row = selection.first_rows[group]
        if selection.first_rows[group + 1] <= first_row:
            continue
        for table in _tables(file, selection, group, names):
            rows = np.arange(row, row + table.num_rows)
            row += table.num_rows
            chosen = np.flatnonzero((rows >= first_row) & _present(table, selection))
            chosen = chosen[_inside(table.take(chosen), selection)] if chosen.size else chosen
            if chosen.size == 0:
                continue
            near = table.take(chosen)
            holds = selection.condition.holds(Rows(near, footer.geo.name))
            mask = np.full(len(chosen), bool(holds.as_py())) if isinstance(holds, pa.Scalar) else _mask(holds)
            if mask.any():
                yield (
                    near.filter(pa.array(mask))
                    .select(list(selection.answer))
                    .append_column(ROW, pa.array(rows[chosen][mask]))
                )


def _tables(file: RangedFile, selection: Selection, group: int, names: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows of a row group as they are now, some thousand at a time."""
    footer, row = selection.footer, selection.first_rows[group]
    geo = footer.geo
    if group < footer.metadata.num_row_groups:
        for batch in batches(file, footer, group, names):
            yield put_in(pa.table(batch), row, selection.changes, geo.name, geo.covering)
            row += batch.num_rows
        return
    schema = pa.schema([footer.schema.field(name) for name in names])
    for first in range(row, selection.first_rows[group + 1], BATCH_ROWS):
        numbers = range(first, min(first + BATCH_ROWS, selection.first_rows[group + 1]))
        yield rows_of([selection.changes.get(number) for number in numbers], schema, geo.name, geo.covering)


def _present(table: pa.Table, selection: Selection) -> NDArray[np.bool_]:
    """Tell which rows are those of features that are there."""
    if not selection.sparse:
        return np.ones(table.num_rows, np.bool_)
    return np.asarray(table.column(selection.footer.geo.name).is_valid().to_numpy(), np.bool_)


def batches(file: RangedFile, footer: Footer, group: int, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the columns with these names of a row group, `BATCH_ROWS` features at a time.

    Raises:
        BadSource: The file is damaged.
    """
    try:
        with pq.ParquetFile(pa.PythonFile(file, mode="r"), metadata=footer.metadata, pre_buffer=True) as opened:
            yield from opened.iter_batches(BATCH_ROWS, row_groups=[group], columns=list(names), use_threads=False)
    except (pa.ArrowException, OSError) as err:
        raise BadSource(f"{footer.info.key} cannot be read ({' '.join(str(err).split())[:200]})") from err


def take(file: RangedFile, selection: Selection, rows: NDArray[np.int64]) -> pa.Table:
    """Return features by their numbers, in the order of the numbers; neither conditions nor removals are looked at.

    Args:
        file: The object.
        selection: What is given of each.
        rows: Numbers in the file, each once, shape (n,).
    """
    footer = selection.footer
    kept = list(selection.answer)
    ordered = np.sort(rows)
    group_of = np.searchsorted(np.asarray(selection.first_rows), ordered, side="right") - 1
    found = []
    for group in np.unique(group_of):
        row = selection.first_rows[group]
        for table in _tables(file, selection, int(group), _read_names(selection, checking=False)):
            places = ordered[(ordered >= row) & (ordered < row + table.num_rows)]
            found.append(table.take(places - row).select(kept).append_column(ROW, pa.array(places)))
            row += table.num_rows
    if not found:
        return pa.schema([footer.schema.field(name) for name in kept]).append(pa.field(ROW, pa.int64())).empty_table()
    return pa.concat_tables(found).take(np.argsort(np.argsort(rows)))


def sort_rows(
    file: RangedFile, selection: Selection, groups: Sequence[int], orders: Sequence[Order]
) -> NDArray[np.int64]:
    """Return the numbers of all features wanted, sorted; missing values last, ties by number.

    Only the sorted attributes and the numbers are kept in memory.
    """
    keys = msgspec.structs.replace(selection, answer=tuple(dict.fromkeys(order.name for order in orders)))
    found = [
        pa.table({**{str(i): comparable(part[o.name].combine_chunks()) for i, o in enumerate(orders)}, ROW: part[ROW]})
        for part in scan(file, keys, groups)
    ]
    if not found:
        return np.empty(0, np.int64)
    table = pa.concat_tables(found).combine_chunks()
    by = [(str(i), "descending" if one.descending else "ascending", "at_end") for i, one in enumerate(orders)]
    places = pc.sort_indices(table, sort_keys=[*by, (ROW, "ascending", "at_end")])
    return np.asarray(table[ROW].take(places))


def _read_names(selection: Selection, *, checking: bool = True) -> list[str]:
    """Return the columns to read: those of the answer and, when `checking`, those that conditions look at."""
    footer, names = selection.footer, set(selection.answer)
    if checking:
        names |= selection.condition.columns
        if selection.condition.box is not None and footer.geo.covering:
            names.add(footer.geo.covering)
        if selection.sparse:
            names.add(footer.geo.name)
    return [name for name in footer.schema.names if name in names] or [footer.geo.covering or footer.geo.name]


def _inside(table: pa.Table, selection: Selection) -> NDArray[np.bool_]:
    """Tell of which features the box meets the one wanted, from the covering column."""
    covering, wanted = selection.footer.geo.covering, selection.condition.box
    if wanted is None or not covering:
        return np.ones(table.num_rows, np.bool_)
    column = table.column(covering).combine_chunks()
    return _meet([column.field(corner).to_numpy(zero_copy_only=False) for corner in COVERING], wanted)


def _meet(boxes: list[NDArray[np.float64]], wanted: Bounds) -> NDArray[np.bool_]:
    """Tell which boxes, given by their sides, meet one."""
    west, south, east, north = wanted
    found: NDArray[np.bool_] = (boxes[0] <= east) & (boxes[2] >= west) & (boxes[1] <= north) & (boxes[3] >= south)
    return found


def _mask(holds: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(holds, False).to_numpy(zero_copy_only=False), dtype=np.bool_)
