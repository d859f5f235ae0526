"""The foreground runner: what a supervisor sees of the embedded server."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time

import asyncpg
import pytest

from control.db.embedded import EmbeddedPostgres, running_url
from control.db.postmaster import living_postmaster


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data") / "postgres"


def until(true, seconds=30):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lock_is_taken(path):
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


async def answers(url):
    db = await asyncpg.connect(url)
    try:
        return await db.fetchval("SELECT 1") == 1
    finally:
        await db.close()


def run(data):
    environ = {**os.environ, "GEOPF_DATA": str(data)}
    return subprocess.Popen([sys.executable, "-m", "control.postgres"], env=environ, stderr=subprocess.DEVNULL)


def test_ends_with_status_0_and_stops_the_server_on_sigterm(folder):
    runner = run(folder.parent)
    until(lambda: running_url(folder))
    runner.terminate()
    assert runner.wait(20) == 0
    assert living_postmaster(folder / "cluster") is None


def test_ends_with_another_status_when_the_server_dies(folder):
    runner = run(folder.parent)
    until(lambda: running_url(folder))
    time.sleep(0.2)
    os.kill(living_postmaster(folder / "cluster").pid, signal.SIGKILL)
    assert runner.wait(20) == 1


def test_killed_it_leaves_a_server_that_the_next_one_takes_over_and_stops(folder):
    runner = run(folder.parent)
    until(lambda: running_url(folder))
    before = living_postmaster(folder / "cluster").pid
    runner.kill()
    runner.wait()
    assert asyncio.run(answers(running_url(folder)))
    following = run(folder.parent)
    until(lambda: lock_is_taken(folder / "users.lock"))
    assert following.poll() is None
    assert living_postmaster(folder / "cluster").pid == before
    following.terminate()
    assert following.wait(20) == 0
    assert living_postmaster(folder / "cluster") is None


def test_on_sigterm_it_leaves_the_server_to_another_program_that_uses_it(folder):
    runner = run(folder.parent)
    until(lambda: running_url(folder))
    other = EmbeddedPostgres(folder)
    other.start()
    runner.terminate()
    assert runner.wait(20) == 0
    assert other.alive()
    assert other.stop()
