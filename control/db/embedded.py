"""The embedded PostgreSQL: a server of the platform's own under its data folder.

It is reached by a Unix socket alone, in a folder that only its user may enter,
so no password is needed and no other user of the machine gets in. The server
runs in a session of its own and outlives the program that started it when that
one is killed; the next `start` takes it over. The last program that leaves it
stops it.

    <data>/postgres/cluster/    the database
    <data>/postgres/run/        the socket; elsewhere when this path is too long for one
    <data>/logs/postgres.log    what the server says
"""

import fcntl
import hashlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from control.db.postmaster import PORT, Postmaster, forget_reused_number, is_postmaster, living_postmaster
from control.db.programs import Launcher, choose_launcher, find_programs
from core.errors import Unavailable

NAME = "geoplateforme"
"""Name of the database and of the role that owns it."""

_PATIENCE_S = 60.0
"""How long a start (recovery after a crash included) or a stop is waited for."""

_SOCKET_PATH_BYTES = 103
"""Longest path of a Unix socket on every system (sun_path: 108 on Linux, 104 on BSD, with its NUL)."""

_LOG_BYTES = 16 << 20
"""Size from which the log is set aside at the next start."""

_SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
"""PostgreSQL documentation, "Message Formats": SSLRequest."""

_STARTED: list[subprocess.Popen[bytes]] = []
"""Servers this process started: they may outlive their `EmbeddedPostgres`, which Popen takes for an oversight."""

_OPTIONS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] ",
}


