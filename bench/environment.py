"""A Python environment of a peer's own, made once and used again."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from core.errors import Unavailable

_INSTALL_TIMEOUT_S = 900.0
_MARK = "installed.txt"


def ensure_environment(folder: Path, requirements: Sequence[str]) -> Path:
    """Return the interpreter of an environment that holds `requirements`.

    An environment made from the same list by the same Python is used again; any
    other is made anew, so one that was left half-made is never used.

    Args:
        folder: Where the environment is.
        requirements: Pinned, as pip takes them.

    Raises:
        Unavailable: They cannot be installed.
    """
    python = folder / "bin" / "python"
    wanted = "\n".join([sys.version, *requirements])
    mark = folder / _MARK
    if mark.is_file() and mark.read_text() == wanted and python.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        installer = [str(uv), "pip", "install", "--python", str(python)]
    else:
        _run([sys.executable, "-m", "venv", str(folder)])
        installer = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    _run([*installer, "--quiet", *requirements])
    mark.write_text(wanted)
    return python


def installed_versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of packages in an environment.

    Raises:
        Unavailable: One of them is not there.
    """
    program = (
        "import importlib.metadata as m, json, sys; print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
    )
    return msgspec.json.decode(_run([str(python), "-c", program, *packages]), type=dict[str, str])


def _run(command: Sequence[str]) -> str:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        raise Unavailable(f"{Path(command[0]).name} did not run to its end ({err})", "try again") from err
    if ended.returncode != 0:
        lines = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
        raise Unavailable(
            f"it could not be installed ({lines[-1][:300] if lines else f'status {ended.returncode}'})",
            "see that the package index answers, then try again",
        )
    return ended.stdout
