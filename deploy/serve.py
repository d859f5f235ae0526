"""`geopf serve`: the whole platform on this machine, each side a process of its own."""

import errno
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from core.errors import BadSetting, Conflict, Unavailable
from core.open_store import open_store
from core.settings import CoreSettings, read_settings
from deploy.settings import ServeSettings
from deploy.supervise import Program, Supervisor

_START_S = 60.0
"""How long the engine may take to be ready."""


def serve(on_ready: Callable[[str], None] | None = None) -> int:
    """Run the platform until SIGINT or SIGTERM.

    Args:
        on_ready: Called with the base URL once the engine answers.

    Raises:
        BadSetting: The storage or the data folder cannot be used.
        Conflict: A port is in use.
        Unavailable: The engine did not become ready.
    """
    settings, where = read_settings(CoreSettings), read_settings(ServeSettings)
    open_store(settings)
    check_ports(where)
    supervisor = Supervisor(platform_programs(where), settings.data / "logs", _say)
    signal.signal(signal.SIGINT, supervisor.stop_soon)
    signal.signal(signal.SIGTERM, supervisor.stop_soon)
    base_url = f"http://{where.host if where.host != '0.0.0.0' else '127.0.0.1'}:{where.port}"  # noqa: S104 - compared with, not listened on
    supervisor.start()
    try:
        wait_ready(f"{base_url}/readyz", supervisor)
    except BaseException:
        supervisor.stop()
        raise
    if on_ready is not None:
        on_ready(base_url)
    _say(f"Géoplateforme listens on {base_url}/ (data: {settings.data.resolve()}; Ctrl-C stops it)")
    supervisor.run()
    return 0


def check_ports(where: ServeSettings) -> None:
    """See that the platform's two ports are free.

    Raises:
        Conflict: One is in use.
    """
    check_port(where.host, where.port, "GEOPF_PORT or --port")
    check_port(*where.control_address, "GEOPF_CONTROL_PORT")


_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""Lets glibc use the memory of a decoded block again instead of asking the kernel for zeroed pages each time.

That made 16 % of the cost of a tile warped from blocks that were not decoded before.
"""


def platform_programs(where: ServeSettings) -> tuple[Program, ...]:
    """Return the programs of the embedded platform, in the order they start.

    PostgreSQL is one of them unless GEOPF_DATABASE_URL names a server.
    """
    control_host, control_port = where.control_address
    environ = {"GEOPF_PORT": str(where.port), "GEOPF_CONTROL_PORT": str(control_port), "PYTHONUNBUFFERED": "1"}
    programs = []
    if not os.environ.get("GEOPF_DATABASE_URL"):
        programs.append(Program("postgres-keeper", (sys.executable, "-m", "control.postgres"), environ))
    programs.append(
        Program("control", _granian("deploy.control_plane:create_app", control_host, control_port), environ)
    )
    engine = environ | {name: value for name, value in _MALLOC.items() if name not in os.environ}
    programs.append(Program("engine", _granian("deploy.engine:create_app", where.host, where.port), engine))
    return tuple(programs)


def _granian(factory: str, host: str, port: int) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "granian", factory, "--factory", "--interface", "asgi"),
        *("--host", host, "--port", str(port), "--workers", "1", "--loop", "uvloop"),
        *("--no-ws", "--respawn-failed-workers", "--workers-kill-timeout", "10", "--log-level", "warning"),
        *("--backpressure", "512", "--backlog", "1024"),
    )


def check_port(host: str, port: int, setting: str) -> None:
    """Check that a port is free.

    Raises:
        Conflict: Something listens there.
        BadSetting: The address cannot be listened on.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as err:
        if err.errno == errno.EADDRINUSE:
            raise Conflict(f"port {port} on {host} is in use", f"choose another with {setting}") from err
        raise BadSetting(f"cannot listen on {host}:{port} ({err.strerror})", f"choose another with {setting}") from err


def wait_ready(url: str, supervisor: Supervisor) -> None:
    """Wait until the engine says it is ready.

    Raises:
        Unavailable: It did not in time; the message holds what it said last.
    """
    deadline, reason = time.monotonic() + _START_S, "it does not answer"
    while time.monotonic() < deadline:
        supervisor.watch_all()
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own http address
                return
        except urllib.error.HTTPError as err:
            reason = err.read(500).decode("utf-8", "replace")
            err.close()
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            pass
        time.sleep(0.1)
    raise Unavailable(
        f"the engine was not ready after {_START_S:g} s ({reason})", "see engine.log under the data folder"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
