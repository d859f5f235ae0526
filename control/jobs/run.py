"""Run one job program: a JobSpec in, events out, within its limits.

The program is a child process in a session of its own, on a leash (`leash.py`).
Whatever happens to it, by its own fault or a limit's, becomes one `InputRefused`
with one line for the producer, and its standard error stays in a log.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from control.jobs.leash import KILLED
from control.jobs.memory import session_memory
from core.errors import InputRefused
from core.job import Event, Failure, JobSpec, Limits, Notice, Progress, Result
from core.layer import Kind

OnEvent = Callable[[Progress | Notice], None]
"""Told of each step; called on the event loop, so it must be quick."""

PROGRAMS: dict[Kind, str] = {"raster": "tiler.ingest", "vector": "tiler.ingest", "points": "pointcloud.ingest"}
"""Module that makes each kind of layer."""

_LINE_BYTES = 16 << 20
"""Longest line: a Result names every object and file of its layer."""

_LOG_BYTES = 64 << 20
"""Longest log."""

_POLL_S = 0.25
_END_S = 10.0
"""How long a program may take to end after its last line."""


async def run_job(
    spec: JobSpec,
    on_event: OnEvent,
    *,
    log: Path,
    programs: dict[Kind, str] = PROGRAMS,
) -> Result:
    """Run the program that makes `spec.kind` and return what it made.

    Cancelling the call kills the program and all it started.

    Args:
        spec: What the program is told.
        on_event: Told of the progress.
        log: File its standard error goes to.
        programs: Module of each kind.

    Raises:
        InputRefused: The program refused the input, broke a limit, or died.
    """
    async with _child(programs[spec.kind], log) as child:
        watch = asyncio.create_task(_watch(child.pid, spec.limits, log))
        talk = asyncio.create_task(_talk(child, spec, on_event))
        try:
            await asyncio.wait((watch, talk), return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                watch.result()  # raises the limit that was broken
            last = await talk
            status = await _status_of(child)
        finally:
            watch.cancel()
            talk.cancel()
            await asyncio.gather(watch, talk, return_exceptions=True)
    if isinstance(last, Failure):
        raise InputRefused(last.message, last.remedy)
    if last is None or status != 0:
        raise InputRefused(
            f"the program that reads {spec.kind} files {_ending(status)}",
            f"the file may be damaged; the log tells more: {log}",
        )
    return last


@asynccontextmanager
async def _child(module: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the program in a session of its own; at the end of the block nothing of it is left."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "control.jobs.leash", str(os.getpid()), module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=_LINE_BYTES,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # the group lives on while any process of it does
        await asyncio.shield(child.wait())


async def _talk(child: asyncio.subprocess.Process, spec: JobSpec, on_event: OnEvent) -> Result | Failure | None:
    """Give the program its spec, pass its events on, and return the last one."""
    if child.stdin is None or child.stdout is None:
        msg = "the child has no pipes"
        raise RuntimeError(msg)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a program that died says so below
        child.stdin.write(msgspec.json.encode(spec))
        await child.stdin.drain()
    child.stdin.close()
    last: Result | Failure | None = None
    while True:
        try:
            line = await child.stdout.readline()
        except ValueError as err:
            raise _misspoken(f"a line of more than {_LINE_BYTES >> 20} MiB") from err
        if not line:
            return last
        event = _decode(line)
        if last is not None:
            raise _misspoken("a line after its last")
        if isinstance(event, Result | Failure):
            last = event
        else:
            on_event(event)


def _decode(line: bytes) -> Event:
    try:
        event: Event = msgspec.json.decode(line, type=Event)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise _misspoken(repr(line[:80])) from err
    return event


def _misspoken(what: str) -> InputRefused:
    return InputRefused(f"the program that reads the files answered {what}", "this is a defect of the program")


async def _watch(session: int, limits: Limits, log: Path) -> None:
    """Wait for a limit to be broken."""
    deadline = time.monotonic() + limits.wall_s
    while True:
        await asyncio.sleep(max(0.0, min(_POLL_S, deadline - time.monotonic())))
        if time.monotonic() >= deadline:
            raise InputRefused(
                f"the job did not end within {limits.wall_s:g} s", "split the input, or raise GEOPF_JOB_WALL_S"
            )
        used = await asyncio.to_thread(session_memory, session)
        if used > limits.memory_bytes:
            raise InputRefused(
                f"the file needs more memory than a job may use ({used >> 20} of {limits.memory_bytes >> 20} MiB)",
                "split it, or raise GEOPF_JOB_MEMORY_BYTES",
            )
        if log.stat().st_size > _LOG_BYTES:
            raise InputRefused(f"the job wrote more than {_LOG_BYTES >> 20} MiB of log", f"read its beginning: {log}")


async def _status_of(child: asyncio.subprocess.Process) -> int:
    try:
        return await asyncio.wait_for(child.wait(), _END_S)
    except TimeoutError:
        return 0  # it has said all; the rest of it is killed


def _ending(status: int) -> str:
    killed = -status if status < 0 else status - KILLED
    if killed > 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(killed).name}"
    return f"ended with status {status} and no result" if status else "ended without a result"
