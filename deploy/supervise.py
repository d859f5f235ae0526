"""Keeps the platform's programs running: starts them, starts them again when they end, stops them together."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

LOG_BYTES = 32 << 20
"""A log longer than this moves to `<name>.log.1`, which it replaces."""

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses before a program is started again; the last one repeats."""

_STABLE_S = 30.0
"""A program that ran this long begins again with the first pause."""

_STOP_S = 12.0
"""How long a program may take to end by itself."""


class Program(msgspec.Struct, frozen=True):
    """One program of the platform."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    """Variables beside our own environment."""


class _Running:
    def __init__(self, program: Program, logs: Path) -> None:
        self.program = program
        self.path = logs / f"{program.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.log: BinaryIO | None = None
        self.started_s = 0.0
        self.due_s = 0.0
        self.failures = 0

    def start(self) -> None:
        """Start the program; its output goes to its log."""
        if self.log is None:
            self.log = self.path.open("ab")
        self.process = subprocess.Popen(
            self.program.command,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env={**os.environ, **self.program.environ},
            start_new_session=True,
        )
        self.started_s = time.monotonic()

    def turn_log(self) -> None:
        """Begin the log anew when it is long; the program goes on writing to the same file."""
        if self.path.stat().st_size > LOG_BYTES:
            self.path.with_suffix(".log.1").write_bytes(self.path.read_bytes())
            os.truncate(self.path, 0)

    def signal(self, number: int) -> None:
        """Send a signal to the program and all it started."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)


class Supervisor:
    """Runs programs until told to stop.

    A program that ends is started again after a pause that grows with each
    failure; the others are left alone.
    """

    def __init__(self, programs: tuple[Program, ...], logs: Path, say: Callable[[str], None]) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._running = [_Running(program, logs) for program in programs]
        self._say = say
        self._stopping = False

    def start(self) -> None:
        """Start every program."""
        for one in self._running:
            one.start()

    def stop_soon(self, *_: object) -> None:
        """Make `run` return; fit to be a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Watch the programs until `stop_soon`, then stop them all."""
        try:
            while not self._stopping:
                self.watch_all()
                time.sleep(0.1)
        finally:
            self.stop()

    def watch_all(self) -> None:
        """Start again what ended and whose pause is over."""
        for one in self._running:
            self._watch(one)

    def _watch(self, one: _Running) -> None:
        """Start a program again when it has ended and its pause is over."""
        now = time.monotonic()
        assert one.process is not None
        if one.due_s:
            if now >= one.due_s:
                one.due_s = 0.0
                one.start()
            return
        status = one.process.poll()
        if status is None:
            one.turn_log()
            return
        if now - one.started_s > _STABLE_S:
            one.failures = 0
        pause = _BACKOFF_S[min(one.failures, len(_BACKOFF_S) - 1)]
        one.failures += 1
        one.due_s = now + pause
        self._say(f"{one.program.name} {ended_with(status)}; it starts again in {pause:g} s (log: {one.path})")

    def stop(self) -> None:
        """Stop every program, the first started last; kill those that do not end in time."""
        for one in reversed(self._running):
            one.signal(signal.SIGTERM)
            if one.process is None:
                continue
            try:
                one.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                one.signal(signal.SIGKILL)
                one.process.wait()
        for one in self._running:
            if one.log is not None:
                one.log.close()

    def alive(self) -> bool:
        """Tell whether every program runs at this moment."""
        return all(one.process is not None and one.process.poll() is None for one in self._running)


def ended_with(status: int) -> str:
    """Say how a program ended, from its return code."""
    if status < 0:
        return f"was ended by signal {signal.Signals(-status).name}"
    return f"ended with status {status}"
