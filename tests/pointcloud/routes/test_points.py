"""COPC files over HTTP against RFC 9110: every status, and laspy as a client of the real server."""

import asyncio
import email

import laspy
import numpy as np
import pytest

from core.directory import DirectoryStore
from core.errors import Unavailable
from pointcloud.ingest.convert import convert, look_at
from pointcloud.routes.stream import PIECE_BYTES
from tests.doubles import MemoryStore
from tests.pointcloud.clouds import assert_same, make_las
from tests.pointcloud.routes.served import application, client_of, granian, layer_of, raster

CONTENT = np.random.default_rng(0).bytes(3 * PIECE_BYTES + 17)
URL = "/points/lidar/copc/a.copc.laz"


@pytest.fixture
def store():
    memory = MemoryStore()
    memory.objects["layers/lidar/1/a.copc.laz"] = CONTENT
    return memory


@pytest.fixture
def layers():
    return [layer_of("lidar", [("a.copc.laz", "layers/lidar/1/a.copc.laz", len(CONTENT))]), raster("ortho")]


@pytest.fixture
async def client(layers, store):
    async with client_of(layers, store) as made:
        yield made


def ranges_read(store):
    return sum(what == "get_range" for what, _ in store.calls)


async def test_a_whole_file_is_sent_in_pieces(client, store):
    answer = await client.get(URL)
    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-type"] == "application/vnd.laszip+copc"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "public, max-age=600"
    assert ranges_read(store) == 4


async def test_pages_of_any_origin_may_read_ranges(client):
    answer = await client.get(URL, headers={"range": "bytes=0-9", "origin": "https://example.org"})
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed >= {"content-range", "accept-ranges", "etag", "content-length"}
    preflight = await client.options(URL, headers={"access-control-request-headers": "range"})
    assert preflight.status_code == 204
    assert "range" in preflight.headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("0-0", 0, 1),
        ("100-199", 100, 200),
        ("-16", len(CONTENT) - 16, len(CONTENT)),
        (f"{len(CONTENT) - 5}-", len(CONTENT) - 5, len(CONTENT)),
        (f"10-{2 * PIECE_BYTES}", 10, 2 * PIECE_BYTES + 1),
        ("0-9,10-19", 0, 20),
    ],
)
async def test_one_range_is_206_with_its_place(client, asked, start, stop):
    answer = await client.get(URL, headers={"range": f"bytes={asked}"})
    assert answer.status_code == 206
    assert answer.content == CONTENT[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"
    assert answer.headers["content-length"] == str(stop - start)


async def test_several_ranges_come_as_parts(client):
    answer = await client.get(URL, headers={"range": f"bytes=0-9, 5000-{PIECE_BYTES + 9000}, -7"})
    assert answer.status_code == 206
    assert "content-range" not in answer.headers
    assert len(answer.content) == int(answer.headers["content-length"])
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + answer.content).get_payload()
    assert [part["content-range"] for part in parts] == [
        f"bytes 0-9/{len(CONTENT)}",
        f"bytes 5000-{PIECE_BYTES + 9000}/{len(CONTENT)}",
        f"bytes {len(CONTENT) - 7}-{len(CONTENT) - 1}/{len(CONTENT)}",
    ]
    assert parts[0].get_content_type() == "application/vnd.laszip+copc"
    # binary content does not survive the mail parser, so the bytes are looked for where they must be
    assert CONTENT[5000 : PIECE_BYTES + 9001] in answer.content
    assert CONTENT[-7:] in answer.content


