"""A server under measurement: started in a session of its own, waited for, ended."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from core.errors import Unavailable

HOST = "127.0.0.1"


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A program that listens on a port of this machine."""

    name: str
    process: subprocess.Popen[bytes]
    """Leads a session, so that all it starts can be counted and ended with it."""

    port: int
    log: Path
    """What the program printed."""


def free_port() -> int:
    """Return a TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def asgi_command(app: str, port: int) -> tuple[str, ...]:
    """Return the command that serves a program of the bench with one worker, as ours is served.

    Args:
        app: Module and factory, as `bench.bare:create_app`.
        port: Where it shall listen.
    """
    return (
        *(sys.executable, "-m", "granian", app, "--factory", "--interface", "asgi"),
        *("--host", HOST, "--port", str(port), "--workers", "1", "--loop", "uvloop"),
        *("--no-ws", "--log-level", "warning", "--backpressure", "512", "--backlog", "1024"),
    )


def asgi_environment() -> dict[str, str]:
    """Return the environment in which programs of the bench are found."""
    return {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(Path(__file__).resolve().parents[1])}


def launch(
    name: str, command: Sequence[str], *, port: int, home: Path, environment: Mapping[str, str], ready: str
) -> Server:
    """Start a server and wait until it is ready.

    Args:
        name: What to call it in messages.
        command: Program and arguments.
        port: The port the arguments tell it to listen on.
        home: Working directory; its log goes there.
        environment: All of its environment variables.
        ready: Path that answers 200 once the server can serve.

    Raises:
        Unavailable: It cannot be started, ends, or is not ready within a minute.
    """
    home.mkdir(parents=True, exist_ok=True)
    log = home / f"{name}.log"
    try:
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=home,
                env=dict(environment),
                start_new_session=True,
            )
    except OSError as err:
        raise Unavailable(f"{name} cannot be started ({err})", "install it again") from err
    server = Server(name=name, process=process, port=port, log=log)
    try:
        _wait_ready(server, ready, timeout_s=60.0)
    except BaseException:
        end(server)
        raise
    return server


def end(server: Server) -> None:
    """End a server: ask, wait 10 s, then end whatever of its session is left."""
    process = server.process
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _wait_ready(server: Server, path: str, *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    address = f"http://{HOST}:{server.port}{path}"
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise Unavailable(f"{server.name} ended with status {server.process.returncode}", _advice(server))
        try:
            with urllib.request.urlopen(address, timeout=2.0) as answer:
                if answer.status == 200:
                    return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise Unavailable(f"{server.name} was not ready at {path} within {timeout_s:.0f} s", _advice(server))


def _advice(server: Server) -> str:
    lines = [line for line in server.log.read_text(errors="replace").splitlines() if line.strip()]
    last = f" (last line: {lines[-1][:300]})" if lines else ""
    return f"read {server.log}{last}"
