"""Files kept open, a bounded number of them, each no longer than it is the file under its name.

Opening a file costs as much as all else that is done for a tile which is sent as it is
stored. A kept file is looked at before it is used: the state that the system tells of an
open file changes when it is written to, replaced, moved or removed. What that does not
tell, a folder that was put in the place of another, is seen by looking at the name again
once a second. Whatever happened to the name, bytes read from an open file are of the object
that it was when it was opened.
"""

import errno
import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_OPEN = 128
"""Files kept open: half of what a program may have open where least is allowed, an eighth on most machines."""

IDLE_S = 10.0
"""A file not used for so long is closed, so that one which was removed gives its room on the disk back, seconds."""

SEEN_S = 0.01
"""How long a file is taken to be as it was when it was looked at, where that is enough: file systems tell the time
of a change to 4 milliseconds themselves, seconds."""

NAMED_S = 1.0
"""How long a name is taken to lead to the same file, seconds."""


class OpenFile:
    """A file open for reading; closed when nobody holds it any more."""

    __slots__ = ("_changed", "_id", "_names", "descriptor", "etag", "named", "seen", "size")

    def __init__(self, path: str, now: float) -> None:
        """Open a file.

        Args:
            path: Where it is.
            now: The time, seconds.

        Raises:
            OSError: It cannot be opened, or is no file.
        """
        self.descriptor = -1
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self.descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self.size = status.st_size
        """Bytes."""
        self.etag = etag_of(status)
        self.named = self.seen = now
        """When its name was looked at last, and when the file itself, seconds."""
        self._id = status.st_dev, status.st_ino
        self._changed = status.st_ctime_ns
        self._names = status.st_nlink

    def is_same(self) -> bool:
        """Tell whether the file is as it was when it was opened, under the name it had."""
        status = os.fstat(self.descriptor)
        return status.st_ctime_ns == self._changed and status.st_nlink == self._names and status.st_size == self.size

    def is_at(self, path: str) -> bool:
        """Tell whether a path leads to the file."""
        status = os.stat(path)  # noqa: PTH116 - a Path made of it would cost more than looking
        return (status.st_dev, status.st_ino) == self._id

    def __del__(self) -> None:
        """Close it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)


class OpenFiles:
    """The files used last, by their paths; for any number of threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep none yet; `clock` tells the time in seconds."""
        self._kept: OrderedDict[str, OpenFile] = OrderedDict()
        self._lock = threading.Lock()
        self._clock = clock

    def __len__(self) -> int:
        """Return how many are kept open."""
        return len(self._kept)

    def get(self, path: str) -> OpenFile | None:
        """Return a file that is kept open, if it is still the one at its path."""
        file = self._kept.get(path)
        if file is None:
            return None
        now = self._clock()
        good = _is_good(file, path, now)
        with self._lock:
            if self._kept.get(path) is file:
                if good:
                    self._kept.move_to_end(path)
                else:
                    del self._kept[path]
        file.seen = now
        return file if good else None

    def near(self, path: str) -> OpenFile | None:
        """Return a file that is kept open, if it was the one at its path a moment ago."""
        file = self._kept.get(path)
        if file is None or self._clock() - file.seen < SEEN_S:
            return file
        return self.get(path)

    def forget(self, path: str) -> None:
        """Keep a file open no more, as there is another one at its path."""
        if path in self._kept:
            with self._lock:
                self._kept.pop(path, None)

    def open(self, path: str) -> OpenFile:
        """Open a file and close those that were not used for a while.

        Raises:
            OSError: It cannot be opened, or is no file.
        """
        now = self._clock()
        file = OpenFile(path, now)
        with self._lock:
            while self._kept and next(iter(self._kept.values())).seen < now - IDLE_S:
                self._kept.popitem(last=False)
        return file

    def keep(self, path: str, file: OpenFile) -> None:
        """Keep a file open, in place of the one that was used longest ago."""
        with self._lock:
            self._kept[path] = file
            self._kept.move_to_end(path)
            while len(self._kept) > MAX_OPEN:
                self._kept.popitem(last=False)

    def close(self) -> None:
        """Keep none any more."""
        with self._lock:
            self._kept.clear()


def _is_good(file: OpenFile, path: str, now: float) -> bool:
    """Tell whether a file is still the one at its path; one that cannot be looked at is not."""
    try:
        if not file.is_same():
            return False
        if now - file.named <= NAMED_S:
            return True
        file.named = now
        return file.is_at(path)
    except OSError:
        return False


def etag_of(status: os.stat_result) -> str:
    """Return a strong entity tag, made of inode, time and length."""
    return f'"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"'
