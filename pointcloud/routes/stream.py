"""Sends a file of the object store, whole or in ranges, a piece at a time."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable

from cachetools import LRUCache
from litestar.types import Receive, Send

from core.asgi import OPEN_TO_ALL
from core.errors import BadSource, ObjectNotFound, PreconditionFailed, RangeNotSatisfiable
from core.layer import PointCloudFile
from core.ranges import ByteRange, Part, frame_parts
from core.storage import ObjectReader

MEDIA_TYPE = "application/vnd.laszip+copc"

PIECE_BYTES = 1 << 20
"""Bytes read from the store at a time; no more of a file is in memory for one client."""

KEPT_TAGS = 10_000
"""Files whose entity tag in the store is remembered; the least used is asked again."""

AGAIN = "publish the layer again"


class Sending:
    """One answer on its way: what was sent so far, and whether the client is still there."""

    def __init__(self, send: Send, receive: Receive) -> None:
        self.send = send
        self.status = 0
        """HTTP status; 0 until the answer begins."""
        self.sent = 0
        """Bytes of content sent."""
        self._receive = receive

    async def start(self, status: int, headers: dict[str, str]) -> None:
        """Send status and header fields."""
        self.status = status
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": [*fields, *OPEN_TO_ALL]})

    async def body(self, pieces: AsyncIterator[bytes]) -> None:
        """Send the content; stop when the client goes away."""
        gone = asyncio.ensure_future(self._until_gone())
        try:
            async for piece in pieces:
                if gone.done():
                    return
                await self.send({"type": "http.response.body", "body": piece, "more_body": True})
                self.sent += len(piece)
            await self.end()
        finally:
            gone.cancel()

    async def end(self) -> None:
        """Say that nothing follows."""
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


class FileReader:
    """Reads published files; the store's entity tag of a file is asked once and kept, as keys are written once."""

    def __init__(self, store: ObjectReader) -> None:
        self._store = store
        self._tags: LRUCache[str, str] = LRUCache(KEPT_TAGS)

    async def tag(self, file: PointCloudFile, *, again: bool = False) -> str:
        """Return the store's entity tag of a file; `again` asks the store even when it is known.

        Raises:
            BadSource: The stored object is not the one that was published.
            Unavailable: The store does not answer.
        """
        etag = None if again else self._tags.get(file.href)
        if etag is None:
            try:
                info = await self._store.head(file.href)
            except ObjectNotFound as err:
                raise BadSource(f"{file.name} is published but not stored", AGAIN) from err
            if info.size != file.size:
                raise BadSource(f"{file.name} has {info.size} bytes in the store, not {file.size}", AGAIN)
            etag = self._tags[file.href] = info.etag
        return etag

    async def read(self, file: PointCloudFile, etag: str, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes of the object of `etag`.

        Raises:
            BadSource: The object is gone, or shorter.
            PreconditionFailed: The object has another tag now.
            Unavailable: The store does not answer.
        """
        try:
            data = await self._store.get_range(file.href, offset, length, if_match=etag)
        except (ObjectNotFound, RangeNotSatisfiable) as err:
            raise BadSource(f"{file.name} is not stored as it was published ({err})", AGAIN) from err
        if len(data) < length:
            raise BadSource(f"{file.name} ends after {offset + len(data)} of {file.size} bytes", AGAIN)
        return data


async def send_file(
    sending: Sending,
    reader: FileReader,
    file: PointCloudFile,
    ranges: tuple[ByteRange, ...],
    headers: dict[str, str],
    *,
    head: bool,
) -> None:
    """Answer with a file: 200 without ranges, else 206, in parts when there are several.

    Args:
        sending: The answer.
        reader: Reads the file.
        file: What the publication says of it.
        ranges: What is asked of it; empty for everything.
        headers: Fields beside those of type, length and range.
        head: Whether only the header fields are sent.

    Raises:
        BadSource: The stored object is not the one that was published.
        PreconditionFailed: The object is being replaced.
        Unavailable: The store does not answer.
    """
    headers = {**headers, "content-type": MEDIA_TYPE}
    status, parts, closing = 206, _bare(ranges), b""
    if not ranges:
        status, parts, length = 200, _bare([ByteRange(0, file.size)]), file.size
    elif len(ranges) == 1:
        length = ranges[0].length
        headers["content-range"] = ranges[0].content_range(file.size)
    else:
        boundary = secrets.token_hex(16)
        parts, closing, length = frame_parts(ranges, size=file.size, media_type=MEDIA_TYPE, boundary=boundary)
        headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
    headers["content-length"] = str(length)
    if head:
        await reader.tag(file)
        await sending.start(status, headers)
        await sending.end()
        return
    # the first piece is read before the answer begins, so that a store that fails is told
    pieces = _pieces(reader, file, await reader.tag(file), parts, closing)
    try:
        first = await anext(pieces)
    except PreconditionFailed:  # a store that was restored gives the same content another tag
        pieces = _pieces(reader, file, await reader.tag(file, again=True), parts, closing)
        first = await anext(pieces)
    await sending.start(status, headers)
    await sending.body(_chain(first, pieces))


def _bare(ranges: Iterable[ByteRange]) -> tuple[Part, ...]:
    return tuple(Part(b"", one) for one in ranges)


async def _pieces(
    reader: FileReader, file: PointCloudFile, etag: str, parts: tuple[Part, ...], closing: bytes
) -> AsyncIterator[bytes]:
    """Yield the body, at most `PIECE_BYTES` and a part's head at a time."""
    for part in parts:
        before = part.head
        for start in range(part.range.start, part.range.stop, PIECE_BYTES):
            data = await reader.read(file, etag, start, min(PIECE_BYTES, part.range.stop - start))
            yield before + data if before else data
            before = b""
    if closing:
        yield closing


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
