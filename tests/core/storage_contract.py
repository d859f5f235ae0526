"""What every object store must do, as tests that any of them can be put to."""

import asyncio

import pytest

from core.errors import ObjectNotFound, PreconditionFailed, RangeNotSatisfiable

ODD_KEYS = [
    "données/été à Évry.tif",
    "de\u0301compose\u0301",
    "日本/地図.laz",
    "emoji-🗺️",
    "percent%20plus+space hash#query?and&equals=",
    "quote'double\"back\\slash^tilde~{brace}[bracket]`|<angle>",
    "colon:semi;comma,at@dollar$bang!star*(round)",
    "a..b/...c/.hidden",
    "name.",
    "-dash",
    "segment " + "x" * 180,
]

BAD_KEYS = ["", "/absolute", "a//b", "folder/", ".", "..", "a/../b", "a/./b", "nul\0", "x" * 1025]

LONG = 16 * 1024 * 1024 + 12_345
"""Bytes of a file that S3 takes in more than one part."""


async def keys(store, prefix=""):
    return [info.key async for info in store.list(prefix)]


@pytest.fixture(scope="session")
def long_file(tmp_path_factory):
    """A file whose every stretch differs from the others."""
    path = tmp_path_factory.mktemp("long") / "long.bin"
    path.write_bytes(b"".join(number.to_bytes(8, "big") for number in range(-(-LONG // 8)))[:LONG])
    return path


class ObjectStoreContract:
    """A subclass gives the fixture `store`: an empty store, closed after the test."""

    async def test_what_was_put_is_got(self, store):
        stored = await store.put("a/b.txt", b"content")
        found = await store.get("a/b.txt")
        assert found.data == b"content"
        assert found.info == stored == await store.head("a/b.txt")
        assert (stored.key, stored.size) == ("a/b.txt", 7)

    async def test_an_etag_is_strong_and_quoted(self, store):
        etag = (await store.put("a", b"content")).etag
        assert etag[0] == etag[-1] == '"'
        assert len(etag) > 2
        assert '"' not in etag[1:-1]

    async def test_an_empty_object_is_an_object(self, store):
        await store.put("empty", b"")
        assert (await store.head("empty")).size == 0
        assert (await store.get("empty")).data == b""
        with pytest.raises(RangeNotSatisfiable) as caught:
            await store.get_range("empty", 0, 10)
        assert caught.value.size == 0

    @pytest.mark.parametrize(
        ("offset", "length", "expected"),
        [(0, 4, b"0123"), (3, 1, b"3"), (6, 4, b"6789"), (0, 10, b"0123456789"), (8, 100, b"89"), (9, 1, b"9")],
    )
    async def test_a_range_is_those_bytes_and_no_more(self, store, offset, length, expected):
        await store.put("digits", b"0123456789")
        assert await store.get_range("digits", offset, length) == expected

    @pytest.mark.parametrize(("length", "expected"), [(1, b"0"), (10, b"0123456789"), (99, b"0123456789")])
    async def test_the_start_of_an_object_comes_with_its_size_and_etag(self, store, length, expected):
        stored = await store.put("digits", b"0123456789")
        start = await store.get_start("digits", length)
        assert (start.data, start.info.size, start.info.etag) == (expected, 10, stored.etag)

    async def test_the_start_of_an_empty_object_is_no_bytes(self, store):
        await store.put("empty", b"")
        start = await store.get_start("empty", 10)
        assert (start.data, start.info.size) == (b"", 0)

    @pytest.mark.parametrize("offset", [10, 11, 10_000])
    async def test_a_range_beyond_the_end_tells_the_size(self, store, offset):
        await store.put("digits", b"0123456789")
        with pytest.raises(RangeNotSatisfiable) as caught:
            await store.get_range("digits", offset, 5)
        assert caught.value.size == 10

    async def test_an_empty_range_is_no_bytes(self, store):
        await store.put("digits", b"0123456789")
        assert await store.get_range("digits", 4, 0) == b""

    async def test_if_match_gives_bytes_of_that_object_or_none(self, store):
        old = await store.put("a", b"old content")
        assert await store.get_range("a", 0, 3, if_match=old.etag) == b"old"
        await store.put("a", b"new content")
        with pytest.raises(PreconditionFailed):
            await store.get_range("a", 0, 3, if_match=old.etag)

    async def test_what_is_near_is_what_a_range_gives(self, store):
        old = await store.put("a", b"0123456789")
        assert await store.get_range("a", 0, 1) == b"0"
        assert store.near_range("a", 2, 3, if_match=old.etag) in {None, b"234"}
        assert store.near_range("a", 8, 3, if_match=old.etag) is None
        assert store.near_range("a", 2, 3, if_match='"another"') is None
        assert store.near_range("absent", 0, 1, if_match=old.etag) is None
        await store.put("a", b"abcdefghij")
        assert store.near_range("a", 2, 3, if_match=old.etag) is None
        await store.delete("a")
        assert store.near_range("a", 2, 3, if_match=old.etag) is None

    async def test_if_none_match_gives_nothing_until_the_object_changes(self, store):
        old = await store.put("a", b"old")
        assert await store.get("a", if_none_match=old.etag) is None
        new = await store.put("a", b"new")
        assert new.etag != old.etag
        assert (await store.get("a", if_none_match=old.etag)).data == b"new"

    async def test_what_is_missing_is_said_to_be(self, store):
        await store.put("a/b", b"x")
        for call in (
            store.head("absent"),
            store.get("absent"),
            store.get("absent", if_none_match='"x"'),
            store.get_start("absent", 1),
            store.get_range("absent", 0, 1),
            store.get_range("absent", 0, 1, if_match='"x"'),
            store.head("a"),
            store.get("a"),
            store.head("a/b/c"),
        ):
            with pytest.raises(ObjectNotFound):
                await call

    async def test_a_copy_is_an_object_of_its_own(self, store):
        await store.put("old/é.tif", b"content")
        made = await store.copy("old/é.tif", "new/deep/é.tif")
        assert made == await store.head("new/deep/é.tif")
        await store.copy("old/é.tif", "new/deep/é.tif")
        await store.put("old/é.tif", b"other")
        await store.delete("old/é.tif")
        assert (await store.get("new/deep/é.tif")).data == b"content"
        assert await keys(store) == ["new/deep/é.tif"]

    async def test_what_is_missing_cannot_be_copied(self, store):
        with pytest.raises(ObjectNotFound):
            await store.copy("absent", "target")
        assert await keys(store) == []

    async def test_deleting_twice_is_no_error(self, store):
        await store.put("a/b/c", b"x")
        await store.delete("a/b/c")
        await store.delete("a/b/c")
        await store.delete("never/was")
        assert await keys(store) == []
        with pytest.raises(ObjectNotFound):
            await store.get("a/b/c")

    async def test_a_listing_is_sorted_by_the_bytes_of_the_keys(self, store):
        expected = ["a", "a-b", "a.b/c", "a0", "b/a", "b/b/c", "b/z", "z", "é", "日", "🗺"]
        for key in reversed(expected):
            await store.put(key, key.encode())
        assert await keys(store) == expected
        assert [info.size async for info in store.list("")] == [len(key.encode()) for key in expected]

    async def test_a_listing_keeps_to_its_prefix(self, store):
        for key in ("a", "ab/c", "ab/cd", "abc", "b/ab"):
            await store.put(key, b"x")
        assert await keys(store, "ab") == ["ab/c", "ab/cd", "abc"]
        assert await keys(store, "ab/") == ["ab/c", "ab/cd"]
        assert await keys(store, "ab/c") == ["ab/c", "ab/cd"]
        assert await keys(store, "none/") == []

    async def test_a_listing_tells_what_head_tells(self, store):
        await store.put("a/1", b"one")
        await store.put("a/2", b"three")
        assert [info async for info in store.list("a/")] == [await store.head("a/1"), await store.head("a/2")]

    async def test_a_listing_goes_on_past_its_first_page(self, store):
        expected = [f"part/{number:03d}" for number in range(25)]
        await asyncio.gather(*(store.put(key, b"x") for key in expected))
        assert await keys(store, "part/") == expected

    @pytest.mark.parametrize("key", ODD_KEYS)
    async def test_an_odd_key_is_a_key(self, store, key):
        stored = await store.put(key, key.encode())
        assert (await store.get(key)).data == key.encode()
        assert await store.get_range(key, 0, 3) == key.encode()[:3]
        assert await store.head(key) == stored
        assert await keys(store) == [key]
        await store.delete(key)
        assert await keys(store) == []

    @pytest.mark.parametrize("key", BAD_KEYS)
    async def test_what_is_no_key_is_refused(self, store, key):
        for call in (
            store.head(key),
            store.get(key),
            store.get_range(key, 0, 1),
            store.put(key, b""),
            store.delete(key),
        ):
            with pytest.raises(ValueError, match="not an object key"):
                await call

    async def test_concurrent_puts_leave_one_of_their_objects_whole(self, store):
        contents = [bytes([65 + number]) * (1000 + number) for number in range(8)]
        await asyncio.gather(*(store.put("contended", content) for content in contents))
        found = await store.get("contended")
        assert found.data in contents
        assert found.info == await store.head("contended")
        assert found.info.size == len(found.data)

    async def test_a_short_file_is_stored_whole(self, store, tmp_path):
        path = tmp_path / "short"
        path.write_bytes(b"short content")
        stored = await store.put_file("from/file", path)
        assert (await store.get("from/file")).data == b"short content"
        assert stored == await store.head("from/file")
        assert path.read_bytes() == b"short content"

    async def test_a_long_file_is_stored_whole(self, store, long_file):
        stored = await store.put_file("long", long_file)
        assert stored.size == LONG
        assert stored == await store.head("long")
        assert (await store.get("long")).data == long_file.read_bytes()
        word = (16 * 1024 * 1024 // 8).to_bytes(8, "big")
        assert await store.get_range("long", 16 * 1024 * 1024 - 8, 16, if_match=stored.etag) == (
            (16 * 1024 * 1024 // 8 - 1).to_bytes(8, "big") + word
        )

    async def test_a_file_that_is_not_there_is_no_object(self, store, tmp_path):
        with pytest.raises(OSError, match="absent"):
            await store.put_file("a", tmp_path / "absent")
        assert await keys(store) == []
