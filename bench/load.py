"""The load generator: a program of its own, so that its CPU time is nobody's.

`python -m bench.load` reads one `Load` as JSON from its standard input, sends every
request once over HTTP/1.1 connections kept alive (RFC 9112), and prints one `Outcome`.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

_REQUEST_TIMEOUT_S = 60.0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send."""

    urls: tuple[str, ...]
    """Requests in the order they are begun, all to the same server."""

    connections: int
    """Requests under way at a time."""

    encoding: str = ""
    """Content coding that is asked for, empty for none; bodies are counted as they come."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    requests: int
    """Requests sent."""

    failures: int
    """Answers other than 200, and requests that got none."""

    first_failure: str
    """What went wrong first; empty when nothing did."""

    received: int
    """Bytes of all bodies."""

    wall_s: float
    """From the first request to the last answer, seconds."""

    p50_ms: float
    """Time to a whole answer that half of the requests did not exceed, milliseconds."""

    p99_ms: float
    """The same for 99 of 100 requests."""


class Connection:
    """One HTTP/1.1 connection, opened when needed and again after the server closed it."""

    def __init__(self, host: str, port: int, encoding: str = "") -> None:
        self._host = host
        self._port = port
        self._fields = f"Accept: */*\r\nAccept-Encoding: {encoding}\r\n" if encoding else "Accept: */*\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, target: str) -> tuple[int, bytes]:
        """Send one GET and return status and body.

        Raises:
            OSError: The server cannot be reached or hung up.
            ValueError: The answer is not HTTP/1.1.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{self._fields}\r\n".encode())
        try:
            status, headers = _parse_head(await reader.readuntil(b"\r\n\r\n"))
            body = await _read_body(reader, status, headers)
        except asyncio.IncompleteReadError as err:
            self.close()
            raise ConnectionResetError("the server closed the connection before the end of the answer") from err
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, body

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def send(load: Load) -> Outcome:
    """Send every request of a load once and say what came back."""
    if not load.urls:
        return summarise([], [], received=0, wall_s=0.0)
    pending = iter(load.urls)
    latencies_ms: list[float] = []
    failures: list[str] = []
    began = time.perf_counter()
    received = await asyncio.gather(
        *(_worker(pending, load.encoding, latencies_ms, failures) for _ in range(min(load.connections, len(load.urls))))
    )
    return summarise(latencies_ms, failures, received=sum(received), wall_s=time.perf_counter() - began)


def summarise(latencies_ms: list[float], failures: list[str], *, received: int, wall_s: float) -> Outcome:
    """Reduce what the connections saw to an outcome; percentiles are nearest-rank."""
    ordered = sorted(latencies_ms) or [0.0]
    return Outcome(
        requests=len(latencies_ms),
        failures=len(failures),
        first_failure=failures[0] if failures else "",
        received=received,
        wall_s=wall_s,
        p50_ms=_percentile(ordered, 50),
        p99_ms=_percentile(ordered, 99),
    )


def _percentile(ordered: list[float], percent: int) -> float:
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank, 1) - 1]


async def _worker(pending: Iterator[str], encoding: str, latencies_ms: list[float], failures: list[str]) -> int:
    connection: Connection | None = None
    received = 0
    for url in pending:
        parts = urlsplit(url)
        if connection is None:
            connection = Connection(parts.hostname or "", parts.port or 80, encoding)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                status, body = await connection.get(f"{parts.path}?{parts.query}" if parts.query else parts.path)
        except (OSError, ValueError, asyncio.LimitOverrunError) as err:
            connection.close()
            failures.append(f"{type(err).__name__} {err} for {url}")
        else:
            received += len(body)
            if status != 200:
                failures.append(f"status {status} for {url}")
        latencies_ms.append(1000.0 * (time.perf_counter() - began))
    if connection is not None:
        connection.close()
    return received


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1."):
        msg = f"{first[:80]!r} is not a status line of HTTP/1.1"
        raise ValueError(msg)
    fields = (line.partition(":") for line in lines if line)
    return int(first.split(" ")[1]), {name.strip().lower(): value.strip() for name, _, value in fields}


async def _read_body(reader: asyncio.StreamReader, status: int, headers: dict[str, str]) -> bytes:
    if status in {204, 304}:
        return b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    raise ValueError("the answer has neither Content-Length nor chunks, so its end cannot be told")


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":  # trailer fields
        continue
    return b"".join(chunks)


def main() -> int:
    """Run one load given on standard input."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(send(load))) + b"\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
