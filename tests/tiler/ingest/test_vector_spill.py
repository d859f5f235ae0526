"""tiler.ingest.vector_spill: what is written is read in any order."""

import numpy as np
import pyarrow as pa

from tiler.ingest.vector_spill import Spill

SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.string())])


def batch(start, stop):
    return pa.record_batch({"n": list(range(start, stop)), "text": [str(n) for n in range(start, stop)]}, SCHEMA)


def test_rows_come_back_in_the_order_asked(tmp_path):
    order = np.random.default_rng(0).permutation(1_000)
    with Spill(tmp_path / "a.arrow", SCHEMA) as spill:
        for start, stop in ((0, 10), (10, 10), (10, 700), (700, 1_000)):
            spill.write(batch(start, stop))
        assert spill.rows == 1_000
        tables = list(spill.read(iter(np.array_split(order, 7))))
    assert [n for table in tables for n in table["n"].to_pylist()] == order.tolist()
    assert [t for table in tables for t in table["text"].to_pylist()] == [str(n) for n in order]


def test_nothing_stays_on_disk(tmp_path):
    with Spill(tmp_path / "a.arrow", SCHEMA) as spill:
        spill.write(batch(0, 5))
    assert list(tmp_path.iterdir()) == []
