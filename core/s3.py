"""The object store as a bucket of an S3 server.

Ranges, which are asked for at every tile, come over connections of our own (`core.s3_range`), and
through obstore when the answer is not simply the bytes asked for; other reading goes through
obstore, and everything else through botocore.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import (
    BaseError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from core.errors import GeoplateformeError, ObjectNotFound, PreconditionFailed, RangeNotSatisfiable, Unavailable
from core.s3_client import CREDENTIALS_REMEDY, ENDPOINT_REMEDY, PART_BYTES, S3Client, mapped_errors, upload_parts
from core.s3_range import RangeReader
from core.s3_settings import DEFAULT_REGION, S3Settings
from core.storage import ObjectInfo, StoredObject, check_key

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult, ObjectMeta

_STATUS = re.compile(r"status code: (\d{3}[^:]*)")
_CODE = re.compile(r"<Code>([^<]*)</Code>")


class S3Store:
    """Objects of a bucket, below a prefix.

    Keys with control characters are refused: the XML in which S3 lists keys cannot carry them.
    """

    def __init__(self, bucket: str, prefix: str, settings: S3Settings) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._region = settings.region
        self._client = S3Client(settings)
        self._reader = _open_reader(bucket, settings)
        self._ranges = RangeReader(bucket, settings)

    def location(self, key: str) -> str:
        """Return `s3://bucket/prefix/key`."""
        return f"s3://{self._bucket}/{self._full(key)}"

    async def head(self, key: str) -> ObjectInfo:
        """Return size and ETag of an object."""
        with _mapped_errors(key):
            return _info(key, await obstore.head_async(self._reader, self._full(key)))

    async def get(self, key: str, *, if_none_match: str = "") -> StoredObject | None:
        """Return an object, or None when its ETag still equals `if_none_match`."""
        options: GetOptions = {"if_none_match": if_none_match} if if_none_match else {}
        with _mapped_errors(key):
            try:
                answer = await obstore.get_async(self._reader, self._full(key), options=options)
            except NotModifiedError:
                return None
            return await _whole(key, answer)

    async def get_start(self, key: str, length: int) -> StoredObject:
        """Return the first bytes of an object, with its size and ETag."""
        try:
            with _mapped_errors(key):
                answer = await obstore.get_async(self._reader, self._full(key), options={"range": (0, length)})
                return await _whole(key, answer)
        except _BadRange:  # an empty object has no first byte
            return StoredObject(await self.head(key), b"")

    async def get_range(self, key: str, offset: int, length: int, *, if_match: str = "") -> bytes:
        """Return `length` bytes from `offset`, fewer when the object ends before."""
        if length <= 0:
            return await self._no_bytes(key, offset, length, if_match)
        data = await self._ranges.get(self._full(key), offset, length, if_match)
        if data is not None:
            return data
        options: GetOptions = {"range": (offset, offset + length)}
        if if_match:
            options["if_match"] = if_match
        try:
            with _mapped_errors(key):
                answer = await obstore.get_async(self._reader, self._full(key), options=options)
                return bytes(await answer.bytes_async())
        except _BadRange:
            return await self._no_bytes(key, offset, length, if_match)

    def near_range(self, key: str, offset: int, length: int, *, if_match: str) -> bytes | None:
        """Return None: a bucket is never so near."""
        del key, offset, length, if_match
        return None

    async def put(self, key: str, data: bytes) -> ObjectInfo:
        """Store `data` under `key`, replacing what was there."""
        sent = await self._client.call("put_object", Bucket=self._bucket, Key=self._full(key), Body=data)
        return await self._stored(key, len(data), sent)

    async def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Store the content of a local file under `key`, in parts when it is long."""
        full, size = self._full(key), path.stat().st_size
        if size <= PART_BYTES:
            return await self.put(key, await asyncio.to_thread(path.read_bytes))
        return await self._stored(key, size, await upload_parts(self._client, self._bucket, full, path))

    async def copy(self, key: str, target: str) -> ObjectInfo:
        """Store the content of `key` under `target` as well, within the server."""
        source = {"Bucket": self._bucket, "Key": self._full(key)}
        await self._client.call("copy_object", Bucket=self._bucket, Key=self._full(target), CopySource=source)
        return await self.head(target)

    async def delete(self, key: str) -> None:
        """Remove an object; one that does not exist is no error."""
        with contextlib.suppress(ObjectNotFound):
            await self._client.call("delete_object", Bucket=self._bucket, Key=self._full(key))

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """Yield the objects whose key begins with `prefix`, sorted by key.

        Names that are no keys of ours, such as the `folder/` that consoles make, are left out.
        """
        client = await self._client.botocore()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
        with mapped_errors(self._bucket):
            async for page in pages:
                for item in page.get("Contents", ()):
                    key = item["Key"].removeprefix(self._prefix)
                    if _is_key(key):
                        yield ObjectInfo(key=key, size=item["Size"], etag=_quoted(item["ETag"]))

    async def sign_get(self, key: str, *, expires_s: int) -> str:
        """Return a URL that reads `key` for `expires_s` seconds."""
        return await self._sign("get_object", key, expires_s)

    async def sign_put(self, key: str, *, expires_s: int) -> str:
        """Return a URL that writes `key` for `expires_s` seconds."""
        return await self._sign("put_object", key, expires_s)

    async def ensure_bucket(self) -> None:
        """Create the bucket unless it exists.

        Raises:
            Unavailable: The server does not answer, or does not let us.
        """
        with contextlib.suppress(ObjectNotFound):
            await self._client.call("head_bucket", Bucket=self._bucket)
            return
        place = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        await self._client.call(
            "create_bucket", Bucket=self._bucket, **({} if self._region == DEFAULT_REGION else place)
        )

    async def close(self) -> None:
        """Give back connections."""
        await self._ranges.close()
        await self._client.close()

    def _full(self, key: str) -> str:
        if not _is_key(check_key(key)):
            msg = f"{key!r} holds a control character, which S3 cannot list"
            raise ValueError(msg)
        return self._prefix + key

    async def _stored(self, key: str, size: int, answer: dict[str, Any]) -> ObjectInfo:
        """Describe what was stored; a server that does not tell the ETag is asked for it."""
        if not answer.get("ETag"):
            return await self.head(key)
        return ObjectInfo(key=key, size=size, etag=_quoted(answer["ETag"]))

    async def _no_bytes(self, key: str, offset: int, length: int, if_match: str) -> bytes:
        """Answer a range that cannot be asked for: an empty one, or one past the end."""
        info = await self.head(key)
        if if_match and if_match != info.etag:
            raise PreconditionFailed(f"{key} has changed")
        if length <= 0 and offset < info.size:
            return b""
        raise RangeNotSatisfiable(f"{key} ends at byte {info.size}, before {offset}", size=info.size)

    async def _sign(self, operation: str, key: str, expires_s: int) -> str:
        client = await self._client.botocore()
        names = {"Bucket": self._bucket, "Key": self._full(key)}
        url: str = await client.generate_presigned_url(operation, Params=names, ExpiresIn=expires_s)
        return url