class EmbeddedPostgres:
    """The server of one data folder.

    Args:
        folder: Its own folder: `postgres` in the platform's data folder.
        options: Server parameters beside our own, by name.
    """

    def __init__(self, folder: Path, *, options: Mapping[str, str] | None = None) -> None:
        self._home = folder.absolute()
        self._cluster = self._home / "cluster"
        self._log = self._home.parent / "logs" / "postgres.log"
        self._options = dict(options or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._users: int | None = None
        self.pid = 0
        """Process of the server; 0 before `start`."""
        self.adopted = False
        """Whether the server ran already when `start` was called."""

    def start(self) -> str:
        """Start the server, or take over the one that runs, and return its URL once it takes connections.

        Raises:
            Unavailable: There is no PostgreSQL, or it does not start; the message ends with its log.
        """
        deadline = time.monotonic() + _PATIENCE_S
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self._home / "start.lock", deadline):
            self._users = _lock(self._home / "users.lock", fcntl.LOCK_SH, deadline)
            try:
                running = living_postmaster(self._cluster)
                self.adopted = running is not None
                self.pid = running.pid if running is not None else self._spawn()
                self._await_ready(deadline)
            except BaseException:
                self._release_users()
                raise
        return url_of(self._home)

    def alive(self) -> bool:
        """Tell whether the server process lives."""
        if self._process is not None and self._process.poll() is not None:
            return False
        return self.pid != 0 and is_postmaster(self.pid, self._cluster)

    def stop(self) -> bool:
        """Leave the server; the last program that does stops it. Return whether it was stopped.

        Raises:
            Unavailable: It does not stop.
        """
        if self._users is None:
            return False
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._end()
        except BlockingIOError:
            return False
        finally:
            self._release_users()
        return True

    def _end(self) -> None:
        for word, patience_s in ((signal.SIGINT, _PATIENCE_S), (signal.SIGQUIT, 10.0)):  # fast, then immediate
            if not self.alive():
                return
            os.kill(self.pid, word)
            if self._await_end(patience_s):
                return
        raise Unavailable(f"PostgreSQL (process {self.pid}) does not stop", f"see {self._log}")

    def _spawn(self) -> int:
        version = self._cluster / "PG_VERSION"
        programs = find_programs(int(version.read_text()) if version.exists() else None)
        launcher = choose_launcher(programs, self._home)
        folder = _private_folder(_socket_folder(self._home), launcher)
        with self._open_log() as log:
            if not version.exists():
                self._create(launcher, programs.major, log)
            _give(self._cluster, launcher)
            forget_reused_number(self._cluster, folder)
            options = {**_OPTIONS, "unix_socket_directories": str(folder), **self._options}
            words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
            self._process = launcher.start("postgres", "-D", str(self._cluster), *words, log=log)
        _STARTED.append(self._process)
        return self._process.pid

    def _create(self, launcher: Launcher, major: int, log: int) -> None:
        """Make the cluster whole under another name, then rename it: one cut short is never taken for a database."""
        unfinished = self._cluster.with_name("cluster.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        _give(unfinished, launcher)
        # The builtin provider sorts the same on every machine, and came with version 17.
        builtin = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        locale = builtin if major >= 17 else ("--locale=C.UTF-8",)
        made = launcher.start(
            "initdb",
            *("-D", str(unfinished), "-U", NAME, "--encoding=UTF8", *locale),
            *("--auth-local=trust", "--auth-host=reject", "--no-instructions"),
            *(("--no-sync",) if self._options.get("fsync") == "off" else ()),
            log=log,
        )
        if self._end_of(made) == 0:
            named = launcher.start(
                *("postgres", "--single", "-D", str(unfinished), "-c", "exit_on_error=on", "postgres"),
                log=log,
                script=f"create database {NAME};\n",
            )
            if self._end_of(named) == 0:
                unfinished.rename(self._cluster)
                return
        raise Unavailable(f"the database under {self._home} cannot be created", self._tail())

    def _end_of(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise

    def _await_ready(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            found = living_postmaster(self._cluster)
            if found is not None and found.pid == self.pid and found.ready and _answers(found):
                return
            if self._process is not None and self._process.poll() is not None:
                # Children of a server that was killed hold its memory for a moment longer.
                if "shared memory block" not in self._tail():
                    raise Unavailable("PostgreSQL does not start", self._tail())
                time.sleep(0.2)
                self.pid = self._spawn()
            elif self._process is None and not self.alive():
                self.adopted = False
                self.pid = self._spawn()
            time.sleep(0.02)
        raise Unavailable(
            f"PostgreSQL (process {self.pid}) takes no connections after {_PATIENCE_S:.0f} s",
            f"it may still be recovering: try again later. {self._tail()}",
        )

    def _await_end(self, patience_s: float) -> bool:
        deadline = time.monotonic() + patience_s
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _release_users(self) -> None:
        if self._users is not None:
            os.close(self._users)
            self._users = None

    @contextmanager
    def _open_log(self) -> Iterator[int]:
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        descriptor = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _tail(self) -> str:
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - 4096))
                lines = log.read().decode(errors="replace").splitlines()[-8:]
        except OSError:
            lines = []
        return f"{self._log} says: " + " | ".join(lines)


def url_of(folder: Path) -> str:
    """Return the URL of the embedded server of a folder, whether it runs or not."""
    running = living_postmaster(folder.absolute() / "cluster")
    where = running.socket_folder if running is not None and running.socket_folder else str(_socket_folder(folder))
    return f"postgresql://{NAME}@/{NAME}?host={quote(where)}&port={PORT}"


def running_url(folder: Path) -> str | None:
    """Return the URL of the embedded server of a folder; None when it takes no connections."""
    found = living_postmaster(folder.absolute() / "cluster")
    return url_of(folder) if found is not None and found.ready and _answers(found) else None


def _socket_folder(home: Path) -> Path:
    folder = home.absolute() / "run"
    path = str(folder / f".s.PGSQL.{PORT}")
    # A comma separates folders, and quotes and backslashes escape, in the list PostgreSQL reads.
    if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES and not set(path) & set(",\"'\\"):
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"geopf-{os.geteuid()}-{digest}"


def _private_folder(folder: Path, launcher: Launcher) -> Path:
    """Make a folder that its owner alone may enter.

    Raises:
        Unavailable: Something of another user stands in its place.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    ours = found.st_uid in {os.geteuid(), launcher.owner[0]} or folder.name == "run"  # `run`: inside our own folder
    if not stat.S_ISDIR(found.st_mode) or not ours:
        raise Unavailable(f"{folder} belongs to somebody else", "remove it, or set TMPDIR to a folder of your own")
    folder.chmod(0o700)
    _give(folder, launcher)
    return folder


def _give(folder: Path, launcher: Launcher) -> None:
    """Make the server's user the owner of a folder and all in it; only root needs to."""
    if os.geteuid() != 0 or folder.stat().st_uid == launcher.owner[0]:
        return
    for parent, _, files in os.walk(folder, topdown=False):
        for name in files:
            os.chown(Path(parent, name), *launcher.owner, follow_symlinks=False)
        os.chown(parent, *launcher.owner)  # the folder itself last: its owner tells that all is done


def _answers(found: Postmaster) -> bool:
    """Ask whether encryption is offered: the shortest exchange to which a living server answers, yes or no."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(f"{found.socket_folder}/.s.PGSQL.{PORT}")
            probe.sendall(_SSL_REQUEST)
            return probe.recv(1) in {b"N", b"S"}
        except OSError:
            return False


def _lock(path: Path, kind: int, deadline: float) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise Unavailable(f"another program is starting or stopping PostgreSQL ({path})") from None
            time.sleep(0.02)
        else:
            return descriptor


@contextmanager
def _locked(path: Path, deadline: float) -> Iterator[None]:
    descriptor = _lock(path, fcntl.LOCK_EX, deadline)
    try:
        yield
    finally:
        os.close(descriptor)
