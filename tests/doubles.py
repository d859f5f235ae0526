"""Stand-ins for the seams of the platform."""

import hashlib
from pathlib import Path

from core.errors import ObjectNotFound, PreconditionFailed, RangeNotSatisfiable
from core.storage import ObjectInfo, StoredObject, check_key


class MemoryStore:
    """An object store in a dictionary; `failing` makes every call raise it."""

    def __init__(self):
        self.objects: dict[str, bytes] = {}
        self.calls: list[tuple[str, str]] = []
        self.failing: Exception | None = None

    def location(self, key):
        return f"memory:{key}"

    async def head(self, key):
        return self._info(key, self._read("head", key))

    async def get(self, key, *, if_none_match=""):
        data = self._read("get", key)
        info = self._info(key, data)
        return None if info.etag == if_none_match else StoredObject(info, data)

    async def get_start(self, key, length):
        data = self._read("get_start", key)
        return StoredObject(self._info(key, data), data[:length])

    async def get_range(self, key, offset, length, *, if_match=""):
        data = self._read("get_range", key)
        if if_match and if_match != self._info(key, data).etag:
            raise PreconditionFailed(f"{key} has changed")
        if offset >= len(data):
            raise RangeNotSatisfiable(f"{key} ends before {offset}", size=len(data))
        return data[offset : offset + length]

    def near_range(self, key, offset, length, *, if_match):
        return None

    async def put(self, key, data):
        check_key(key)
        self._called("put", key)
        self.objects[key] = bytes(data)
        return self._info(key, data)

    async def put_file(self, key, path):
        return await self.put(key, Path(path).read_bytes())

    async def copy(self, key, target):
        check_key(target)
        self.objects[target] = self._read("copy", key)
        return self._info(target, self.objects[target])

    async def delete(self, key):
        check_key(key)
        self._called("delete", key)
        self.objects.pop(key, None)

    async def list(self, prefix):
        self._called("list", prefix)
        for key in sorted(self.objects, key=str.encode):
            if key.startswith(prefix):
                yield self._info(key, self.objects[key])

    async def close(self):
        pass

    def _called(self, what, key):
        self.calls.append((what, key))
        if self.failing is not None:
            raise self.failing

    def _read(self, what, key):
        check_key(key)
        self._called(what, key)
        if key not in self.objects:
            raise ObjectNotFound(f"nothing is stored under {key}")
        return self.objects[key]

    @staticmethod
    def _info(key, data):
        return ObjectInfo(key=key, size=len(data), etag=f'"{hashlib.sha256(data).hexdigest()[:16]}"')