@pytest.mark.parametrize(
    "asked", [f"bytes={len(CONTENT)}-", "bytes=-0", "bytes=" + ",".join(f"{i * 9}-{i * 9}" for i in range(65))]
)
async def test_a_range_that_cannot_be_given_is_416_with_the_size(client, store, asked):
    answer = await client.get(URL, headers={"range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert not store.calls


@pytest.mark.parametrize("asked", ["bytes=5-2", "lines=1-2", "bytes=x"])
async def test_a_range_that_is_no_range_is_ignored(client, asked):
    assert (await client.get(URL, headers={"range": asked})).status_code == 200


async def test_head_gives_the_fields_alone_and_knows_no_range(client, store):
    answer = await client.head(URL, headers={"range": "bytes=0-9"})
    assert answer.status_code == 200
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.content == b""
    assert ranges_read(store) == 0


async def test_a_known_file_is_304_without_asking_the_store(client, store):
    etag = (await client.head(URL)).headers["etag"]
    store.calls.clear()
    answer = await client.get(URL, headers={"if-none-match": f'"other", W/{etag}'})
    assert answer.status_code == 304
    assert answer.headers["etag"] == etag
    assert not store.calls


async def test_if_range_gives_everything_when_the_file_is_another_one(client):
    etag = (await client.head(URL)).headers["etag"]
    assert etag.startswith('"')
    for value, status in [(etag, 206), ('"old"', 200), (f"W/{etag}", 200), ("Tue, 15 Nov 1994 12:45:26 GMT", 200)]:
        answer = await client.get(URL, headers={"range": "bytes=0-9", "if-range": value})
        assert answer.status_code == status, value


async def test_if_match_guards_a_download_in_steps(client):
    etag = (await client.head(URL)).headers["etag"]
    assert (await client.get(URL, headers={"if-match": etag, "range": "bytes=0-1"})).status_code == 206
    answer = await client.get(URL, headers={"if-match": '"old"', "range": "bytes=0-1"})
    assert answer.status_code == 412
    assert answer.json()["status"] == 412


async def test_the_entity_tag_follows_version_and_file(store, layers):
    tags = set()
    for version, key in [("v1", "k"), ("v2", "k"), ("v1", "m")]:
        store.objects[key] = CONTENT
        async with client_of([layer_of("lidar", [("a.copc.laz", key, len(CONTENT))], version=version)], store) as one:
            tags.add((await one.head(URL)).headers["etag"])
    assert len(tags) == 3


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/points/none/info", 404, "no layer is named 'none'"),
        ("/points/lidar/copc/none.laz", 404, "lidar has no file 'none.laz'"),
        ("/points/lidar/copc/%2e%2e%2fa.copc.laz", 404, "lidar has no file '../a.copc.laz'"),
        ("/points/ortho/info", 404, "ortho is a raster layer"),
        ("/points/ortho/copc/a", 404, "ortho is a raster layer"),
        ("/points/lidar/elsewhere", 400, "is not an address of a point cloud"),
        ("/points/lidar", 400, "is not an address of a point cloud"),
    ],
)
async def test_what_is_not_there_is_a_problem_with_a_remedy(client, path, status, told):
    answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in answer.json()["detail"]


async def test_writing_is_not_allowed(client):
    answer = await client.put(URL, content=b"x")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


async def test_a_store_that_does_not_answer_is_503(client, store):
    store.failing = Unavailable("the store sleeps", retry_after_s=2)
    answer = await client.get(URL)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize("stored", [None, CONTENT[:-1]], ids=["gone", "shorter"])
async def test_an_object_that_is_not_the_published_one_is_502(client, store, stored):
    store.objects.clear()
    if stored is not None:
        store.objects["layers/lidar/1/a.copc.laz"] = stored
    answer = await client.get(URL, headers={"range": "bytes=0-9"})
    assert answer.status_code == 502
    assert "publish the layer again" in answer.json()["detail"]


async def test_the_same_content_restored_under_another_tag_is_found_again(layers, tmp_path):
    folder = DirectoryStore(tmp_path)
    await folder.put("layers/lidar/1/a.copc.laz", CONTENT)
    async with client_of(layers, folder) as client:
        assert (await client.get(URL, headers={"range": "bytes=0-9"})).content == CONTENT[:10]
        await folder.put("layers/lidar/1/a.copc.laz", CONTENT)
        assert (await client.get(URL, headers={"range": "bytes=0-9"})).content == CONTENT[:10]


