"""Calls to an S3 server that happen seldom: writing, listing, removing and signing."""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from core.errors import GeoplateformeError, ObjectNotFound, PreconditionFailed, StoreFull, Unavailable
from core.s3_settings import S3Settings

PART_BYTES = 16 * 1024 * 1024
"""Length of a part of a multipart upload; what is not longer is sent in one request."""

PARTS_AT_ONCE = 4
"""Parts of one object under way at the same time: 64 MiB of memory an upload."""

_MOST_PARTS = 10_000
"""Parts an upload may have (Amazon S3, multipart upload limits)."""

_FULL = frozenset({"QuotaExceeded", "EntityTooLarge", "InsufficientStorage", "XMinioStorageFull", "507", "413"})
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
_CHANGED = frozenset({"PreconditionFailed", "412"})
_STRANGER = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken", "401", "403"})

CREDENTIALS_REMEDY = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION"
ENDPOINT_REMEDY = "check AWS_ENDPOINT_URL and that the server runs"

_CONFIG = AioConfig(
    connect_timeout=3,
    read_timeout=60,
    retries={"total_max_attempts": 3, "mode": "standard"},
    max_pool_connections=32,
    s3={"addressing_style": "path"},
    signature_version="s3v4",
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


class S3Client:
    """A botocore client for each event loop that asks, made at its first call."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[Any]] = WeakKeyDictionary()

    async def botocore(self) -> Any:
        """Return the client of the running loop."""
        loop = asyncio.get_running_loop()
        task = self._clients.get(loop)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._clients[loop] = loop.create_task(self._open())
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Close the client of the running loop; those of other loops ended with them."""
        task = self._clients.pop(asyncio.get_running_loop(), None)
        if task is not None:
            client = await task
            await client.__aexit__(None, None, None)

    async def call(self, operation: str, **parameters: object) -> dict[str, Any]:
        """Do one operation, named as botocore names it: `put_object`.

        Raises:
            ObjectNotFound: There is no such object.
            PreconditionFailed: A condition of the call does not hold.
            StoreFull: The server has no room, or a quota is used up.
            Unavailable: The server does not answer, or refuses the credentials.
        """
        client = await self.botocore()
        with mapped_errors(str(parameters.get("Key", parameters.get("Bucket", "")))):
            answer: dict[str, Any] = await getattr(client, operation)(**parameters)
            return answer

    async def _open(self) -> Any:
        settings = self._settings
        context = get_session().create_client(
            "s3",
            endpoint_url=settings.endpoint or None,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            aws_session_token=settings.session_token or None,
            config=_CONFIG,
        )
        return await context.__aenter__()


async def upload_parts(client: S3Client, bucket: str, key: str, path: Path) -> dict[str, Any]:
    """Store a file in parts and return the answer to the call that joins them.

    When it fails or is cancelled the upload is aborted, so that nothing of it stays.

    Raises:
        StoreFull: The server has no room, or a quota is used up.
        Unavailable: The server does not answer.
    """
    size = path.stat().st_size
    step = max(PART_BYTES, -(-size // _MOST_PARTS))
    waiting = iter(enumerate(range(0, size, step), start=1))
    creating = asyncio.ensure_future(client.call("create_multipart_upload", Bucket=bucket, Key=key))
    names: dict[str, object] = {"Bucket": bucket, "Key": key}
    parts: list[dict[str, object]] = []

    async def send() -> None:
        for number, offset in waiting:
            data = await asyncio.to_thread(_read, path, offset, min(step, size - offset))
            sent = await client.call("upload_part", **names, PartNumber=number, Body=data)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})

    workers: list[asyncio.Task[None]] = []
    try:
        names["UploadId"] = (await asyncio.shield(creating))["UploadId"]
        workers = [asyncio.create_task(send()) for _ in range(PARTS_AT_ONCE)]
        await asyncio.gather(*workers)
        parts.sort(key=lambda part: int(str(part["PartNumber"])))
        return await client.call("complete_multipart_upload", **names, MultipartUpload={"Parts": parts})
    except BaseException:
        await asyncio.shield(_abort(client, creating, workers, bucket, key))
        raise


async def _abort(
    client: S3Client,
    creating: Awaitable[dict[str, Any]],
    workers: list[asyncio.Task[None]],
    bucket: str,
    key: str,
) -> None:
    """End an upload once its parts are no longer under way; a server that does not answer cannot be helped."""
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    with contextlib.suppress(GeoplateformeError):
        upload = (await creating)["UploadId"]
        await client.call("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=upload)


def _read(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    if len(data) != length:
        raise ValueError(f"{path} became shorter while it was being stored")
    return data


@contextlib.contextmanager
def mapped_errors(what: str) -> Iterator[None]:
    """Raise our errors in the place of botocore's; `what` names the key or bucket."""
    try:
        yield
    except ClientError as err:
        raise _mapped(what, err) from err
    except (BotoCoreError, OSError, TimeoutError) as err:
        raise Unavailable(f"the object store does not answer ({type(err).__name__}: {err})", ENDPOINT_REMEDY) from err


def _mapped(what: str, error: ClientError) -> GeoplateformeError:
    """Translate an answer; a HEAD has no body, so its code is the status alone."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _ABSENT:
        return ObjectNotFound(f"nothing is stored under {what}")
    if code in _CHANGED:
        return PreconditionFailed(f"{what} has changed")
    if code in _FULL:
        return StoreFull(f"no room left to store {what} ({code})", "free space in the bucket or raise its quota")
    if code in _STRANGER:
        return Unavailable(f"the object store refuses the credentials for {what} ({code})", CREDENTIALS_REMEDY)
    if code == "NoSuchBucket":
        return Unavailable(f"the object store has no such bucket ({what})", "create the bucket of GEOPF_STORAGE_URL")
    return Unavailable(f"the object store cannot do what it was asked ({error})", ENDPOINT_REMEDY)
