"""The S3 store against OpenStack Swift, and against servers that fail."""

import asyncio
import time
import urllib.error
import urllib.request
from uuid import uuid4

import pytest
import rasterio
from numpy import arange, array_equal, uint8
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from core.errors import ObjectNotFound, RangeNotSatisfiable, StoreFull, Unavailable
from core.s3 import S3Store
from core.s3_settings import S3Settings, gdal_environment, s3_settings
from tests.servers.s3_answer import answering


@pytest.fixture
async def store(swift):
    store = S3Store(swift.bucket, f"s3/{uuid4()}", s3_settings(swift.environ()))
    yield store
    await store.close()


def opened(endpoint, secret="secret"):
    return S3Store("bucket", "", S3Settings(endpoint=endpoint, access_key="key", secret_key=secret))


def every_call(store, path):
    """All ways to ask a store something."""
    path.write_bytes(b"content")

    async def listing():
        return [info async for info in store.list("")]

    return {
        "head": lambda: store.head("key"),
        "get": lambda: store.get("key"),
        "get_start": lambda: store.get_start("key", 1),
        "get_range": lambda: store.get_range("key", 0, 1),
        "put": lambda: store.put("key", b"content"),
        "put_file": lambda: store.put_file("key", path),
        "delete": lambda: store.delete("key"),
        "list": listing,
        "ensure_bucket": store.ensure_bucket,
    }


async def fetch(request):
    def open_url():
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()

    return await asyncio.to_thread(open_url)


async def uploads(store):
    """Multipart uploads of a store that were neither ended nor aborted."""
    answer = await store._client.call("list_multipart_uploads", Bucket=store._bucket, Prefix=store._prefix)
    return answer.get("Uploads", [])


async def test_a_signed_address_reads_without_credentials(store):
    await store.put("été/a b.txt", b"content")
    assert await fetch(await store.sign_get("été/a b.txt", expires_s=60)) == (200, b"content")


async def test_a_signed_address_writes_without_credentials(store):
    url = await store.sign_put("été/a b.txt", expires_s=60)
    status, _ = await fetch(urllib.request.Request(url, data=b"sent", method="PUT"))
    assert status == 200
    assert (await store.get("été/a b.txt")).data == b"sent"


def other_key(url):
    return url.replace("/a?", "/b?")


def other_signature(url):
    return url[:-1] + ("1" if url[-1] == "0" else "0")


@pytest.mark.parametrize("spoil", [other_key, other_signature])
async def test_a_signed_address_opens_nothing_else(store, spoil):
    await store.put("a", b"mine")
    await store.put("b", b"other")
    spoilt = spoil(await store.sign_get("a", expires_s=60))
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        await fetch(spoilt)
    caught.value.close()


async def test_a_signed_address_expires(store):
    await store.put("a", b"mine")
    url = await store.sign_get("a", expires_s=1)
    await asyncio.sleep(2.1)
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        await fetch(url)
    caught.value.close()


async def test_a_cancelled_long_put_leaves_nothing(store, tmp_path):
    path = tmp_path / "long"
    path.write_bytes(bytes(40 * 1024 * 1024))
    putting = asyncio.create_task(store.put_file("long", path))
    while not await uploads(store):
        await asyncio.sleep(0.01)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await uploads(store) == []
    with pytest.raises(ObjectNotFound):
        await store.head("long")


async def test_a_long_put_cancelled_at_once_leaves_nothing(store, tmp_path):
    path = tmp_path / "long"
    path.write_bytes(bytes(17 * 1024 * 1024))
    await store._client.botocore()
    for turns in range(4):
        putting = asyncio.create_task(store.put_file("long", path))
        for _ in range(turns):
            await asyncio.sleep(0)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
    assert await uploads(store) == []


async def test_a_file_cut_short_while_it_is_stored_leaves_nothing(store, tmp_path):
    path = tmp_path / "long"
    path.write_bytes(bytes(17 * 1024 * 1024))
    putting = asyncio.create_task(store.put_file("long", path))
    await asyncio.sleep(0)  # the length is known, and the client being made
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="became shorter"):
        await putting
    assert await uploads(store) == []


async def test_objects_that_other_tools_name_otherwise_are_not_listed(store):
    await store.put("a", b"x")
    for name in ("folder/", "a//b"):
        await store._client.call("put_object", Bucket=store._bucket, Key=store._prefix + name, Body=b"")
    assert [info.key async for info in store.list("")] == ["a"]


async def test_a_key_with_a_control_character_is_refused(store):
    with pytest.raises(ValueError, match="control character"):
        await store.put("line\nbreak", b"x")


