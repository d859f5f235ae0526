"""An S3 server that only reads, and counts: `python -m bench.s3_server PORT BUCKET=FOLDER ...`.

It is a program of its own, so that its CPU time is nobody's. It knows GET and HEAD with
`Range`, `If-Match` and `If-None-Match` (RFC 9110), asks for no signature, and tells at
`/-/gets` how many GETs each object had.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit

import msgspec
import uvloop

from bench.server import HOST

COUNTS = "/-/gets"
READY = "/-/ready"

_HEAD_BYTES = 64 * 1024
"""Longest head of a request."""

_REASONS = {
    200: "OK",
    206: "Partial Content",
    304: "Not Modified",
    404: "Not Found",
    405: "Method Not Allowed",
    412: "Precondition Failed",
    416: "Range Not Satisfiable",
}
_CODES = {404: "NoSuchKey", 405: "MethodNotAllowed", 412: "PreconditionFailed", 416: "InvalidRange"}


class Buckets:
    """Folders as buckets, and how often each object was asked for."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self._folders = {name: folder.resolve() for name, folder in folders.items()}
        self.gets: Counter[str] = Counter()

    def answer(self, method: str, target: str, fields: dict[str, str]) -> bytes:
        """Return the whole answer to a request."""
        if target == READY:
            return _encode(200, {}, b"ready")
        if target == COUNTS:
            return _encode(200, {"content-type": "application/json"}, msgspec.json.encode(self.gets))
        if method not in {"GET", "HEAD"}:
            return _encode(405, {}, _error(405))
        bucket, _, key = unquote(urlsplit(target).path).lstrip("/").partition("/")
        if method == "GET":
            self.gets[f"{bucket}/{key}"] += 1
        try:
            descriptor = os.open(self._path(bucket, key), os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, KeyError, ValueError):
            return _encode(404, {}, b"" if method == "HEAD" else _error(404))
        try:
            return _read(descriptor, fields, head=method == "HEAD")
        finally:
            os.close(descriptor)

    def _path(self, bucket: str, key: str) -> Path:
        folder = self._folders[bucket]
        path = folder / key
        if not key or ".." in key.split("/") or path.is_dir():
            msg = f"{key!r} is no key"
            raise ValueError(msg)
        return path


def find_span(text: str, size: int) -> tuple[int, int] | None:
    """Return first byte and length of a range (RFC 9110, section 14.1.2), None when the object has no byte of it.

    Args:
        text: The field `Range`: `bytes=` and one range.
        size: Length of the object, bytes.
    """
    first, _, last = text.removeprefix("bytes=").partition("-")
    start = max(0, size - int(last)) if not first else int(first)
    end = size if not (first and last) else min(size, int(last) + 1)
    return (start, end - start) if start < end else None


def _read(descriptor: int, fields: dict[str, str], *, head: bool) -> bytes:
    status = os.fstat(descriptor)
    etag = f'"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"'
    answered = {
        "etag": etag,
        "last-modified": formatdate(status.st_mtime, usegmt=True),
        "accept-ranges": "bytes",
        "content-type": "application/octet-stream",
    }
    if fields.get("if-match", etag) != etag:
        return _encode(412, answered, b"" if head else _error(412))
    if fields.get("if-none-match") == etag:
        return _encode(304, answered, b"")
    span: tuple[int, int] | None = (0, status.st_size)
    code = 200
    if "range" in fields:
        span, code = find_span(fields["range"], status.st_size), 206
        if span is None:
            return _encode(416, answered | {"content-range": f"bytes */{status.st_size}"}, _error(416))
        answered["content-range"] = f"bytes {span[0]}-{span[0] + span[1] - 1}/{status.st_size}"
    assert span is not None
    if head:
        return _encode(code, answered, b"", length=span[1])
    return _encode(code, answered, os.pread(descriptor, span[1], span[0]))


def _encode(code: int, fields: dict[str, str], body: bytes, *, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {code} {_REASONS[code]}", *(f"{name}: {value}" for name, value in fields.items())]
    if code != 304:
        lines.append(f"content-length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _error(code: int) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{_CODES[code]}</Code></Error>'.encode()


class Connection(asyncio.Protocol):
    """One client: requests without content, answered one after the other."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._pending = b""
        self._write: Callable[[bytes], None] = _nowhere
        self._close: Callable[[], None] = _nowhere

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self._write, self._close = cast("asyncio.Transport", transport).write, transport.close

    def data_received(self, data: bytes) -> None:
        """Answer every request that is there whole."""
        self._pending += data
        while b"\r\n\r\n" in self._pending:
            head, _, self._pending = self._pending.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ", 2)
            split = (line.partition(":") for line in lines)
            fields = {name.strip().lower(): value.strip() for name, _, value in split}
            try:
                answer = self._buckets.answer(method, target, fields)
            except ValueError:  # a range that is none
                answer = _encode(416, {}, _error(416))
            self._write(answer)
        if len(self._pending) > _HEAD_BYTES:
            self._close()


def _nowhere(*_: bytes) -> None:
    """Stand for a connection that is not made yet."""


async def _serve(port: int, buckets: Buckets) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(buckets), HOST, port)
    async with server:
        await server.serve_forever()


def main(arguments: list[str]) -> int:
    """Serve until ended."""
    port, *named = arguments
    folders = {name: Path(folder) for name, _, folder in (one.partition("=") for one in named)}
    uvloop.run(_serve(int(port), Buckets(folders)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
