"""`postmaster.pid`: what a running PostgreSQL writes about itself in its data folder."""

import os
from pathlib import Path

import msgspec

PORT = 5432
"""Names the socket's file; nothing listens on TCP."""


_PROC = Path("/proc")
"""Where Linux tells of its processes; no other system has it."""


class Postmaster(msgspec.Struct, frozen=True):
    """The server process that a cluster's lock file names."""

    pid: int
    socket_folder: str
    """Folder of its Unix socket; empty while it is not open yet."""

    ready: bool
    """Whether it takes connections: start-up and recovery are over."""


def read_postmaster(cluster: Path) -> Postmaster | None:
    """Read a cluster's lock file; None when there is none, or it is not written yet."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return Postmaster(
        pid=pid,
        socket_folder=lines[4] if len(lines) > 4 else "",
        ready=len(lines) > 7 and lines[7].strip() == "ready",
    )


def living_postmaster(cluster: Path) -> Postmaster | None:
    """Return the cluster's server if it runs; a file left by one that was killed does not count."""
    found = read_postmaster(cluster)
    return found if found is not None and is_postmaster(found.pid, cluster) else None


def is_postmaster(pid: int, cluster: Path) -> bool:
    """Tell whether a process is the cluster's server and not another that was given its number later."""
    if _PROC.is_dir():
        try:
            return (_PROC / str(pid) / "cwd").readlink() == cluster.resolve()  # a server works in its data folder
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def forget_reused_number(cluster: Path, socket_folder: Path) -> None:
    """Remove the lock files of a killed server whose process number now belongs to another program.

    PostgreSQL replaces them by itself except in this case, which is common in
    containers, where numbers begin again at each start. Call it only when no
    server runs on the cluster.
    """
    for lock in (cluster / "postmaster.pid", socket_folder / f".s.PGSQL.{PORT}.lock"):
        try:
            pid = abs(int(lock.read_text().split("\n", 1)[0]))
        except (FileNotFoundError, ValueError):
            continue
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        except PermissionError:
            pass
        lock.unlink(missing_ok=True)