async def test_without_prefix_keys_are_those_of_the_bucket(swift):
    store = S3Store(swift.bucket, "", s3_settings(swift.environ()))
    key = f"bare/{uuid4()}"
    await store.put(key, b"x")
    assert [info.key async for info in store.list("bare/")] == [key]
    assert store.location(key) == f"s3://{swift.bucket}/{key}"
    await store.close()


async def test_a_bucket_is_made_once(swift):
    store = S3Store(f"made-{uuid4()}", "", s3_settings(swift.environ()))
    with pytest.raises(Unavailable, match="no such bucket"):
        await store.get("a")
    with pytest.raises(Unavailable, match="no such bucket"):
        await store.put("a", b"x")
    await store.ensure_bucket()
    await store.ensure_bucket()
    await store.put("a", b"x")
    assert (await store.head("a")).size == 1
    await store.close()


async def test_gdal_opens_an_object_at_its_location(store, monkeypatch, swift):
    samples = arange(64, dtype=uint8).reshape(1, 8, 8)
    with MemoryFile() as file:
        with file.open(
            driver="GTiff", width=8, height=8, count=1, dtype="uint8", transform=from_origin(0, 8, 1, 1)
        ) as image:
            image.write(samples)
        await store.put("image.tif", file.read())
    for name, value in gdal_environment(s3_settings(swift.environ())).items():
        monkeypatch.setenv(name, value)

    def read():
        with rasterio.open(store.location("image.tif")) as image:
            return image.read()

    assert array_equal(await asyncio.to_thread(read), samples)


async def test_a_wrong_secret_is_told_as_such(swift, tmp_path):
    store = S3Store(swift.bucket, "", s3_settings({**swift.environ(), "AWS_SECRET_ACCESS_KEY": "wrong"}))
    for name, call in every_call(store, tmp_path / "file").items():
        with pytest.raises(Unavailable, match="check AWS_ACCESS_KEY_ID") as caught:
            await call()
        assert "wrong" not in str(caught.value), name
    await store.close()


@pytest.mark.parametrize("name", ["get", "put", "list"])
async def test_a_server_that_is_not_there_is_noticed_soon(name, tmp_path):
    store = opened("http://127.0.0.1:9")
    call = every_call(store, tmp_path / "file")[name]
    start = time.monotonic()
    with pytest.raises(Unavailable, match="check AWS_ENDPOINT_URL"):
        await call()
    assert time.monotonic() - start < 8
    await store.close()


async def test_the_same_trouble_is_told_in_the_same_words():
    store = opened("http://127.0.0.1:9")
    told = []
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await store.get("key")
        told.append(str(caught.value))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "QuotaExceeded", StoreFull),
        (413, "EntityTooLarge", StoreFull),
        (507, "InsufficientStorage", StoreFull),
        (403, "AccessDenied", Unavailable),
        (404, "NoSuchBucket", Unavailable),
        (501, "NotImplemented", Unavailable),
    ],
)
async def test_a_refused_put_says_why(status, code, expected):
    with answering(status, code) as endpoint:
        store = opened(endpoint)
        with pytest.raises(expected):
            await store.put("a", b"x")
        await store.close()


@pytest.mark.parametrize("status", [400, 500, 503])
async def test_a_failing_server_is_tried_again_and_then_told(status):
    with answering(status, "Broken") as endpoint:
        store = opened(endpoint)
        with pytest.raises(Unavailable, match=f"{status}.*Broken"):
            await store.get_range("a416", 0, 1)
        await store.close()


async def test_a_server_without_quotes_around_etags_is_understood():
    with answering(200, "", body=b"content", etag="abc") as endpoint:
        store = opened(endpoint)
        assert (await store.get("a")).info.etag == '"abc"'
        assert (await store.put("a", b"content")).etag == '"abc"'
        await store.close()


async def test_a_range_that_the_server_does_not_have_tells_the_size(store):
    await store.put("key416", b"0123456789")
    with pytest.raises(RangeNotSatisfiable) as caught:
        await store.get_range("key416", 10, 1)
    assert caught.value.size == 10


def test_one_store_serves_many_event_loops(swift):
    store = S3Store(swift.bucket, f"loops/{uuid4()}", s3_settings(swift.environ()))

    async def round_trip(key):
        await store.put(key, key.encode())
        found = await store.get(key)
        await store.close()
        return found.data

    assert [asyncio.run(round_trip(key)) for key in ("a", "b", "c")] == [b"a", b"b", b"c"]
