"""deploy.supervise: programs started, started again, stopped, with real processes."""

import os
import signal
import sys
import time

import pytest

from deploy import supervise
from deploy.supervise import Program, Supervisor, ended_with

SLEEP = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
)
BRIEF = (sys.executable, "-c", "raise SystemExit(3)")


@pytest.fixture
def supervised(tmp_path):
    made = []

    def start(*programs):
        said = []
        supervisor = Supervisor(programs, tmp_path / "logs", said.append)
        made.append(supervisor)
        supervisor.start()
        return supervisor, said

    yield start
    for supervisor in made:
        supervisor.stop()


def until(condition, watched=None, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        if watched:
            watched.watch_all()
        time.sleep(0.02)


def pid_of(supervisor, place=0):
    return supervisor._running[place].process.pid


def test_output_goes_to_the_log_of_the_program(supervised, tmp_path):
    supervised(Program("one", SLEEP, {}))
    until(lambda: (tmp_path / "logs" / "one.log").read_text() == "up\n")


def test_a_killed_program_is_started_again_and_the_others_are_left_alone(supervised):
    supervisor, said = supervised(Program("one", SLEEP, {}), Program("two", SLEEP, {}))
    first, second = pid_of(supervisor, 0), pid_of(supervisor, 1)
    os.kill(first, signal.SIGKILL)
    until(lambda: pid_of(supervisor, 0) != first and supervisor.alive(), supervisor)
    assert pid_of(supervisor, 1) == second
    assert "one was ended by signal SIGKILL" in said[0]


def test_pauses_grow_while_a_program_keeps_failing(supervised, monkeypatch):
    monkeypatch.setattr(supervise, "_BACKOFF_S", (0.01, 0.02, 0.03))
    supervisor, said = supervised(Program("brief", BRIEF, {}))
    until(lambda: len(said) >= 4, supervisor)
    assert [line.split("again in ")[1].split(" s")[0] for line in said[:4]] == ["0.01", "0.02", "0.03", "0.03"]
    assert "status 3" in said[0]


def test_stop_ends_every_program_the_stubborn_too(supervised, monkeypatch, tmp_path):
    monkeypatch.setattr(supervise, "_STOP_S", 0.3)
    supervisor, _ = supervised(Program("one", SLEEP, {}), Program("deaf", STUBBORN, {}))
    until(lambda: (tmp_path / "logs" / "deaf.log").read_text() == "up\n")
    supervisor.stop()
    assert not supervisor.alive()


def test_a_long_log_is_turned_and_written_on(supervised, monkeypatch, tmp_path):
    monkeypatch.setattr(supervise, "LOG_BYTES", 1000)
    chatter = "import time\nfor i in range(10**6): print('x' * 50, flush=True); time.sleep(0.001)"
    supervisor, _ = supervised(Program("loud", (sys.executable, "-c", chatter), {}))
    log = tmp_path / "logs" / "loud.log"
    until(lambda: log.with_suffix(".log.1").exists(), supervisor)
    size = log.stat().st_size
    until(lambda: log.stat().st_size != size)


def test_the_environment_of_a_program_is_ours_and_its_own(supervised, tmp_path, monkeypatch):
    monkeypatch.setenv("OURS", "1")
    show = (
        sys.executable,
        "-c",
        "import os, time; print(os.environ['OURS'], os.environ['OWN'], flush=True); time.sleep(60)",
    )
    supervised(Program("one", show, {"OWN": "2"}))
    until(lambda: (tmp_path / "logs" / "one.log").read_text() == "1 2\n")


def test_how_a_program_ended_is_said_in_words():
    assert ended_with(-9) == "was ended by signal SIGKILL"
    assert ended_with(3) == "ended with status 3"