async def test_info_describes_the_cloud(client):
    answer = await client.get("/points/lidar/info")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json() == {
        "name": "lidar",
        "title": "Le nuage lidar",
        "crs": "EPSG:2154",
        "points": 10,
        "bounds": [0, 1, 2, 10, 11, 12],
        "point_format": 6,
        "dimensions": ["X", "Y", "Z"],
        "classes": [
            {"code": 2, "name": "Sol", "count": 15},
            {"code": 66, "name": "Points virtuels", "count": 4},
            {"code": 222, "name": "Classe 222", "count": 1},
        ],
        "files": [
            {"name": "a.copc.laz", "href": URL, "size": len(CONTENT), "points": 10, "bounds": [0, 1, 2, 10, 11, 12]}
        ],
    }
    known = await client.get("/points/lidar/info", headers={"if-none-match": answer.headers["etag"]})
    assert known.status_code == 304
    head = await client.head("/points/lidar/info")
    assert head.headers["content-length"] == str(len(answer.content))


async def test_a_name_with_spaces_and_accents_is_reached_by_its_href(store):
    store.objects["k"] = CONTENT
    async with client_of([layer_of("lidar", [("forêt 1.copc.laz", "k", len(CONTENT))])], store) as client:
        href = (await client.get("/points/lidar/info")).json()["files"][0]["href"]
        assert href.isascii()
        assert (await client.get(href, headers={"range": "bytes=0-3"})).content == CONTENT[:4]


async def test_laspy_queries_a_cloud_through_the_real_server(tmp_path):
    pytest.importorskip("requests", reason="laspy reads over HTTP with requests")
    source = make_las(tmp_path / "a.laz", points=4000)
    made = convert(look_at(source, "", 6 << 30), tmp_path / "a.copc.laz", lambda *_: None)
    store = DirectoryStore(tmp_path / "objects")
    await store.put_file("k/a.copc.laz", made.path)
    layer = layer_of("lidar", [("a.copc.laz", "k/a.copc.laz", made.path.stat().st_size)])

    def query(url):
        with laspy.CopcReader.open(url, http_num_threads=2) as reader:
            assert_same(reader.query(), laspy.read(source))
            box = laspy.copc.Bounds(np.array([770020.0, 6277030.0]), np.array([770080.0, 6277150.0]))
            return len(reader.query(bounds=box))

    async with granian(application([layer], store)) as address:
        found = await asyncio.to_thread(query, address + URL)
    expected = laspy.read(source)
    inside = (expected.X >= 2000) & (expected.X <= 8000) & (expected.Y >= 3000) & (expected.Y <= 15000)
    assert found == int(np.asarray(inside).sum())


async def test_a_client_that_goes_away_ends_the_reading(tmp_path):
    store = MemoryStore()
    size = 64 * PIECE_BYTES
    store.objects["k"] = bytes(size)
    async with granian(application([layer_of("lidar", [("a.copc.laz", "k", size)])], store)) as address:
        port = int(address.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {URL} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readexactly(100)
        await asyncio.sleep(0.5)
        waiting = ranges_read(store)
        writer.transport.abort()
        await asyncio.sleep(0.5)
        assert waiting < 40, "the server read ahead of a client that does not"
        assert ranges_read(store) < 64


async def test_an_answer_that_breaks_off_is_seen_by_the_client(tmp_path):
    class Shrinking(MemoryStore):
        async def get_range(self, key, offset, length, *, if_match=""):
            if offset >= 2 * PIECE_BYTES:
                raise Unavailable("the store fell asleep")
            return await super().get_range(key, offset, length, if_match=if_match)

    store = Shrinking()
    store.objects["k"] = bytes(4 * PIECE_BYTES)
    layer = layer_of("lidar", [("a.copc.laz", "k", 4 * PIECE_BYTES)])
    async with granian(application([layer], store)) as address:
        port = int(address.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {URL} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"200" in head.split(b"\r\n")[0]
        body = await asyncio.wait_for(reader.read(-1), 5)
        assert len(body) < 4 * PIECE_BYTES
        writer.close()
