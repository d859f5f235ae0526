"""A whole platform of real processes for a test."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

GEOPF = Path(sys.executable).with_name("geopf")


def free_port_pair():
    """Two neighbouring ports that are free at this moment."""
    for _ in range(50):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            with socket.socket() as other:
                try:
                    other.bind(("127.0.0.1", port + 1))
                except OSError:
                    continue
                return port
    raise RuntimeError("no two free ports")


class Platform:
    """The command `geopf` on a data folder of its own."""

    def __init__(self, data, environ=()):
        self.data = Path(data)
        self.port = free_port_pair()
        self.environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GEOPF_")},
            "GEOPF_DATA": str(self.data),
            "GEOPF_PORT": str(self.port),
            **dict(environ),
        }
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def run(self, *words, check=True, timeout=300):
        done = subprocess.run(
            [GEOPF, *map(str, words)], env=self.environ, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def ingest(self, kind, name, *files, **options):
        words = [word for key, value in options.items() for word in (f"--{key}", value) if word is not True]
        return self.run("ingest", kind, *files, "--name", name, *words)

    def start(self):
        self.process = subprocess.Popen(
            [GEOPF, "serve"], env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.wait("/readyz", 200)

    def stop(self):
        if self.process is None:
            return ""
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=60)
        self.process = None
        return said

    def get(self, path, **headers):
        """Status, headers (lower case) and body of a request; errors are answers too."""
        request = urllib.request.Request(self.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def json(self, path):
        status, _, body = self.get(path)
        assert status == 200, body
        return json.loads(body)

    def wait(self, path, status, seconds=60):
        """Wait until a path answers with a status."""
        deadline = time.monotonic() + seconds
        seen = "nothing"
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"geopf serve ended: {self.process.communicate()[0]}")
            try:
                seen, _, _ = self.get(path)
            except (OSError, urllib.error.URLError) as error:
                seen = error
            if seen == status:
                return
            time.sleep(0.05)
        raise AssertionError(f"{path} answered {seen}, not {status}")

    def children(self):
        """Processes of the platform by command line, the newest last."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                environ = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if f"GEOPF_DATA={self.data}\0".encode() in environ + b"\0":
                found[int(entry.name)] = command
        return found

    def kill(self, word):
        """Send SIGKILL to every process whose command line holds a word; return how many."""
        pids = [pid for pid, command in self.children().items() if word in command]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return len(pids)

    def log_lines(self, name):
        """Records of one program's log."""
        path = self.data / "logs" / f"{name}.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) if line.startswith("{") else {"event": line, "level": "PLAIN"} for line in lines]

    def complaints(self):
        """What the engine and the control plane said at warning or above, and whatever was no log record."""
        return [
            line
            for name in ("engine", "control")
            for line in self.log_lines(name)
            if line["level"] in {"WARNING", "ERROR", "CRITICAL", "PLAIN"}
        ]


@contextmanager
def running_platform(data, environ=(), prepare=None):
    """Serve a data folder, filled by `prepare` before; leave no process behind."""
    platform = Platform(data, environ)
    if prepare:
        prepare(platform)
    try:
        platform.start()
        yield platform
    finally:
        platform.stop()
        left = platform.children()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, left
