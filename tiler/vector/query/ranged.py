"""An object read by ranges as if it were a file, from threads other than the event loop's."""

import asyncio
import io

from core.errors import Unavailable
from core.storage import ObjectInfo, ObjectReader

_TIMEOUT_S = 60.0


class RangedFile(io.RawIOBase):
    """A file that can be read and sought in; each read is one range of one version of an object.

    Used by a thread while the event loop runs elsewhere: from the loop's own
    thread it would wait for itself.
    """

    def __init__(self, store: ObjectReader, info: ObjectInfo, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._store, self._info, self._loop = store, info, loop
        self._at = 0
        self.bytes_read = 0
        """Bytes that the store was asked for."""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be sought in."""
        return True

    def tell(self) -> int:
        """Return the offset of the next read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, as files do."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._info.size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return the bytes that follow, all of them but at the end of the object.

        Raises:
            ObjectNotFound: It is gone.
            PreconditionFailed: It is another one by now.
            Unavailable: The store does not answer.
        """
        left = max(self._info.size - self._at, 0)
        length = left if size < 0 else min(size, left)
        if length == 0:
            return b""
        asked = self._store.get_range(self._info.key, self._at, length, if_match=self._info.etag)
        try:
            data = asyncio.run_coroutine_threadsafe(asked, self._loop).result(_TIMEOUT_S)
        except TimeoutError:
            raise Unavailable(f"the object store does not give {self._info.key} in {_TIMEOUT_S:g} s") from None
        self._at += len(data)
        self.bytes_read += len(data)
        return data
