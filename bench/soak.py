"""The load generator of long runs: a mixture of requests, each answer checked as it comes.

`python -m bench.soak` reads one `Soak` as JSON from its standard input and prints `Step`s and,
last, one `Soaked`, a line each. It takes a fifth of the processor time of `bench.load` a request.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import accumulate
from typing import cast

import msgspec
import uvloop

from bench.server import HOST

_TOLD = 100
"""Steps of a run that are told."""

_STILL_S = 60.0
"""Time without any answer after which the run is given up."""

_FAR = 40
"""How much red and blue of a pixel must differ for it to be told whose it is."""

_SHARE = 0.01
"""Least share of the pixels of a picture that is more than the ringing of JPEG."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one kind."""

    name: str
    weight: float
    """How many of all requests are of this kind, in relation to the other weights."""

    targets: tuple[str, ...]
    """Paths with their query."""

    statuses: tuple[int, ...] = (200,)
    """What may be answered."""

    known: bool = False
    """Sent with the entity tag of an answer got before."""

    watched: bool = False
    """Each picture must be all red or all blue: it lies in a file of which there is a red and a blue version."""


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """What to send."""

    port: int
    kinds: tuple[Kind, ...]
    requests: int
    connections: int
    seed: int = 1


class Step(msgspec.Struct, frozen=True, tag="step"):
    """How far the run is."""

    done: int


class Soaked(msgspec.Struct, frozen=True, kw_only=True, tag="soaked"):
    """What came back."""

    requests: int
    statuses: dict[str, int]
    """Number of answers by kind and status, as `crop 200`."""

    wrong: int
    """Answers with a status that the kind does not allow, or a picture that mixes versions."""

    first_wrong: str
    """The first of them; empty when there is none."""

    red: int
    """Watched pictures of the red version."""

    blue: int
    wall_s: float


