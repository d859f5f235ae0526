"""The child's side of a job program: read the spec, keep the limits, answer in JSON lines."""

import errno
import logging
import os
import resource
import sys
import threading
from collections.abc import Callable

import msgspec

from core.errors import BadRequest, GeoplateformeError
from core.job import Event, Failure, JobSpec, Notice, Progress, Result

Emit = Callable[[Progress | Notice], None]
"""How a handler tells of its progress."""

_log = logging.getLogger(__name__)


def run_program(handlers: dict[str, Callable[[JobSpec, Emit], Result]]) -> int:
    """Run one job: a JobSpec from standard input, events to standard output.

    Args:
        handlers: The function that does the work, by `JobSpec.kind`. Imports of native
            libraries belong inside it, so that they happen under the limits.

    Returns:
        The exit status: 0 after a Result, 1 after a Failure.
    """
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a native library prints goes to the log, not between our lines
    lock = threading.Lock()

    def emit(event: Event) -> None:
        with lock:
            out.write(msgspec.json.encode(event) + b"\n")
            out.flush()

    try:
        spec = msgspec.json.decode(sys.stdin.buffer.read(), type=JobSpec)
        resource.setrlimit(resource.RLIMIT_DATA, (spec.limits.memory_bytes, spec.limits.memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        handler = handlers.get(spec.kind)
        if handler is None:
            raise BadRequest(f"this program makes {', '.join(sorted(handlers))}, not {spec.kind}")
        emit(handler(spec, emit))
    except BaseException as err:  # noqa: BLE001 - lazrs panics with a BaseException; all becomes one Failure line
        _log.exception("job failed")
        emit(failure_of(err))
        return 1
    return 0


def failure_of(error: BaseException) -> Failure:
    """Say in one line what an exception means for the producer."""
    if isinstance(error, GeoplateformeError):
        return Failure(error.message, error.remedy)
    if isinstance(error, MemoryError):
        return Failure("the file needs more memory than a job may use", "split it, or raise GEOPF_JOB_MEMORY_BYTES")
    if isinstance(error, OSError) and error.errno in _FULL:
        return Failure(
            f"no room left to write ({error.strerror})", "free disk space or raise the quota, then try again"
        )
    text = " ".join(str(error).split()) or type(error).__name__
    return Failure(f"{type(error).__name__}: {text[:400]}", "the log of the job tells more")


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
