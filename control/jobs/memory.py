"""What the processes of one session use, from /proc; elsewhere than on Linux nothing is known."""

from pathlib import Path

_PROC = Path("/proc")
_PRIVATE = ("RssAnon:", "RssShmem:", "VmSwap:")
_SESSION_FIELD = 3
"""Place of the session in /proc/<pid>/stat, counted after the program's name (proc(5): field 6)."""


def session_memory(session: int) -> int:
    """Return the private memory of all processes of a session, in bytes.

    Pages of mapped files do not count: the kernel takes them back when it needs to.
    """
    return sum(_private_memory(pid) for pid in session_processes(session))


def session_processes(session: int) -> list[int]:
    """List the processes of a session."""
    if not _PROC.is_dir():
        return []
    numbers = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in numbers if _session_of(pid) == session]


def _session_of(pid: int) -> int:
    try:
        after_name = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2]
    except OSError:
        return -1
    return int(after_name.split()[_SESSION_FIELD])


def _private_memory(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "status").read_text(errors="replace").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(_PRIVATE))