class Tally:
    """Chooses requests and judges answers."""

    def __init__(self, soak: Soak, tags: dict[str, bytes], told: Callable[[int], None]) -> None:
        self._soak = soak
        self._tags = tags
        self._told = told
        self._random = random.Random(soak.seed)
        self._weights = list(accumulate(kind.weight for kind in soak.kinds))
        self._begun = self._done = 0
        self._counts: Counter[tuple[str, int]] = Counter()
        self._wrong = 0
        self._first_wrong = ""
        self._colours: Counter[str] = Counter()
        self.last = time.monotonic()
        """When the last answer came."""

    def choose(self) -> tuple[Kind, str, bytes] | None:
        """Return the next request, as kind, target and bytes to send; None when all are begun."""
        if self._begun == self._soak.requests:
            return None
        self._begun += 1
        (kind,) = self._random.choices(self._soak.kinds, cum_weights=self._weights)
        target = self._random.choice(kind.targets)
        tag = b"If-None-Match: " + self._tags[target] + b"\r\n" if kind.known else b""
        return kind, target, _request(target, self._soak.port, tag)

    def judge(self, kind: Kind, target: str, status: int, body: bytes) -> None:
        """Take note of an answer; status 0 stands for none."""
        self._done += 1
        self.last = time.monotonic()
        self._counts[kind.name, status] += 1
        if status not in kind.statuses:
            self._note(f"status {status} for {target}: {body[:200]!r}")
        elif kind.watched and status == 200:
            colour = colour_of(body)
            self._colours[colour] += 1
            if colour not in {"red", "blue"}:
                self._note(f"a picture that is {colour} for {target}")
        if self._done % max(1, self._soak.requests // _TOLD) == 0:
            self._told(self._done)

    def outcome(self, wall_s: float) -> Soaked:
        """Return what came back so far."""
        return Soaked(
            requests=self._done,
            statuses={f"{name} {status}": count for (name, status), count in sorted(self._counts.items())},
            wrong=self._wrong,
            first_wrong=self._first_wrong,
            red=self._colours["red"],
            blue=self._colours["blue"],
            wall_s=wall_s,
        )

    def _note(self, what: str) -> None:
        self._wrong += 1
        self._first_wrong = self._first_wrong or what


def colour_of(body: bytes) -> str:
    """Return `red`, `blue`, `mixed` when a JPEG shows both, or `neither`."""
    import numpy as np
    import simplejpeg

    try:
        pixels = simplejpeg.decode_jpeg(body, colorspace="RGB")[::2, ::2].astype(np.int16)
    except ValueError:
        return "no JPEG"
    over = pixels[..., 0] - pixels[..., 2]
    red, blue = float((over > _FAR).mean()) > _SHARE, float((over < -_FAR).mean()) > _SHARE
    return "mixed" if red and blue else "red" if red else "blue" if blue else "neither"


class Client(asyncio.Protocol):
    """One connection, with one request under way at a time."""

    def __init__(self, tally: Tally, ended: Callable[[], None]) -> None:
        self._tally = tally
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._under_way: tuple[Kind, str, bytes] | None = None
        self._got = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        """Judge the answer once it is there whole."""
        self._got += data
        found = find_answer(self._got)
        if found is not None and self._under_way is not None:
            kind, target, _ = self._under_way
            self._got.clear()
            self._tally.judge(kind, target, *found)
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count an answer that did not come."""
        if self._under_way is not None:
            reason = f"the connection ended ({exc!r}) after {bytes(self._got[:300])!r}"
            self._tally.judge(*self._under_way[:2], 0, reason.encode())
        self._ended()

    def _next(self) -> None:
        assert self._transport is not None, "it is connected"
        self._under_way = self._tally.choose()
        if self._under_way is None:
            self._transport.close()
        else:
            self._transport.write(self._under_way[2])


def find_answer(got: bytes | bytearray) -> tuple[int, bytes] | None:
    """Return status and body of an answer that is there whole, else None; its length must be told."""
    end = got.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(got[:end]).lower()
    status = int(head[9:12])
    at = head.find(b"\r\ncontent-length:")
    length = 0 if at < 0 or status in {204, 304} else int(head[at + 17 :].split(b"\r\n", 1)[0])
    return (status, bytes(got[end + 4 : end + 4 + length])) if len(got) >= end + 4 + length else None


async def run(soak: Soak, told: Callable[[int], None]) -> Soaked:
    """Send everything and say what came back.

    Raises:
        OSError: The server cannot be reached.
        TimeoutError: It does not answer any more.
    """
    loop = asyncio.get_running_loop()
    tags = {
        target: await _tag_of(target, soak.port) for kind in soak.kinds if kind.known for target in set(kind.targets)
    }
    tally, finished, still = Tally(soak, tags, told), asyncio.Event(), soak.connections

    def end() -> None:
        nonlocal still
        still -= 1
        if still == 0:
            finished.set()

    began = time.monotonic()
    for _ in range(soak.connections):
        await loop.create_connection(lambda: Client(tally, end), HOST, soak.port)
    while not finished.is_set():
        try:
            await asyncio.wait_for(finished.wait(), 1.0)
        except TimeoutError:
            if time.monotonic() - tally.last > _STILL_S:
                raise
    return tally.outcome(time.monotonic() - began)


async def _tag_of(target: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(_request(target, port, b"Connection: close\r\n"))
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    fields = (line.partition(b":") for line in head.split(b"\r\n"))
    return next(value.strip() for name, _, value in fields if name.strip().lower() == b"etag")


def _request(target: str, port: int, fields: bytes) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: {HOST}:{port}\r\nAccept: */*\r\n".encode() + fields + b"\r\n"


def _tell(event: Step | Soaked) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    """Run one load given on standard input."""
    soak = msgspec.json.decode(sys.stdin.buffer.read(), type=Soak)
    _tell(uvloop.run(run(soak, lambda done: _tell(Step(done)))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
