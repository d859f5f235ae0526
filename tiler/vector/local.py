"""Objects as files of this machine, to be mapped into memory: where the store is a folder, its own; else copies."""

import asyncio
import hashlib
import os
from collections import OrderedDict
from pathlib import Path

from core.errors import BadSource, ObjectNotFound, StoreFull
from core.storage import ObjectReader

_CHUNK_BYTES = 8 << 20


class LocalFiles:
    """Keeps copies of objects that are never changed, the least recently used removed first; belongs to one event loop.

    Several programs may share the folder: a copy appears whole, and one that is removed
    stays readable for those who have it open.
    """

    def __init__(self, store: ObjectReader, folder: Path, capacity_bytes: int) -> None:
        self._store = store
        self._folder = folder
        self._capacity = capacity_bytes
        self._kept: OrderedDict[Path, int] = OrderedDict()
        self._found = False

    async def path(self, key: str) -> Path:
        """Return a file with the content of an object.

        Raises:
            BadSource: The object is missing, or larger than all copies may be together.
            StoreFull: There is no room on this machine.
            Unavailable: The store does not answer.
        """
        own = Path(self._store.location(key))
        if own.is_absolute():
            return own
        path = self.place(key)
        if await asyncio.to_thread(path.exists):
            self.keep(path)
            return path
        try:
            size = (await self._store.head(key)).size
            if size > self._capacity:
                raise BadSource(
                    f"{key} has {size:,} bytes, more than the {self._capacity:,} that copies may take",
                    "raise GEOPF_VECTOR_CACHE_BYTES",
                )
            await self._copy(key, size, path)
        except ObjectNotFound as err:
            raise BadSource(f"{key} is not in the object store", "store the layer again") from err
        self.keep(path)
        return path

    def place(self, key: str) -> Path:
        """Return where the copy of an object is, or would be."""
        return self._folder / hashlib.sha256(key.encode()).hexdigest()[:40]

    def keep(self, path: Path) -> None:
        """Count a file as used just now, and remove others while all take too much."""
        if not self._found:
            self._found = True
            known = [(one, _status(one)) for one in self._folder.glob("[0-9a-f]*")]
            there = [(one, status) for one, status in known if status is not None]
            there.sort(key=lambda pair: pair[1].st_mtime)
            self._kept = OrderedDict((one, status.st_size) for one, status in there)
        status = _status(path)
        if status is not None:
            self._kept[path] = status.st_size
            self._kept.move_to_end(path)
        while sum(self._kept.values()) > self._capacity and len(self._kept) > 1:
            oldest, _ = self._kept.popitem(last=False)
            oldest.unlink(missing_ok=True)

    async def _copy(self, key: str, size: int, path: Path) -> None:
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            with await asyncio.to_thread(aside.open, "wb") as file:
                for offset in range(0, size, _CHUNK_BYTES):
                    data = await self._store.get_range(key, offset, min(_CHUNK_BYTES, size - offset))
                    await asyncio.to_thread(file.write, data)
            await asyncio.to_thread(aside.replace, path)
        except OSError as err:
            raise StoreFull(f"a copy of {key} cannot be written ({err.strerror})", "make room on this machine") from err
        finally:
            if await asyncio.to_thread(aside.exists):
                await asyncio.to_thread(aside.unlink, missing_ok=True)


def _status(path: Path) -> os.stat_result | None:
    """Return what the system knows of a file, None when another program has removed it."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None
