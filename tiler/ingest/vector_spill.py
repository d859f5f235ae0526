"""Features on disk between reading and sorting, so that memory holds their places and not themselves."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Spill:
    """Record batches written to an Arrow file, then read again in any order through a memory map."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._writer = pa.ipc.new_file(str(path), schema)
        self._starts = [0]

    @property
    def rows(self) -> int:
        """Rows written."""
        return self._starts[-1]

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        if batch.num_rows:
            self._writer.write_batch(batch)
            self._starts.append(self.rows + batch.num_rows)

    def read(self, groups: Iterator[NDArray[np.int64]]) -> Iterator[pa.Table]:
        """Yield the rows of each group, in the order of the group. Nothing is written afterwards.

        Args:
            groups: Row numbers, shape (n,) each.
        """
        self._writer.close()
        starts = np.array(self._starts)
        with pa.memory_map(str(self._path)) as mapped:
            reader = pa.ipc.open_file(mapped)
            for rows in groups:
                sources = np.searchsorted(starts, rows, side="right") - 1
                order = np.argsort(sources, kind="stable")
                batches = []
                for source in np.unique(sources):
                    chosen = order[sources[order] == source]
                    batches.append(reader.get_batch(int(source)).take(pa.array(rows[chosen] - starts[source])))
                gathered = pa.Table.from_batches(batches, self._schema).combine_chunks()
                back = np.empty_like(order)
                back[order] = np.arange(len(order))
                yield gathered.take(pa.array(back))

    def __enter__(self) -> "Spill":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        self._path.unlink(missing_ok=True)
