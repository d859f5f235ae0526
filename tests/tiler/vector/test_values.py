"""tiler.vector.values: each value once, however the column came in parts, and every row finds its own."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tiler.vector.values import ValueWriter, decode_values, hashes_of

texts = st.one_of(st.none(), st.sampled_from(["a", "b", "é", "", "aa"]), st.text(max_size=4))


@given(st.lists(st.lists(texts, max_size=12), min_size=1, max_size=5), st.data())
def test_values_are_found_again_and_stored_once(parts, data):
    count = sum(len(part) for part in parts)
    numbers = data.draw(st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=count, max_size=count))
    writer = ValueWriter(np.zeros((count, 2), np.uint32))
    writer.add(0, [pa.array(part, pa.string()) for part in parts])
    writer.add(1, [pa.array(numbers, pa.int64())])
    values = writer.finish(("t", "n"), np.arange(count, dtype=np.uint64))
    rows = [tuple(decode_values(values, codes)) for codes in values.codes.tolist()]
    flat = [one for part in parts for one in part]
    assert rows == list(zip(flat, numbers, strict=True))
    assert len(values.ends) - 2 == len({one for one in flat if one is not None} | set()) + len(set(numbers) - {None})
    owners = np.array(
        [0 if code <= len(set(flat) - {None}) else 1 for code in range(1, len(values.ends) - 1)], np.int64
    )
    assert sorted(hashes_of(owners, values.ends, values.messages).tolist()) == values.hashes.tolist()


def test_numbers_that_are_none_are_missing():
    writer = ValueWriter(np.zeros((3, 1), np.uint32))
    writer.add(0, [pa.array([1.5, float("nan"), None])])
    values = writer.finish(("h",), np.arange(3, dtype=np.uint64))
    assert values.codes[:, 0].tolist() == [1, 0, 0]
    assert values.fields[0].type == "double"


def test_values_that_many_rows_have_weigh_less():
    writer = ValueWriter(np.zeros((64, 2), np.uint32))
    writer.add(0, [pa.array(["Indifférenciée"] * 64)])
    writer.add(1, [pa.array([f"B{n}" for n in range(64)])])
    fields = writer.finish(("nature", "cleabs"), np.arange(64, dtype=np.uint64)).fields
    assert [field.thrift for field in fields] == [5, 0]
