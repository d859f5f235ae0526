"""Tiles of archives that lie in a folder: sent inline, and the same as those of a store that is far."""

import asyncio
import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pmtiles.tile import Compression

from core.directory import DirectoryStore
from core.errors import BadSource, GeoplateformeError
from core.layer import ArchiveSource, PublishedLayer
from core.open_files import SEEN_S
from core.table import LayerTable
from tests.doubles import MemoryStore
from tests.tiler.archive.made import photo, picture, pmtiles
from tests.wire import Wire, scope
from tiler.app import create_tiler
from tiler.archive.archives import NOWHERE, Archives
from tiler.archive.tile_id import tile_id, tile_place
from tiler.settings import TilerSettings

MVT = {(z, x, y): b"\x1a\x02" + b"%d/%d/%d" % (z, x, y) * 40 for z in range(4) for x in range(1 << z) for y in range(z)}
PACKED = {place: gzip.compress(data) for place, data in MVT.items()}
PICTURES = {(z, x, 0): picture(photo(4 * z + x), "png" if x else "jpg") for z in range(3) for x in range(1 << z)}
KINDS = {
    "mvt": (pmtiles(PACKED, "mvt", compression=Compression.GZIP), "mvt"),
    "plain-mvt": (pmtiles(MVT, "mvt"), "mvt"),
    "png": (pmtiles(PICTURES), "png"),
    "packed-png": (
        pmtiles({place: gzip.compress(data) for place, data in PICTURES.items()}, compression=Compression.GZIP), "png"
    ),
}  # fmt: skip


def layer_of(name, kind):
    source = ArchiveSource(href=f"{name}.pmtiles", tile_type=kind, max_zoom=3)
    box = (-180.0, -85.05, 180.0, 85.05)
    return PublishedLayer(name=name, title="", offering="o", source=source, bbox=box, sample=(2.5, 46.5), version="1")


class Served:
    """The application over all kinds of archives; nothing is kept of tiles."""

    def __init__(self, store):
        self.store, self.table = store, LayerTable()
        self.table.replace(1, [layer_of(name, kind) for name, (_, kind) in KINDS.items()])
        self.app, self.pool = create_tiler(self.table, store, TilerSettings(tile_cache_bytes=1))

    async def __call__(self, path, method="GET", **headers):
        wire = Wire()
        await self.app(scope(f"/tiles/{path}", method, **headers), None, wire)
        return wire


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("objects")
    for name, (data, _) in KINDS.items():
        (made / f"{name}.pmtiles").write_bytes(data)
    return made


@pytest.fixture(scope="module")
def both(folder):
    """The same archives in a folder, and in a store that is far."""
    far = MemoryStore()
    far.objects = {f"{name}.pmtiles": data for name, (data, _) in KINDS.items()}
    made = Served(DirectoryStore(folder)), Served(far)
    yield made
    for one in made:
        one.pool.close()


@pytest.fixture
def near(tmp_path):
    """An archive of its own in a folder."""
    (tmp_path / "mvt.pmtiles").write_bytes(KINDS["mvt"][0])
    made = Served(DirectoryStore(tmp_path))
    yield made
    made.pool.close()


def told(wire):
    """Status, fields and body; not the plan and its times, which tell whether an answer was given before."""
    headers = {name: value for name, value in wire.headers.items() if name != "server-timing"}
    return wire.status, headers, wire.body


