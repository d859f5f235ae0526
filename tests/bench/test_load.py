import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager

import msgspec
import pytest

from bench.load import Load, Outcome, send, summarise


@asynccontextmanager
async def answering(answer):
    """Serve `answer(target)` as raw bytes; yields the base URL and the targets seen, one list a connection."""
    seen = []

    async def serve(reader, writer):
        targets = []
        seen.append(targets)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                target = head.split(b" ")[1].decode()
                targets.append(target)
                data = answer(target)
                writer.write(data)
                await writer.drain()
                if data == b"" or b"Connection: close" in data:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
        await asyncio.sleep(0.01)


def whole(body, status="200 OK", *fields):
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields])
    return f"{head}\r\n\r\n".encode() + body


async def test_every_request_is_sent_once_with_its_query():
    async with answering(lambda _: whole(b"12345")) as (base, seen):
        outcome = await send(Load(urls=tuple(f"{base}/t/{i}?q=a%20b" for i in range(20)), connections=3))
    assert sorted(target for targets in seen for target in targets) == sorted(f"/t/{i}?q=a%20b" for i in range(20))
    assert len(seen) == 3
    assert (outcome.requests, outcome.failures, outcome.received) == (20, 0, 100)


async def test_a_chunked_answer_is_read_to_its_end():
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\n"
    )
    async with answering(lambda _: chunked) as (base, seen):
        outcome = await send(Load(urls=(f"{base}/1", f"{base}/2"), connections=1))
    assert (outcome.failures, outcome.received, len(seen)) == (0, 26, 1)


async def test_a_connection_the_server_closes_is_opened_again():
    async with answering(lambda _: whole(b"x", "200 OK", "Connection: close")) as (base, seen):
        outcome = await send(Load(urls=(f"{base}/1", f"{base}/2"), connections=1))
    assert (outcome.requests, outcome.failures, len(seen)) == (2, 0, 2)


async def test_an_answer_other_than_200_is_a_failure_and_told():
    async with answering(lambda target: whole(b"", "404 Not Found" if "2" in target else "200 OK")) as (base, _):
        outcome = await send(Load(urls=(f"{base}/1", f"{base}/2"), connections=1))
    assert outcome.failures == 1
    assert outcome.first_failure == f"status 404 for {base}/2"


async def test_a_server_that_hangs_up_is_a_failure_not_an_end():
    async with answering(lambda target: b"" if target == "/1" else whole(b"x")) as (base, _):
        outcome = await send(Load(urls=(f"{base}/1", f"{base}/2"), connections=1))
    assert (outcome.requests, outcome.failures) == (2, 1)
    assert "closed the connection" in outcome.first_failure


async def test_an_answer_that_is_not_http_is_a_failure():
    async with answering(lambda _: b"SSH-2.0-x\r\n\r\n") as (base, _):
        outcome = await send(Load(urls=(f"{base}/1",), connections=1))
    assert "not a status line" in outcome.first_failure


async def test_no_server_is_a_failure():
    async with answering(lambda _: b"") as (base, _):
        pass
    outcome = await send(Load(urls=(f"{base}/1",), connections=1))
    assert (outcome.requests, outcome.failures) == (1, 1)


async def test_no_request_is_no_failure():
    assert (await send(Load(urls=(), connections=4))).requests == 0


def test_percentiles_are_nearest_rank():
    outcome = summarise([float(ms) for ms in range(200, 0, -1)], [], received=0, wall_s=1.0)
    assert (outcome.p50_ms, outcome.p99_ms) == (100.0, 198.0)


@pytest.mark.parametrize("ms", [[], [5.0]], ids=["none", "one"])
def test_percentiles_of_few_requests_are_those_there_are(ms):
    outcome = summarise(ms, [], received=0, wall_s=0.0)
    assert outcome.p50_ms == outcome.p99_ms == sum(ms)


async def test_the_program_reads_a_load_and_prints_one_outcome():
    async with answering(lambda _: whole(b"abc")) as (base, _):
        load = msgspec.json.encode(Load(urls=(f"{base}/1",), connections=1))
        ended = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "bench.load"], input=load, capture_output=True, check=True
        )
    outcome = msgspec.json.decode(ended.stdout, type=Outcome)
    assert (outcome.requests, outcome.failures, outcome.received) == (1, 0, 3)


@pytest.mark.parametrize(("encoding", "field"), [("", ""), ("gzip", "gzip")])
def test_a_coding_is_asked_for_when_told(encoding, field):
    heads = []

    async def answer(reader, writer):
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    async def ask():
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await send(Load(urls=(f"http://127.0.0.1:{port}/a",), connections=1, encoding=encoding))

    assert asyncio.run(ask()).failures == 0
    fields = dict(line.split(": ", 1) for line in heads[0].split("\r\n")[1:] if line)
    assert fields.get("accept-encoding", "") == field
