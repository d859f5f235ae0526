"""What a server uses: CPU seconds and memory of a process and all it started, from /proc (proc(5))."""

import os
from pathlib import Path

import msgspec

from core.errors import Unavailable

PROC = Path("/proc")

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Usage(msgspec.Struct, frozen=True, gc=False):
    """What a process tree has used at one moment."""

    cpu_s: float
    """User and system time since the start, seconds, in steps of a clock tick (10 ms)."""

    rss_bytes: int
    """Resident memory, bytes; pages shared between processes count once for each."""


class _Stat(msgspec.Struct, frozen=True, gc=False):
    """The fields of /proc/<pid>/stat that matter here."""

    pid: int
    parent: int
    session: int
    ticks: int
    """CPU time of the process and of the children it has waited for, clock ticks."""
    pages: int


def read_usage(pid: int, proc: Path = PROC) -> Usage:
    """Add up a process, its descendants, and whatever else is in the session it leads.

    A child that ended is in its parent's waited-for time, so nothing is lost or counted twice.

    Args:
        pid: The process at the root.
        proc: Where the process table is mounted.

    Raises:
        Unavailable: There is no such process, or the system has no /proc.
    """
    stats = _read_all(proc)
    if pid not in stats:
        raise Unavailable(f"process {pid} is not in {proc}", "the bench needs Linux, and a server that stays up")
    tree = [stats[one] for one in _tree(pid, stats)]
    return Usage(
        cpu_s=sum(one.ticks for one in tree) / _TICKS_PER_S,
        rss_bytes=sum(one.pages for one in tree) * _PAGE_BYTES,
    )


def _tree(root: int, stats: dict[int, _Stat]) -> set[int]:
    members = {root} | {one.pid for one in stats.values() if one.session == root}
    while True:
        more = {one.pid for one in stats.values() if one.parent in members} - members
        if not more:
            return members
        members |= more


def _read_all(proc: Path) -> dict[int, _Stat]:
    found: dict[int, _Stat] = {}
    for entry in proc.glob("[0-9]*/stat"):
        try:
            stat = _parse(entry.read_text(errors="replace"))
        except (FileNotFoundError, ProcessLookupError):  # it ended between the listing and the reading
            continue
        found[stat.pid] = stat
    return found


def _parse(line: str) -> _Stat:
    # The command name, field 2, may itself hold blanks and parentheses: fields are counted after its last one.
    head, _, tail = line.rpartition(")")
    fields = tail.split()
    return _Stat(
        pid=int(head.split(" ", 1)[0]),
        parent=int(fields[1]),
        session=int(fields[3]),
        ticks=sum(int(ticks) for ticks in fields[11:15]),
        pages=int(fields[21]),
    )
