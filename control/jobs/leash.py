"""`python -m control.jobs.leash PARENT MODULE`: run a job program that cannot outlive its parent.

The leash stands between the control plane and the job, as the leader of the
job's session. When the parent ends, however it ends, the kernel tells the leash
(prctl(2), PR_SET_PDEATHSIG; Linux only), and the leash kills the whole session's
process group: the job and the programs the job started.
"""

import ctypes
import os
import signal
import subprocess
import sys
from types import FrameType

KILLED = 128
"""Exit status of the leash of a job killed by signal n, less n: as shells have it."""

_PR_SET_PDEATHSIG = 1


def main(parent: int, module: str) -> int:
    """Run `module` on this process's own standard streams, and return its exit status.

    Args:
        parent: Process number of the program that wants the job.
        module: What `python -m` runs.
    """
    signal.signal(signal.SIGTERM, _kill_all)
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel was asked
        _kill_all(signal.SIGTERM, None)
    job = subprocess.Popen([sys.executable, "-m", module])
    for stream in (0, 1):  # so that the reader sees the end when the job ends
        os.close(stream)
    status = job.wait()
    return KILLED - status if status < 0 else status


def _kill_all(_: int, __: FrameType | None) -> None:
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))