class _BadRange(Exception):
    """The server has no byte of the range asked for."""


def _open_reader(bucket: str, settings: S3Settings) -> obstore.store.S3Store:
    return obstore.store.S3Store(
        bucket,
        config={
            "region": settings.region,
            "access_key_id": settings.access_key,
            "secret_access_key": settings.secret_key,
            "virtual_hosted_style_request": False,
            **({"session_token": settings.session_token} if settings.session_token else {}),
            **({"endpoint": settings.endpoint} if settings.endpoint else {}),
        },
        client_options={
            "allow_http": True,
            "connect_timeout": timedelta(seconds=3),
            "read_timeout": timedelta(seconds=15),
            "timeout": timedelta(seconds=120),
        },
        retry_config={
            "max_retries": 2,
            "retry_timeout": timedelta(seconds=15),
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
        },
    )


@contextlib.contextmanager
def _mapped_errors(key: str) -> Iterator[None]:
    """Raise our errors in the place of obstore's."""
    try:
        yield
    except (BaseError, FileNotFoundError) as err:
        raise _mapped(key, err) from err


def _mapped(key: str, error: Exception) -> GeoplateformeError | _BadRange:
    told = " ".join(str(error).split())
    if isinstance(error, FileNotFoundError):
        if "NoSuchBucket" in told:
            return Unavailable("the object store has no such bucket", "create the bucket of GEOPF_STORAGE_URL")
        return ObjectNotFound(f"nothing is stored under {key}")
    if isinstance(error, PreconditionError):
        return PreconditionFailed(f"{key} has changed")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return Unavailable(f"the object store refuses the credentials for {key}", CREDENTIALS_REMEDY)
    status = _STATUS.search(told)
    if status and status[1].startswith("416"):
        return _BadRange()
    return Unavailable(f"the object store does not give {key} ({_reason(told)})", ENDPOINT_REMEDY)


def _reason(told: str) -> str:
    """Return of obstore's message what is the same at every attempt: no durations, no request identifiers."""
    found = [match[1] for match in (_STATUS.search(told), _CODE.search(told)) if match]
    cause = told.partition(" Debug source")[0].rpartition(" - ")[2]
    return ", ".join(found) or cause.removeprefix("Generic S3 error: ")


async def _whole(key: str, answer: "GetResult") -> StoredObject:
    return StoredObject(_info(key, answer.meta), bytes(await answer.bytes_async()))


def _info(key: str, meta: "ObjectMeta") -> ObjectInfo:
    return ObjectInfo(key=key, size=meta["size"], etag=_quoted(meta["e_tag"] or ""))


def _quoted(etag: str) -> str:
    """Return a strong entity tag with its quotes: some servers leave them out."""
    bare = etag.removeprefix("W/").strip('"')
    return f'"{bare}"'


def _is_key(key: str) -> bool:
    try:
        check_key(key)
    except ValueError:
        return False
    plain = key.isascii() and key.isprintable()
    return plain or not any(character < " " or character == "\x7f" for character in key)
