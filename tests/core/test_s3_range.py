"""core.s3_range: one request for each range, signed as AWS tells, and everything else left to the full client."""

import asyncio
import calendar
from contextlib import asynccontextmanager
from hashlib import sha256

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from core import s3_range
from core.errors import Unavailable
from core.s3_range import RangeReader, RangeSigner
from core.s3_settings import S3Settings

CONTENT = bytes(range(256)) * 20


@asynccontextmanager
async def serving(answer):
    """Serve `answer(request)` as bytes, nothing where it is None; yields reader and requests, a list a connection."""
    connections = []

    async def serve(reader, writer):
        requests = []
        connections.append(requests)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                requests.append(head)
                data = answer(head)
                if data is not None:
                    writer.write(data)
                    await writer.drain()
                if data == b"":
                    break
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ranges = RangeReader("b", S3Settings(endpoint=endpoint, access_key="k", secret_key="s"))
        yield ranges, connections
        await ranges.close()
        await asyncio.sleep(0.02)


def part_of(head, *fields, status="206 Partial Content"):
    first, last = map(int, head.partition(b"bytes=")[2].split(b"\r\n")[0].split(b"-"))
    body = CONTENT[first : last + 1]
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def test_ranges_come_over_one_connection_with_their_condition():
    async with serving(part_of) as (ranges, connections):
        assert await ranges.get("a/b c.tif", 10, 30, '"tag"') == CONTENT[10:40]
        assert await ranges.get("a/b c.tif", 5000, 500, "") == CONTENT[5000:]
    (requests,) = connections
    assert [one.split(b" ")[1] for one in requests] == [b"/b/a/b%20c.tif"] * 2
    assert b'\r\nif-match: "tag"\r\n' in requests[0]
    assert b"if-match" not in requests[1]


async def test_ranges_asked_for_at_once_get_each_its_own_bytes():
    async with serving(part_of) as (ranges, connections):
        found = await asyncio.gather(*(ranges.get("k", at, 50, "") for at in range(40)))
        again = await asyncio.gather(*(ranges.get("k", at, 50, "") for at in range(40)))
    assert found == again == [CONTENT[at : at + 50] for at in range(40)]
    assert len(connections) == 40


async def test_a_long_range_is_read_whole_and_its_room_given_back():
    content = bytes(range(256)) * 12_000
    head = f"HTTP/1.1 206 Partial Content\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    async with serving(lambda asked: part_of(asked) if b"bytes=0-9\r" in asked else head + content) as (ranges, _):
        assert await ranges.get("k", 0, len(content), "") == content
        (connection,) = ranges._pool().idle
        assert len(connection._space) < 100_000
        assert await ranges.get("k", 0, 10, "") == CONTENT[:10]


async def test_a_connection_that_says_more_than_asked_is_not_used_again():
    async with serving(lambda head: part_of(head) + b"more") as (ranges, _):
        assert await ranges.get("k", 0, 3, "") == CONTENT[:3]
        assert ranges._pool().idle == []


async def test_beyond_its_connections_it_leaves_ranges_to_the_full_client(monkeypatch):
    monkeypatch.setattr(s3_range, "MAX_CONNECTIONS", 3)
    async with serving(part_of) as (ranges, connections):
        found = await asyncio.gather(*(ranges.get("k", 0, 5, "") for _ in range(9)))
    assert len(connections) == 3
    assert found.count(None) == 6


@pytest.mark.parametrize(
    "answer",
    [
        lambda head: part_of(head, status="412 Precondition Failed"),
        lambda head: part_of(head, status="503 Slow Down"),
        lambda head: b"HTTP/1.1 200 OK\r\nContent-Length: 5120\r\n\r\n" + CONTENT,
        lambda head: b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5120\r\n\r\n" + CONTENT,
        lambda head: b"HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        lambda head: b"SSH-2.0-x\r\n\r\n",
        lambda head: b"x" * 40_000,
        lambda head: b"",
    ],
    ids=["changed", "busy", "whole", "too long", "chunked", "no http", "endless head", "hang up"],
)
async def test_whatever_is_not_the_range_is_left_to_the_full_client(answer):
    async with serving(answer) as (ranges, _):
        assert await ranges.get("k", 0, 20, "") is None


async def test_an_answer_that_does_not_end_is_given_up_after_a_while(monkeypatch):
    monkeypatch.setattr(s3_range, "_TIMEOUT_S", 0.1)
    async with serving(lambda head: part_of(head)[:-5]) as (ranges, _):
        with pytest.raises(Unavailable, match="does not give k in"):
            await ranges.get("k", 0, 20, "")
        assert ranges._pool().idle == []


async def test_a_connection_the_server_closed_is_not_used_again():
    async with serving(lambda head: part_of(head, "Connection: close")) as (ranges, connections):
        assert await ranges.get("k", 0, 3, "") == CONTENT[:3]
        assert await ranges.get("k", 3, 3, "") == CONTENT[3:6]
    assert [len(requests) for requests in connections] == [1, 1]


async def test_a_caller_that_goes_away_takes_its_connection_along():
    async with serving(lambda head: None) as (ranges, _):
        task = asyncio.create_task(ranges.get("k", 0, 3, ""))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ranges._pool().idle == []
        assert ranges._pool().taken == 0


async def test_no_server_is_left_to_the_full_client():
    async with serving(part_of) as (ranges, _):
        pass
    assert await ranges.get("k", 0, 3, "") is None


async def test_behind_a_proxy_nothing_is_asked_directly(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    async with serving(part_of) as (ranges, connections):
        assert await ranges.get("k", 0, 3, "") is None
    assert connections == []


@pytest.mark.parametrize("token", ["", "session"])
def test_the_signature_is_that_of_botocore(token, monkeypatch):
    settings = S3Settings(
        endpoint="http://127.0.0.1:9000", region="gra", access_key="AK", secret_key="SK", session_token=token
    )
    at = calendar.timegm((2031, 2, 3, 4, 5, 6))
    ours = RangeSigner("127.0.0.1:9000", settings).sign("/b/a%20b.tif", "bytes=5-9", "", now=at)
    fields = dict(line.split(": ", 1) for line in ours.decode().split("\r\n")[1:] if line)
    request = AWSRequest("GET", "http://127.0.0.1:9000/b/a%20b.tif", headers={"range": "bytes=5-9"})
    request.headers["X-Amz-Content-SHA256"] = sha256(b"").hexdigest()
    if token:
        request.headers["X-Amz-Security-Token"] = token
    request.headers["X-Amz-Date"] = request.context["timestamp"] = "20310203T040506Z"
    theirs = botocore.auth.S3SigV4Auth(Credentials("AK", "SK", token or None), "s3", "gra")
    canonical = theirs.canonical_request(request)
    signature = theirs.signature(theirs.string_to_sign(request, canonical), request)
    assert fields["authorization"].rpartition("Signature=")[2] == signature
    assert fields["x-amz-date"] == "20310203T040506Z"
