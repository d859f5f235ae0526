"""The object store as the platform sees it: a folder or an S3 bucket."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import msgspec


class ObjectInfo(msgspec.Struct, frozen=True, gc=False):
    """What a store tells of an object without reading it."""

    key: str
    """Name in the store, `/`-separated, without a leading `/`."""

    size: int
    """Bytes."""

    etag: str
    """Changes when the content does; a strong entity tag with its quotes (RFC 9110, section 8.8.3)."""


class StoredObject(msgspec.Struct, frozen=True, gc=False):
    """An object with its content, or with how that begins."""

    info: ObjectInfo
    data: bytes


class ObjectReader(Protocol):
    """Reads objects. Every engine needs this and nothing more."""

    async def head(self, key: str) -> ObjectInfo:
        """Return size and ETag of an object.

        Raises:
            ObjectNotFound: Nothing is stored under `key`.
            Unavailable: The store does not answer.
        """
        ...

    async def get(self, key: str, *, if_none_match: str = "") -> StoredObject | None:
        """Return an object, or None when its ETag still equals `if_none_match`.

        Raises:
            ObjectNotFound: Nothing is stored under `key`.
            Unavailable: The store does not answer.
        """
        ...

    async def get_start(self, key: str, length: int) -> StoredObject:
        """Return the first `length` bytes of an object, fewer when it is shorter, with its size and ETag.

        Raises:
            ObjectNotFound: Nothing is stored under `key`.
            Unavailable: The store does not answer.
        """
        ...

    async def get_range(self, key: str, offset: int, length: int, *, if_match: str = "") -> bytes:
        """Return `length` bytes from `offset`, fewer when the object ends before.

        With `if_match`, the bytes come from the object that has that ETag or not at all.

        Raises:
            ObjectNotFound: Nothing is stored under `key`.
            PreconditionFailed: The object is no longer the one of `if_match`.
            RangeNotSatisfiable: `offset` is at or beyond the end.
            Unavailable: The store does not answer.
        """
        ...

    def near_range(self, key: str, offset: int, length: int, *, if_match: str) -> bytes | None:
        """Return what `get_range` would where that takes no waiting at all, else None.

        Nothing is wrong with an object when None is returned, nor right: `get_range` tells.
        """
        ...

    def location(self, key: str) -> str:
        """Return where libraries that open files themselves find an object.

        An absolute path for a folder, `s3://bucket/key` for S3.
        """
        ...


class ObjectWriter(Protocol):
    """Writes objects. An object appears whole or not at all."""

    async def put(self, key: str, data: bytes) -> ObjectInfo:
        """Store `data` under `key`, replacing what was there.

        Raises:
            StoreFull: There is no room for it.
            Unavailable: The store does not answer.
        """
        ...

    async def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Store the content of a local file under `key`; the file stays where it is.

        Raises:
            StoreFull: There is no room for it.
            Unavailable: The store does not answer.
        """
        ...

    async def copy(self, key: str, target: str) -> ObjectInfo:
        """Store the content of `key` under `target` as well; the bytes do not pass through this program.

        Objects of at most 5 GB: more S3 does not copy in one request.

        Raises:
            ObjectNotFound: Nothing is stored under `key`.
            StoreFull: There is no room for it.
            Unavailable: The store does not answer.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; one that does not exist is no error.

        Raises:
            Unavailable: The store does not answer.
        """
        ...

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """Yield the objects whose key begins with `prefix`, sorted by key in UTF-8.

        Raises:
            Unavailable: The store does not answer.
        """
        ...


class ObjectStore(ObjectReader, ObjectWriter, Protocol):
    """Reads and writes."""

    async def close(self) -> None:
        """Give back connections; the store is not used afterwards."""
        ...


class UrlSigner(Protocol):
    """Makes addresses that let a client reach an object by itself for a while."""

    async def sign_get(self, key: str, *, expires_s: int) -> str:
        """Return a URL that reads `key` for `expires_s` seconds."""
        ...

    async def sign_put(self, key: str, *, expires_s: int) -> str:
        """Return a URL that writes `key` for `expires_s` seconds."""
        ...


def check_key(key: str) -> str:
    """Return `key` if every store can hold it.

    Raises:
        ValueError: It is empty, absolute, over 1,024 bytes of UTF-8, holds a NUL
            or has an empty, `.` or `..` segment.
    """
    segments = key.split("/")
    if not key or "\0" in key or len(key.encode()) > 1024 or any(s in {"", ".", ".."} for s in segments):
        msg = f"{key!r} is not an object key"
        raise ValueError(msg)
    return key
