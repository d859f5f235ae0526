"""Memory of this process, from /proc/self (proc(5))."""

import re
import threading
from pathlib import Path
from typing import Self

import msgspec

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class Memory(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a process has in memory."""

    rss_bytes: int
    """Resident, mapped pages of files included."""
    own_bytes: int
    """Of these what belongs to no file."""
    peak_bytes: int
    """The most that was resident since the start, or since `forget_peak`."""


def forget_peak() -> None:
    """Let the peak be counted from now on."""
    _CLEAR.write_text("5")


def read_memory() -> Memory:
    """Return the memory of this process."""
    return parse_status(_STATUS.read_text())


class OwnPeak:
    """The most that a process has of its own, looked at every millisecond by a thread, within a `with` block."""

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.001):
            self.bytes = max(self.bytes, read_memory().own_bytes)


def parse_status(text: str) -> Memory:
    """Read the lines of /proc/<pid>/status."""
    found = {name: int(size) * 1024 for name, size in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}
    return Memory(rss_bytes=found["VmRSS"], own_bytes=found["RssAnon"], peak_bytes=found["VmHWM"])
