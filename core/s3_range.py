"""Ranges of objects over connections of our own: the one request that an engine sends for every tile.

It does what goes well and leaves everything else to the full client: `RangeReader.get` returns
None whenever the answer is not simply the bytes asked for. Requests are signed as AWS
describes it (Signature Version 4, "Authenticating Requests: Using the Authorization Header").
"""

import asyncio
import hmac
import ssl
import time
import urllib.request
from hashlib import sha256
from urllib.parse import quote, urlsplit
from weakref import WeakKeyDictionary

from core.errors import Unavailable
from core.s3_settings import S3Settings

MAX_CONNECTIONS = 64
"""Ranges under way at a time; one more is left to the full client."""

_TIMEOUT_S = 15.0
_CONNECT_TIMEOUT_S = 3.0
_MAX_HEAD_BYTES = 32 * 1024
_SPACE_BYTES, _KEPT_BYTES = 64 * 1024, 1 << 20
"""Buffer of a connection at first, and the largest it keeps for the next answer."""

_EMPTY = sha256(b"").hexdigest()
_ALGORITHM = "AWS4-HMAC-SHA256"
_PORTS = {"http": 80, "https": 443}


class RangeReader:
    """Reads ranges of the objects of a bucket; each event loop has connections of its own."""

    def __init__(self, bucket: str, settings: S3Settings) -> None:
        endpoint = urlsplit(settings.endpoint or f"https://s3.{settings.region}.amazonaws.com")
        self._host, self._port = endpoint.hostname or "", endpoint.port or _PORTS[endpoint.scheme]
        self._netloc = endpoint.netloc
        self._secure = ssl.create_default_context() if endpoint.scheme == "https" else None
        self._bucket = bucket
        self._signer = RangeSigner(endpoint.netloc, settings)
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()
        proxied = endpoint.scheme in urllib.request.getproxies()
        self._direct = not proxied or bool(urllib.request.proxy_bypass(self._host))

    async def get(self, key: str, offset: int, length: int, if_match: str) -> bytes | None:
        """Return the bytes of a range, fewer when the object ends before; None when the full client has to be asked.

        Raises:
            Unavailable: The server does not answer in time.
        """
        pool = self._pool()
        if not self._direct or pool.taken >= MAX_CONNECTIONS:
            return None
        path = quote(f"/{self._bucket}/{key}", safe="/-_.~")
        request = self._signer.sign(path, f"bytes={offset}-{offset + length - 1}", if_match)
        pool.taken += 1
        try:
            connection = await self._connect(pool)
            return None if connection is None else await connection.ask(request, length)
        except TimeoutError:
            raise Unavailable(f"the object store does not give {key} in {_TIMEOUT_S:g} s", retry_after_s=5) from None
        finally:
            pool.taken -= 1

    async def close(self) -> None:
        """Close the connections of the running loop."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        for connection in pool.idle if pool is not None else ():
            connection.abandon()

    def _pool(self) -> "_Pool":
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            pool = self._pools[loop] = _Pool()
        return pool

    async def _connect(self, pool: "_Pool") -> "_Connection | None":
        """Return a connection that nobody uses, a new one if there is none, None if the server cannot be reached."""
        while pool.idle:
            connection = pool.idle.pop()
            if not connection.lost:
                return connection
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                _, made = await loop.create_connection(
                    lambda: _Connection(pool), self._host, self._port, ssl=self._secure
                )
        except (OSError, TimeoutError):
            return None
        return made


class RangeSigner:
    """Writes signed requests for ranges."""

    def __init__(self, netloc: str, settings: S3Settings) -> None:
        self._netloc = netloc
        self._settings = settings
        self._day, self._key = "", b""
        self._second, self._stamp = -1, ""

    def sign(self, path: str, span: str, if_match: str, now: float | None = None) -> bytes:
        """Return the request for a range.

        Args:
            path: Encoded path of the object on the server.
            span: The field `Range`.
            if_match: Entity tag it must have; empty for any.
            now: Time of the signature, seconds since 1970; None for the present.
        """
        settings = self._settings
        stamp = self._time(int(time.time() if now is None else now))
        scope = f"{stamp[:8]}/{settings.region}/s3/aws4_request"
        fields = [("host", self._netloc), ("range", span), ("x-amz-content-sha256", _EMPTY), ("x-amz-date", stamp)]
        if settings.session_token:
            fields.append(("x-amz-security-token", settings.session_token))
        names = ";".join(name for name, _ in fields)
        lines = "\n".join(f"{name}:{value}" for name, value in fields)
        canonical = f"GET\n{path}\n\n{lines}\n\n{names}\n{_EMPTY}"
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(stamp[:8]), text.encode(), "sha256").hex()
        credential = f"Credential={settings.access_key}/{scope}"
        fields.append(("authorization", f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"))
        if if_match:
            fields.append(("if-match", if_match))
        head = "\r\n".join(f"{name}: {value}" for name, value in fields)
        return f"GET {path} HTTP/1.1\r\n{head}\r\n\r\n".encode()

    def _time(self, second: int) -> str:
        if second != self._second:
            self._second, self._stamp = second, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        return self._stamp

    def _signing_key(self, day: str) -> bytes:
        if day != self._day:
            key = f"AWS4{self._settings.secret_key}".encode()
            for part in (day, self._settings.region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key = day, key
        return self._key


class _Pool:
    """Connections of one event loop."""

    def __init__(self) -> None:
        self.idle: list[_Connection] = []
        self.taken = 0
        """Ranges under way."""


class _Connection(asyncio.BufferedProtocol):
    """One HTTP/1.1 connection; idle again after each answer that was read to its end.

    The kernel writes answers into a buffer of the connection's own, so that a body is copied once.
    """

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[bytes | None] | None = None
        self._space = bytearray(_SPACE_BYTES)
        self._filled = 0
        self._end = 0
        """Length of the answer, bytes; 0 until its head is there."""
        self._body = 0
        self._most = 0
        self._last = False
        self.lost = False

    async def ask(self, request: bytes, most: int) -> bytes | None:
        """Send a request; return the body of a 206 of at most `most` bytes, None for any other answer or none.

        Raises:
            TimeoutError: It does not come.
        """
        assert self._transport is not None, "it is connected"
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bytes | None] = loop.create_future()
        self._waiter = waiter
        self._most, self._end = most, 0
        timer = loop.call_later(_TIMEOUT_S, _give_up, waiter)
        self._transport.write(request)
        try:
            return await waiter
        finally:
            timer.cancel()
            if self._waiter is waiter:  # given up, or the caller went away: the rest of the answer is not waited for
                self._waiter = None
                self.abandon()

    def abandon(self) -> None:
        """Hang up."""
        self.lost = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to the server."""
        self._transport = transport  # type: ignore[assignment]  # a stream's protocol is given a Transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Return where the next bytes go."""
        return memoryview(self._space)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Look whether the answer is there whole."""
        self._filled += nbytes
        if self._waiter is None:  # nothing was asked: whatever this is, the connection is of no use any more
            self._filled = 0
            self.abandon()
        elif (self._end or self._read_head()) and self._filled >= self._end:
            body = bytes(memoryview(self._space)[self._body : self._end])
            self._last = self._last or self._filled > self._end
            self._filled = 0
            if len(self._space) > _KEPT_BYTES:
                self._space = bytearray(_SPACE_BYTES)
            self._answer(body)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Take note that the server hung up."""
        self.lost = True
        self._answer(None)

    def _read_head(self) -> bool:
        """Read the head of the answer if it is there, and make room for the body; return whether it is one."""
        at = self._space.find(b"\r\n\r\n", 0, self._filled)
        if at < 0:
            if self._filled > _MAX_HEAD_BYTES:
                self._refuse()
            return False
        head = bytes(memoryview(self._space)[:at]).lower()
        length = _field(head, b"content-length")
        if not head.startswith(b"http/1.1 206 ") or not length.isdigit() or int(length) > self._most:
            self._refuse()
            return False
        self._last = _field(head, b"connection") == b"close"
        self._body, self._end = at + 4, at + 4 + int(length)
        if self._end > len(self._space):
            space = bytearray(self._end)
            space[: self._filled] = memoryview(self._space)[: self._filled]
            self._space = space
        return True

    def _refuse(self) -> None:
        self._filled = 0
        self._answer(None)
        self.abandon()

    def _answer(self, body: bytes | None) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done():
            return
        waiter.set_result(body)
        if body is not None and not self._last:
            self._pool.idle.append(self)
        else:
            self.abandon()


def _field(head: bytes, name: bytes) -> bytes:
    at = head.find(b"\r\n" + name + b":")
    return b"" if at < 0 else head[at + len(name) + 3 :].split(b"\r\n", 1)[0].strip()


def _give_up(waiter: "asyncio.Future[bytes | None]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