ADDRESSES = st.tuples(
    st.sampled_from(sorted(KINDS)), st.integers(0, 4), st.integers(0, 3), st.integers(0, 3),
    st.sampled_from(["mvt", "pbf", "png", "jpg", "jpeg", "webp"]),
    st.sampled_from(["GET", "HEAD"]),
    st.sampled_from(["", "gzip", "identity", "br, gzip;q=0.5", "gzip;q=0"]),
    st.booleans(),
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(ADDRESSES)
async def test_answers_are_those_of_a_store_that_is_far(both, asked):
    name, z, x, y, extension, method, accepted, again = asked
    headers = {"accept_encoding": accepted} if accepted else {}
    answers = []
    for one in both:
        try:
            wire = await one(f"{name}/PM/{z}/{x}/{y}.{extension}", method, **headers)
            if again:
                wire = await one(f"{name}/PM/{z}/{x}/{y}.{extension}", method, **headers)
                known = await one(
                    f"{name}/PM/{z}/{x}/{y}.{extension}", method, if_none_match=wire.headers["etag"], **headers
                )
                assert (known.status, known.body) == (304, b"")
            answers.append(told(wire))
            if wire.status == 200 and method == "GET" and name.endswith("mvt"):
                packed = wire.headers.get("content-encoding") == "gzip"
                assert packed == ("gzip" in accepted and "q=0" not in accepted.replace("q=0.5", ""))
                assert (gzip.decompress(wire.body) if packed else wire.body) == MVT[z, x, y]
        except GeoplateformeError as error:
            answers.append((type(error), str(error)))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(("name", "extension", "stored"), [("mvt", "mvt", PACKED), ("png", "png", PICTURES)])
async def test_a_tile_as_it_is_stored_takes_no_task_and_no_thread(folder, monkeypatch, name, extension, stored):
    served = Served(DirectoryStore(folder))
    await served(f"{name}/PM/1/1/0.{extension}", accept_encoding="gzip")
    monkeypatch.setattr(served.pool, "run", None)
    monkeypatch.setattr(asyncio, "to_thread", None)
    monkeypatch.setattr(asyncio, "ensure_future", None)
    monkeypatch.setattr(served.store, "get_range", None)
    for place in [(2, 1, 0), (2, 3, 0)]:
        wire = await served("{}/PM/{}/{}/{}.{}".format(name, *place, extension), accept_encoding="gzip")
        assert (wire.status, wire.body) == (200, stored[place])
        assert wire.headers["server-timing"].startswith("plan;desc=archive, tile;dur=")
    nothing = await served(f"{name}/PM/2/1/3.{extension}", accept_encoding="gzip")
    assert nothing.status == 204
    assert nothing.headers["server-timing"].startswith("plan;desc=outside")
    served.pool.close()


async def test_a_replaced_archive_is_served_from_then_on_and_a_removed_one_is_missing(near, tmp_path):
    assert (await near("mvt/PM/1/0/0.mvt")).body == MVT[1, 0, 0]
    assert (await near("mvt/PM/1/1/0.mvt")).body == MVT[1, 1, 0]
    other = {place: b"\x1a\x02another" + data for place, data in MVT.items()}
    await DirectoryStore(tmp_path).put("mvt.pmtiles", pmtiles(other, "mvt"))
    await asyncio.sleep(2 * SEEN_S)
    for place in ((1, 0, 0), (1, 1, 0)):
        assert (await near("mvt/PM/{}/{}/{}.mvt".format(*place))).body == other[place]
    (tmp_path / "mvt.pmtiles").unlink()
    await asyncio.sleep(2 * SEEN_S)
    with pytest.raises(BadSource, match=r"mvt\.pmtiles is not"):
        await near("mvt/PM/1/0/0.mvt")


async def test_a_tile_asked_again_is_read_again_until_the_archive_is_replaced(near, tmp_path):
    path, packed = "mvt/PM/2/3/1.mvt", {"accept_encoding": "gzip, br"}
    first, second, third = [await near(path, **packed) for _ in range(3)]
    assert (third.status, third.body) == (200, PACKED[2, 3, 1])
    assert third.headers == second.headers | {"server-timing": "plan;desc=archive"}
    assert set(first.headers) == set(third.headers)
    assert (await near(path)).body == MVT[2, 3, 1]
    assert (await near(path, "HEAD", **packed)).body == b""
    assert (await near(path, if_none_match=third.headers["etag"], **packed)).status == 304
    other = {place: b"\x1a\x02another" + data for place, data in MVT.items()}
    await DirectoryStore(tmp_path).put("mvt.pmtiles", pmtiles(other, "mvt"))
    await asyncio.sleep(2 * SEEN_S)
    assert gzip.decompress((await near(path, **packed)).body) == other[2, 3, 1]


async def test_an_archive_that_was_cut_short_is_damaged(near, tmp_path):
    path = "mvt/PM/3/7/2.mvt"
    assert (await near(path, accept_encoding="gzip")).body == PACKED[3, 7, 2]
    whole = (tmp_path / "mvt.pmtiles").read_bytes()
    with (tmp_path / "mvt.pmtiles").open("r+b") as file:
        file.truncate(len(whole) - 10)
    await asyncio.sleep(2 * SEEN_S)
    broken = []
    for place, stored in PACKED.items():
        try:
            wire = await near("mvt/PM/{}/{}/{}.mvt".format(*place), accept_encoding="gzip")
        except BadSource as error:
            broken.append(error.message)
        else:
            assert wire.body == stored
    assert broken == [f"mvt.pmtiles is cut off before byte {len(whole)}"]


async def test_many_at_once_get_each_their_own(both):
    near, _ = both
    places = [place for place in PACKED for _ in range(3)]
    answers = await asyncio.gather(
        *(near("mvt/PM/{}/{}/{}.mvt".format(*place), accept_encoding="gzip") for place in places)
    )
    assert [wire.body for wire in answers] == [PACKED[place] for place in places]


async def test_what_the_directories_in_memory_do_not_tell_is_not_near(tmp_path):
    ids = np.unique(np.random.default_rng(2).integers(1, 1 << 30, 20_000)).tolist()
    tiles = {tile_place(one): b"%d" % one * (1 + one % 11) for one in ids}
    (tmp_path / "a.pmtiles").write_bytes(pmtiles(tiles))
    archives = Archives(DirectoryStore(tmp_path), 1 << 24)
    archive = await archives.get("a.pmtiles")
    assert archive.header.leaf_length > 0
    identifier = tile_id(*tile_place(ids[500]))
    assert archives.find_near(archive, identifier) is None
    span = await archives.find(archive, identifier)
    assert archives.find_near(archive, identifier) == span
    assert archives.find_near(archive, identifier + 1) is NOWHERE
    assert await archives.read(archive, span) == tiles[tile_place(identifier)]
    assert archives.near_reader(archive, span)() == tiles[tile_place(identifier)]
