"""tiler.archive.archives: what is read of an archive, how often, and what damage does."""

import asyncio
import gzip
import struct

import msgspec
import numpy as np
import pytest
from pmtiles.tile import Entry, serialize_directory, zxy_to_tileid

from core.errors import BadSource, PreconditionFailed, Unavailable
from tests.doubles import MemoryStore
from tests.tiler.archive.made import SHARED, photo, picture, pmtiles, reader
from tiler.archive.archives import MAX_TILE_BYTES, Archives
from tiler.archive.header import HEADER_BYTES, build_header, parse_header
from tiler.archive.tile_id import tile_place

SMALL = {(0, 0, 0): b"zero", (1, 0, 0): b"one", (1, 1, 1): b"one"}
IDS = np.unique(np.random.default_rng(2).integers(1, 1 << 30, 20_000)).tolist()
MANY = {tile_place(one): b"%d" % one * (1 + one % 11) for one in IDS}
"""So many, and so unlike, that there are leaf directories."""


def holding(data):
    store = MemoryStore()
    store.objects["a.pmtiles"] = data
    return store, Archives(store, 1 << 24)


async def tile(archives, *place):
    archive = await archives.get("a.pmtiles")
    span = await archives.find(archive, zxy_to_tileid(*place))
    return None if span is None else await archives.read(archive, span)


def with_leaves(build):
    """The bytes of an archive whose directories `build(leaves, entry)` makes."""
    plain = pmtiles({(0, 0, 0): b"x" * 100})
    header = parse_header(plain)
    root, leaves = build()
    placed = msgspec.structs.replace(
        header, root_length=len(root), leaf_offset=HEADER_BYTES + len(root), leaf_length=len(leaves),
        data_offset=HEADER_BYTES + len(root) + len(leaves), metadata_offset=HEADER_BYTES, metadata_length=0,
    )  # fmt: skip
    return build_header(placed) + root + leaves + b"x" * 100


@pytest.mark.skipif(not SHARED.exists(), reason="the reference data are not beside the project")
@pytest.mark.parametrize(
    "name", ["ne_10m_admin_0_france", "ne_10m_admin_0_france_with_leaf_dir", "stamen_toner(raster)CC-BY+ODbL_z3"]
)
async def test_every_address_of_a_real_archive_gives_what_the_independent_reader_gives(name):
    data = (SHARED / "pmtiles" / f"{name}.pmtiles").read_bytes()
    _, archives = holding(data)
    other, found = reader(data), 0
    for z in range(6):
        for x in range(1 << z):
            for y in range(1 << z):
                expected = other.get(z, x, y)
                assert await tile(archives, z, x, y) == expected
                found += expected is not None
    assert found == parse_header(data).addressed_tiles


async def test_tiles_of_leaf_directories_are_found_and_those_that_are_not_there_are_none():
    data = pmtiles(MANY)
    assert parse_header(data).leaf_length > 0
    _, archives = holding(data)
    for identifier in (0, 1, *IDS[::999], IDS[-1], IDS[7] + 1, IDS[-1] + 1):
        assert await tile(archives, *tile_place(identifier)) == MANY.get(tile_place(identifier))


async def test_a_tile_is_one_read_once_its_directory_is_in_memory():
    store, archives = holding(pmtiles(MANY))
    await tile(archives, *tile_place(IDS[4]))
    assert [what for what, _ in store.calls] == ["get_start", "get_range", "get_range"]
    store.calls.clear()
    await tile(archives, *tile_place(IDS[5]))
    assert [what for what, _ in store.calls] == ["get_range"]
    store.calls.clear()
    assert IDS[5] + 1 < IDS[6]
    assert await tile(archives, *tile_place(IDS[5] + 1)) is None
    assert store.calls == []


async def test_many_that_ask_at_once_read_each_directory_once():
    store, archives = holding(pmtiles(MANY))
    await asyncio.gather(*(tile(archives, *tile_place(one)) for one in IDS[:25]))
    assert [what for what, _ in store.calls].count("get_start") == 1
    assert len(store.calls) == 1 + 1 + 25


