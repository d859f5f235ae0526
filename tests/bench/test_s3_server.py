"""bench.s3_server: what obstore and GDAL ask of an S3 server, and a count of it."""

import http.client

import pytest

from bench.s3 import count_gets, s3_environment, start_s3
from bench.s3_server import find_span
from bench.server import HOST, end
from core.errors import ObjectNotFound, PreconditionFailed
from core.s3 import S3Store
from core.s3_settings import s3_settings


@pytest.fixture
def s3(tmp_path):
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "a.tif").write_bytes(bytes(range(200)))
    (tmp_path / "secret.tif").write_bytes(b"no")
    server = start_s3(tmp_path, {"b": tmp_path / "folder"})
    yield server
    end(server)


def ask(server, method, target, **fields):
    connection = http.client.HTTPConnection(HOST, server.port)
    connection.request(method, target, headers=fields)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=90-", (90, 10)),
        ("bytes=95-300", (95, 5)),
        ("bytes=-7", (93, 7)),
        ("bytes=-700", (0, 100)),
        ("bytes=100-", None),
    ],
)
def test_ranges_are_those_of_rfc_9110(text, expected):
    assert find_span(text, 100) == expected


async def test_our_client_reads_from_it_and_every_get_is_counted(s3):
    store = S3Store("b", "deep", s3_settings(s3_environment(s3)))
    info = await store.head("a.tif")
    assert info.size == 200
    before = count_gets(s3)
    assert await store.get_range("a.tif", 10, 5, if_match=info.etag) == bytes(range(10, 15))
    assert count_gets(s3) - before == 1
    with pytest.raises(PreconditionFailed):
        await store.get_range("a.tif", 10, 5, if_match='"other"')
    with pytest.raises(ObjectNotFound):
        await store.get("b.tif")
    await store.close()


def test_conditions_and_heads_have_no_content(s3):
    status, fields, body = ask(s3, "HEAD", "/b/deep/a.tif")
    assert (status, fields["content-length"], body) == (200, "200", b"")
    assert ask(s3, "GET", "/b/deep/a.tif", **{"If-None-Match": fields["etag"]})[0::2] == (304, b"")
    status, part, body = ask(s3, "GET", "/b/deep/a.tif", Range="bytes=190-")
    assert (status, part["content-range"], body) == (206, "bytes 190-199/200", bytes(range(190, 200)))
    assert ask(s3, "GET", "/b/deep/a.tif", Range="bytes=200-")[0] == 416
    assert ask(s3, "GET", "/b/deep/a.tif", Range="bytes=a-b")[0] == 416


@pytest.mark.parametrize("target", ["/b/../secret.tif", "/b/deep", "/c/deep/a.tif", "/b/", "/"])
def test_what_is_no_object_of_a_bucket_is_not_found(s3, target):
    status, _, body = ask(s3, "GET", target)
    assert status == 404
    assert b"NoSuchKey" in body


def test_nothing_can_be_written(s3):
    assert ask(s3, "PUT", "/b/new.tif")[0] == 405
