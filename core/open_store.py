"""The object store that the settings name."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.directory import DirectoryStore
from core.errors import BadSetting
from core.s3_settings import s3_settings
from core.settings import CoreSettings, read_settings
from core.storage import ObjectStore

FOLDER = "objects"
"""Folder of the object store under the data folder, when no other is named."""


def open_store(settings: CoreSettings, environ: Mapping[str, str] = os.environ) -> ObjectStore:
    """Open the object store: a folder, or a bucket of an S3 server.

    Raises:
        BadSetting: The address cannot be used, or an S3 server has no credentials.
    """
    url = settings.storage_url
    parts = urlsplit(url)
    if parts.scheme == "s3":
        if not parts.netloc or parts.query or parts.fragment:
            raise BadSetting(f"GEOPF_STORAGE_URL={url!r} is not an S3 address", "write it as s3://bucket/prefix")
        from core.s3 import S3Store  # obstore and botocore take half a second; a folder needs neither

        return S3Store(parts.netloc, parts.path.strip("/"), s3_settings(environ))
    if parts.scheme == "file":
        return _folder(Path(unquote(parts.path)))
    if parts.scheme:
        raise BadSetting(
            f"GEOPF_STORAGE_URL={url!r} is of a kind that is not known", "use s3://bucket/prefix or a folder"
        )
    return _folder(Path(url) if url else settings.data / FOLDER)


@asynccontextmanager
async def given_or_own(store: ObjectStore | None) -> AsyncIterator[ObjectStore]:
    """Give a store to work with: the one given, or else the platform's own, which is closed at the end.

    Raises:
        BadSetting: The platform's own cannot be opened.
    """
    if store is not None:
        yield store
        return
    own = open_store(read_settings(CoreSettings))
    try:
        yield own
    finally:
        await own.close()


def _folder(path: Path) -> ObjectStore:
    try:
        return DirectoryStore(path)
    except OSError as err:
        raise BadSetting(
            f"{path} cannot hold the object store ({err.strerror})", "set GEOPF_DATA or GEOPF_STORAGE_URL"
        ) from err