async def test_a_root_directory_beyond_the_first_bytes_is_read_too():
    entries = [Entry(zxy_to_tileid(0, 0, 0), 0, 100, 1)] + [
        Entry(9 + 1000 * n * n, n, 7 + n % 90, 1) for n in range(9000)
    ]
    root = serialize_directory(entries)
    assert len(root) > 16384
    _, archives = holding(with_leaves(lambda: (root, b"")))
    assert await tile(archives, 0, 0, 0) == b"x" * 100


async def test_an_archive_without_compressed_directories_is_read():
    root = gzip.decompress(serialize_directory([Entry(0, 0, 100, 1)]))
    data = bytearray(with_leaves(lambda: (root, b"")))
    data[97] = 1
    _, archives = holding(bytes(data))
    assert await tile(archives, 0, 0, 0) == b"x" * 100


async def test_a_replaced_archive_is_not_read_half_old():
    store, archives = holding(pmtiles(SMALL))
    archive = await archives.get("a.pmtiles")
    span = await archives.find(archive, 0)
    store.objects["a.pmtiles"] = pmtiles({(0, 0, 0): b"new"})
    with pytest.raises(PreconditionFailed):
        await archives.read(archive, span)
    archives.forget(archive)
    assert await tile(archives, 0, 0, 0) == b"new"


async def test_directories_that_are_not_in_memory_any_more_are_read_again():
    store, _ = holding(pmtiles(MANY))
    archives = Archives(store, 1 << 17)
    for identifier in (IDS[0], IDS[-1], IDS[0], IDS[-1]):
        assert await tile(archives, *tile_place(identifier)) == MANY[tile_place(identifier)]
    assert archives._kept.currsize <= 1 << 17


def ring():
    """A leaf directory that names itself, wherever one looks."""
    leaf = serialize_directory([Entry(0, 0, 1, 0)])
    for _ in range(3):
        leaf = serialize_directory([Entry(0, 0, len(leaf), 0)])
    return serialize_directory([Entry(0, 0, len(leaf), 0)]), leaf


def nothing_behind():
    return serialize_directory([Entry(0, 1 << 40, 50, 0)]), b""


def bomb():
    leaf = gzip.compress(bytes(50_000_000))
    return serialize_directory([Entry(0, 0, len(leaf), 0)]), leaf


def endless_leaf():
    return serialize_directory([Entry(0, 0, (1 << 32) - 1, 0)]), b""


def large_tile():
    return serialize_directory([Entry(0, 0, MAX_TILE_BYTES + 1, 1)]), b""


def tile_outside():
    return serialize_directory([Entry(0, 99, 50, 1)]), b""


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (ring, "more than 4 directories"),
        (nothing_behind, "outside their section"),
        (bomb, "more than 4194304 bytes"),
        (endless_leaf, "takes 4294967295 bytes"),
        (large_tile, "a tile takes"),
        (tile_outside, "outside the section"),
    ],
)
async def test_hostile_directories_end_in_one_error(build, reason):
    _, archives = holding(with_leaves(build))
    with pytest.raises(BadSource, match=reason):
        await tile(archives, 0, 0, 0)


@pytest.mark.parametrize("length", [0, 50, 126, 140, 400])
async def test_a_cut_archive_is_a_bad_source(length):
    _, archives = holding(pmtiles({(0, 0, 0): picture(photo())})[:length])
    with pytest.raises(BadSource, match=r"a\.pmtiles"):
        await tile(archives, 0, 0, 0)


async def test_a_missing_archive_is_a_bad_source_and_a_silent_store_is_not_remembered():
    store, archives = holding(pmtiles(SMALL))
    with pytest.raises(BadSource, match="not in the object store"):
        await archives.get("b.pmtiles")
    store.failing = Unavailable("the store is away")
    with pytest.raises(Unavailable):
        await archives.get("a.pmtiles")
    store.failing = None
    assert await tile(archives, 1, 1, 1) == b"one"


async def test_an_empty_archive_has_no_tile():
    root = gzip.compress(struct.pack("B", 0))
    _, archives = holding(with_leaves(lambda: (root, b"")))
    assert await tile(archives, 0, 0, 0) is None
