"""tiler.archive.spool: tiles kept across runs, each content once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadSource, Conflict
from tiler.archive.spool import Spool


def filled(folder, tiles):
    spool = Spool(folder)
    for identifier, data in tiles:
        spool.add(identifier, data)
    return spool


def listed(spool):
    contents = spool.contents()
    return {
        int(one): spool.read(contents, int(number)) for one, number in zip(contents.ids, contents.content, strict=True)
    }


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from([b"", b"a", b"bb", b"ccc", b"dd"]))))
def test_tiles_come_back_sorted_the_first_of_each_id_and_each_content_once(tmp_path_factory, tiles):
    with filled(tmp_path_factory.mktemp("s"), tiles) as spool:
        contents = spool.contents()
        expected = {}
        for identifier, data in tiles:
            if data:
                expected.setdefault(identifier, data)
        assert listed(spool) == expected
        assert contents.ids.tolist() == sorted(expected)
        assert len(contents.lengths) == len(set(expected.values()))
        assert contents.repeated == sum(bool(data) for _, data in tiles) - len(expected)
        firsts = np.unique(contents.content, return_index=True)[1]
        assert bool((np.diff(firsts) > 0).all()), "contents are numbered as they come"


def test_the_next_run_goes_on_after_the_last_tile(tmp_path):
    with filled(tmp_path / "s", [(3, b"abc"), (4, b""), (7, b"de")]):
        pass
    with Spool(tmp_path / "s") as again:
        assert (again.last, again.tiles, again.blank, again.size) == (7, 2, 1, 5)
        again.add(9, b"f")
        assert listed(again) == {3: b"abc", 7: b"de", 9: b"f"}


@pytest.mark.parametrize(("tiles_cut", "journal_cut"), [(1, 0), (0, 1), (2, 39), (0, 41), (5, 0), (6, 80)])
def test_a_run_that_was_cut_keeps_the_tiles_that_are_whole(tmp_path, tiles_cut, journal_cut):
    with filled(tmp_path / "s", [(3, b"abc"), (5, b"de"), (7, b"f")]):
        pass
    for name, cut in (("tiles", tiles_cut), ("journal", journal_cut)):
        path = tmp_path / "s" / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size - cut])
    whole = min(sum(end <= 6 - tiles_cut for end in (3, 5, 6)), (120 - journal_cut) // 40)
    with Spool(tmp_path / "s") as again:
        kept = dict([(3, b"abc"), (5, b"de"), (7, b"f")][:whole])
        assert listed(again) == kept
        again.add(8, b"new")
        assert listed(again) == kept | {8: b"new"}


def test_bytes_that_changed_on_the_disk_are_noticed(tmp_path):
    with filled(tmp_path / "s", [(3, b"abc")]):
        pass
    (tmp_path / "s" / "tiles").write_bytes(b"abd")
    with Spool(tmp_path / "s") as again, pytest.raises(BadSource, match="not written whole"):
        again.read(again.contents(), 0)


def test_two_programs_never_write_to_one_spool(tmp_path):
    with Spool(tmp_path / "s"), pytest.raises(Conflict, match="another program"):
        Spool(tmp_path / "s")
    with Spool(tmp_path / "s") as after:
        assert after.last == -1


def test_a_spool_can_be_begun_anew(tmp_path):
    with filled(tmp_path / "s", [(3, b"abc")]) as spool:
        spool.clear()
        assert (spool.last, spool.tiles, spool.size) == (-1, 0, 0)
        spool.add(1, b"z")
        assert listed(spool) == {1: b"z"}
