import asyncio
import io
import subprocess
import sys
from contextlib import asynccontextmanager

import msgspec
import numpy as np
import pytest
from PIL import Image

from bench.soak import Kind, Soak, Soaked, Step, colour_of, find_answer, run


def jpeg(colour, other=None):
    pixels = np.random.default_rng(1).integers(0, 30, (64, 64, 3)) + np.array(colour)
    if other is not None:
        pixels[:10] += np.array(other) - np.array(colour)
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "JPEG", quality=85)
    return out.getvalue()


RED, BLUE = (180, 30, 30), (30, 30, 180)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (jpeg(RED), "red"),
        (jpeg(BLUE), "blue"),
        (jpeg(RED, BLUE), "mixed"),
        (jpeg((90, 90, 90)), "neither"),
        (b"{}", "no JPEG"),
    ],
    ids=["red", "blue", "mixed", "grey", "text"],
)
def test_a_picture_of_two_versions_is_told(body, expected):
    assert colour_of(body) == expected


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", (200, b"abc")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", None),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", (304, b"")),
        (b"HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 200 OK\r\nContent-", None),
    ],
)
def test_an_answer_ends_where_it_says(got, expected):
    assert find_answer(got) == expected


@asynccontextmanager
async def answering(answer):
    async def serve(reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                status, body = answer(head)
                writer.write(f'HTTP/1.1 {status} X\r\nETag: "7"\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + body)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.sleep(0.02)


def answer(head):
    if b'If-None-Match: "7"' in head:
        return 304, b""
    if b"/gone" in head:
        return 404, b"no"
    return 200, jpeg(RED if hash(head) % 2 else BLUE)


KINDS = (
    Kind(name="plain", weight=2, targets=("/a", "/b")),
    Kind(name="known", weight=1, targets=("/a",), statuses=(304,), known=True),
    Kind(name="gone", weight=1, targets=("/gone",), statuses=(404,)),
    Kind(name="seen", weight=1, targets=("/c?1", "/c?2", "/c?3", "/c?4"), watched=True),
)


async def test_kinds_are_mixed_as_weighted_and_every_answer_is_judged():
    steps = []
    async with answering(answer) as port:
        soaked = await run(Soak(port=port, kinds=KINDS, requests=1000, connections=4), steps.append)
    assert (soaked.requests, soaked.wrong, soaked.first_wrong) == (1000, 0, "")
    assert set(soaked.statuses) == {"plain 200", "known 304", "gone 404", "seen 200"}
    assert soaked.statuses["plain 200"] == pytest.approx(400, abs=70)
    assert soaked.red + soaked.blue == soaked.statuses["seen 200"]
    assert steps == list(range(10, 1001, 10))


async def test_a_status_that_is_not_allowed_is_wrong():
    async with answering(lambda _: (503, b"busy")) as port:
        soaked = await run(Soak(port=port, kinds=KINDS[:1], requests=20, connections=2), lambda _: None)
    assert soaked.wrong == 20
    assert soaked.first_wrong.startswith("status 503 for /")


async def test_a_picture_that_mixes_versions_is_wrong():
    async with answering(lambda _: (200, jpeg(RED, BLUE))) as port:
        soaked = await run(Soak(port=port, kinds=KINDS[3:], requests=5, connections=1), lambda _: None)
    assert soaked.wrong == 5
    assert "a picture that is mixed for /c?" in soaked.first_wrong


async def test_the_program_reads_a_load_and_tells_its_steps():
    async with answering(answer) as port:
        soak = msgspec.json.encode(Soak(port=port, kinds=KINDS[:1], requests=3, connections=1))
        ended = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "bench.soak"], input=soak, capture_output=True, check=True
        )
    *steps, last = (msgspec.json.decode(line, type=Step | Soaked) for line in ended.stdout.splitlines())
    assert [step.done for step in steps] == [1, 2, 3]
    assert last.requests == 3
