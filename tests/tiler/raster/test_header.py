"""tiler.raster.header: a directory is read once, kept within bounds, and forgotten when its file was replaced."""

import asyncio

import pytest

from core.errors import BadSource
from tests.doubles import MemoryStore
from tests.tiler.raster.tiffs import photo, write_cog
from tiler.raster.header import RasterHeaders


@pytest.fixture(scope="module")
def cog(tmp_path_factory):
    return write_cog(tmp_path_factory.mktemp("h") / "h.tif", photo(300, 300), BLOCKSIZE=128).read_bytes()


def store_of(*names, data):
    store = MemoryStore()
    store.objects = dict.fromkeys(names, data)
    return store


async def test_many_who_ask_at_once_cause_one_read(cog):
    store = store_of("a.tif", data=cog)
    headers = RasterHeaders(store, 1 << 20)
    found = await asyncio.gather(*(headers.get("a.tif") for _ in range(20)))
    assert len({id(one) for one in found}) == 1
    assert [name for name, _ in store.calls] == ["get_start"]
    assert headers.kept("a.tif") is found[0]


async def test_the_least_used_directories_make_room(cog):
    store = store_of("a.tif", "b.tif", "c.tif", data=cog)
    size = (await RasterHeaders(store, 1 << 20).get("a.tif")).tiff.bytes_held
    headers = RasterHeaders(store, int(2.5 * size))
    for name in ("a.tif", "b.tif", "c.tif"):
        await headers.get(name)
    assert headers.kept("a.tif") is None
    assert headers.kept("c.tif") is not None


async def test_a_forgotten_directory_is_read_again(cog):
    store = store_of("a.tif", data=cog)
    headers = RasterHeaders(store, 1 << 20)
    first = await headers.get("a.tif")
    headers.forget(first)
    again = await headers.get("a.tif")
    assert again is not first
    headers.forget(first)
    assert headers.kept("a.tif") is again, "only the one that was known is forgotten"


async def test_a_file_that_is_no_tiff_is_named_and_asked_again_next_time(cog):
    store = store_of("a.tif", data=b"\x89PNG and so on, long enough")
    headers = RasterHeaders(store, 1 << 20)
    with pytest.raises(BadSource, match=r"a\.tif cannot be read: it is not a TIFF"):
        await headers.get("a.tif")
    store.objects["a.tif"] = cog
    assert (await headers.get("a.tif")).trouble == ""
