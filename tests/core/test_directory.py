"""What the contract of object stores does not say of a folder."""

import asyncio
import errno
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.directory import INLINE_BYTES, DirectoryStore
from core.errors import ObjectNotFound, StoreFull, Unavailable
from core.open_files import SEEN_S

BIG = 3 * INLINE_BYTES
DEV_FULL = Path("/dev/full")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "objects"


@pytest.fixture
def store(root):
    return DirectoryStore(root)


def incoming(root):
    return list((root / ".incoming").iterdir())


async def keys(store, prefix=""):
    return [info.key async for info in store.list(prefix)]


async def test_an_object_is_a_file_that_others_can_open(store, root):
    await store.put("a/été.txt", b"content")
    path = root / "a" / "été.txt"
    assert store.location("a/été.txt") == str(path)
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o644


async def test_the_location_of_a_relative_root_is_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert DirectoryStore(type(tmp_path)("here")).location("a") == str(tmp_path / "here" / "a")


async def test_a_reader_sees_one_object_or_the_other_never_a_mixture(store):
    versions = [bytes([letter]) * BIG for letter in b"ABCD"]
    await store.put("a", versions[0])
    done = asyncio.Event()

    async def write():
        for turn in range(40):
            await store.put("a", versions[turn % 4])
        done.set()

    async def read():
        while not done.is_set():
            assert (await store.get("a")).data in versions
            await asyncio.sleep(0)

    await asyncio.gather(write(), read(), read())


async def test_a_range_of_an_object_replaced_meanwhile_comes_from_the_old_one(store):
    await store.put("a", b"A" * BIG)
    reading = asyncio.create_task(store.get_range("a", 0, BIG))
    await asyncio.sleep(0)  # it is open and waits for its thread
    await store.put("a", b"B")
    assert await reading == b"A" * BIG


async def test_a_file_that_was_read_is_near_until_it_is_replaced_or_removed(store, root):
    old = await store.put("folder/a", b"0123456789")
    assert store.near_range("folder/a", 2, 3, if_match=old.etag) is None
    await store.get_range("folder/a", 0, 1)
    assert store.near_range("folder/a", 2, 3, if_match=old.etag) == b"234"
    other = DirectoryStore(root)
    new = await other.put("folder/a", b"abcdefghij")
    await asyncio.sleep(2 * SEEN_S)
    assert store.near_range("folder/a", 2, 3, if_match=old.etag) is None
    assert store.near_range("folder/a", 2, 3, if_match=new.etag) is None
    assert await store.get_range("folder/a", 2, 3, if_match=new.etag) == b"cde"
    assert store.near_range("folder/a", 2, 3, if_match=new.etag) == b"cde"
    await other.delete("folder/a")
    await asyncio.sleep(2 * SEEN_S)
    assert store.near_range("folder/a", 2, 3, if_match=new.etag) is None
    with pytest.raises(ObjectNotFound):
        await store.get_range("folder/a", 2, 3, if_match=new.etag)


async def test_what_the_store_itself_replaces_or_removes_is_not_near_from_then_on(store):
    old = await store.put("a", b"0123456789")
    await store.put("b", b"another")
    for change in (store.put("a", b"new"), store.copy("b", "a"), store.delete("a")):
        etag = (await store.head("a")).etag
        await store.get_range("a", 0, 1)
        assert store.near_range("a", 0, 1, if_match=etag) is not None
        await change
        assert store.near_range("a", 0, 1, if_match=etag) is None
    assert store.near_range("a", 0, 1, if_match=old.etag) is None


async def test_near_bytes_are_of_the_object_they_are_asked_of_even_as_it_is_replaced(store, root):
    old = await store.put("a", b"A" * 100)
    await store.get_range("a", 0, 1)
    other = DirectoryStore(root)
    for _ in range(50):
        await other.put("a", b"B" * 100)
        assert store.near_range("a", 10, 50, if_match=old.etag) in {None, b"A" * 50}


async def test_what_is_long_is_not_near(store):
    info = await store.put("a", b"x" * BIG)
    await store.get_range("a", 0, 1)
    assert store.near_range("a", 0, INLINE_BYTES, if_match=info.etag) == b"x" * INLINE_BYTES
    assert store.near_range("a", 0, INLINE_BYTES + 1, if_match=info.etag) is None


async def test_a_store_that_is_closed_holds_no_file_open(store):
    await store.put("a", b"x")
    await store.get_range("a", 0, 1)
    assert len(store._files) == 1
    await store.close()
    assert len(store._files) == 0


async def test_a_disk_that_fails_is_a_store_that_does_not_answer(store, monkeypatch):
    info = await store.put("a", b"x" * 10)
    await store.get_range("a", 0, 1)

    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", fail)
    assert store.near_range("a", 0, 1, if_match=info.etag) is None
    with pytest.raises(Unavailable, match="Input/output error"):
        await store.get_range("a", 0, 1)


async def test_an_etag_never_comes_back(store):
    etags = {(await store.put("a", b"%04d" % turn)).etag for turn in range(200)}
    assert len(etags) == 200


