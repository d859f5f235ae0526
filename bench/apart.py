"""Work of the bench in a process of its own, so that its memory and its time are its own."""

import subprocess
import sys
from pathlib import Path

from core.errors import Unavailable


def run_apart(module: str, *words: str, timeout_s: float, failure: str) -> bytes:
    """Run a module of the bench and return what it prints.

    Args:
        module: Name of the module.
        words: Its arguments.
        timeout_s: Time it may take, seconds.
        failure: What did not come about when it fails.

    Raises:
        Unavailable: It fails, or takes too long.
    """
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", module, *words]
    try:
        return subprocess.run(command, capture_output=True, timeout=timeout_s, check=True, cwd=root).stdout
    except subprocess.TimeoutExpired as err:
        raise Unavailable(f"{failure}: it took more than {timeout_s:.0f} s") from err
    except subprocess.CalledProcessError as err:
        raise Unavailable(f"{failure} ({err.stderr.decode(errors='replace')[-300:]})") from err
