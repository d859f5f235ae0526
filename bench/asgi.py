"""The little of ASGI that programs of the bench need."""

from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]

Make = Callable[[str], Awaitable[bytes]]
"""Makes the body of a path, compressed by gzip."""


class TileApp:
    """Answers every path but `/ready` with what a function makes of it, each time anew."""

    def __init__(self, begin: Callable[[], Awaitable[Make]]) -> None:
        """Take a function that is called once, before the first request, for the one that makes tiles."""
        self._begin = begin
        self._make: Make | None = None

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await live(receive, send)
            return
        if self._make is None:
            self._make = await self._begin()
        path = scope["path"]
        ready = path == "/ready"
        await answer(send, b"ok" if ready else await self._make(path), gzipped=not ready)


async def answer(send: Any, body: bytes, *, gzipped: bool) -> None:
    """Send a whole answer with no field more than a client needs."""
    headers = [(b"content-length", str(len(body)).encode())]
    if gzipped:
        headers.append((b"content-encoding", b"gzip"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def live(receive: Any, send: Any) -> None:
    """Follow the life of the server (ASGI lifespan protocol)."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


def place_of(path: str) -> tuple[int, int, int]:
    """Return z, x, y of a path that ends in `/{z}/{x}/{y}.mvt`."""
    z, x, file = path.rsplit("/", 3)[1:]
    return int(z), int(x), int(file.partition(".")[0])