async def test_files_left_by_a_program_that_died_are_removed_after_a_day(root):
    DirectoryStore(root)
    old, young = root / ".incoming" / "old", root / ".incoming" / "young"
    for path, hours in ((old, 25), (young, 23)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - hours * 3600,) * 2)
    DirectoryStore(root)
    assert incoming(root) == [young]


async def test_files_being_written_are_no_objects(store, root):
    (root / ".incoming" / "half").write_bytes(b"half")
    assert await keys(store) == []
    assert await keys(store, ".incoming/") == []
    with pytest.raises(ValueError, match="keeps for itself"):
        await store.get(".incoming/half")


@pytest.mark.parametrize("prefix", ["../", "a/../../", "/", "/etc/", "a//", "./"])
async def test_a_prefix_does_not_lead_out_of_the_folder(store, root, prefix):
    (root.parent / "secret").write_bytes(b"not yours")
    await store.put("a/b", b"x")
    assert await keys(store, prefix) == []


async def test_nothing_stays_aside_after_a_put_and_after_a_failed_one(store, root):
    await store.put("a", b"x" * BIG)
    await store.put("b", b"x")
    with pytest.raises(ValueError, match="one name"):
        await store.put("a/b", b"x")
    assert incoming(root) == []


async def test_a_cancelled_put_leaves_the_object_whole_or_absent(store, root, tmp_path):
    path = tmp_path / "big"
    path.write_bytes(b"x" * BIG)
    putting = asyncio.create_task(store.put_file("a", path))
    await asyncio.sleep(0)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    await asyncio.get_running_loop().shutdown_default_executor()
    assert incoming(root) == []
    assert (root / "a").stat().st_size == BIG if (root / "a").exists() else True


async def test_a_key_cannot_be_an_object_and_a_folder(store):
    await store.put("a/b", b"x")
    with pytest.raises(ValueError, match="one name"):
        await store.put("a", b"x")
    with pytest.raises(ValueError, match="one name"):
        await store.put("a/b/c", b"x")
    assert await keys(store) == ["a/b"]


async def test_a_name_too_long_for_a_file_is_refused_and_never_found(store):
    key = "x" * 256
    with pytest.raises(ValueError, match="255 bytes"):
        await store.put(key, b"x")
    with pytest.raises(ObjectNotFound):
        await store.get(key)
    await store.delete(key)


async def test_deleting_the_last_object_of_a_folder_removes_the_folder(store, root):
    await store.put("a/b/c", b"x")
    await store.put("a/d", b"x")
    await store.delete("a/b/c")
    assert not (root / "a" / "b").exists()
    await store.delete("a/d")
    assert not (root / "a").exists()
    assert root.exists()


async def test_puts_and_deletes_in_one_folder_do_not_disturb_each_other(store):
    async def come_and_go(name):
        for _ in range(30):
            await store.put(f"shared/{name}", b"x" * (INLINE_BYTES + 1))
            await store.delete(f"shared/{name}")

    await asyncio.gather(*(come_and_go(name) for name in "abcd"))
    assert await keys(store) == []


async def test_a_read_of_more_than_goes_inline_is_whole(store):
    data = os.urandom(BIG)
    await store.put("a", data)
    assert (await store.get("a")).data == data
    assert await store.get_range("a", 1, BIG) == data[1:]


async def test_a_folder_that_went_away_is_empty(store, root):
    (root / ".incoming").rmdir()
    root.rmdir()
    assert await keys(store) == []
    with pytest.raises(ObjectNotFound):
        await store.head("a")
    with pytest.raises(Unavailable, match="No such file"):
        await store.put("a", b"x")


FULL = """
import asyncio, resource, sys
from pathlib import Path
from core.directory import DirectoryStore
from core.errors import StoreFull

store = DirectoryStore(Path(sys.argv[1]))
source = Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

async def fill():
    await store.put("small", b"x" * 4096)
    for call in (store.put("small", b"y" * 4097), store.put("large", b"y" * 1_000_000), store.put_file("file", source)):
        try:
            await call
        except StoreFull as full:
            print(full)
    print([info.key async for info in store.list("")], len((await store.get("small")).data))

asyncio.run(fill())
"""


async def test_a_full_disk_is_told_and_what_was_there_stays(root, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(bytes(10_000))
    done = subprocess.run(
        [sys.executable, "-c", FULL, root, source], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(" (")[0] for line in lines[:3]] == [
        f"no room left to store {key}" for key in ("small", "large", "file")
    ]
    assert lines[3] == "['small'] 4096"
    assert incoming(root) == []


@pytest.mark.skipif(not DEV_FULL.exists(), reason="there is no /dev/full here")
async def test_a_device_without_space_is_a_full_store(store):
    def no_space(_):
        DEV_FULL.write_bytes(b"x")

    with pytest.raises(StoreFull, match="No space left"):
        store._write("a", store._path("a"), no_space)


async def test_it_goes_to_other_programs(tmp_path):
    store = DirectoryStore(tmp_path)
    await store.put("a", b"data")
    assert await store.get_range("a", 0, 4) == b"data"
    elsewhere = pickle.loads(pickle.dumps(store))
    assert await elsewhere.get_range("a", 1, 2) == b"at"
    await elsewhere.close()
    await store.close()
