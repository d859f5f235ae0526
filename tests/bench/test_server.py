import os
import signal
import sys

import pytest

from bench.server import end, free_port, launch
from core.errors import Unavailable

SERVE = """
import http.server, sys
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")
"""


def start(tmp_path, code, *, ready="/"):
    port = free_port()
    return launch(
        "tiny", [sys.executable, "-c", code, str(port)], port=port, home=tmp_path, environment=os.environ, ready=ready
    )


def test_a_server_is_ready_when_launched_and_gone_when_ended(tmp_path):
    server = start(tmp_path, SERVE)
    end(server)
    assert server.process.returncode == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(server.process.pid, 0)


def test_ending_twice_is_no_error(tmp_path):
    server = start(tmp_path, SERVE)
    end(server)
    end(server)


def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path):
    with pytest.raises(Unavailable, match=r"tiny ended with status 3.*last line: no licence"):
        start(tmp_path, "import sys; print('no licence', flush=True); sys.exit(3)")


def test_a_program_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Unavailable, match="cannot be started"):
        launch("tiny", [str(tmp_path / "absent")], port=1, home=tmp_path, environment={}, ready="/")
