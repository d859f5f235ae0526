"""Job programs: their events, their limits, their deaths."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from control.jobs.memory import session_memory, session_processes
from control.jobs.run import run_job
from core.errors import InputRefused
from core.job import JobSpec, Limits, Notice, Progress

FAKE = dict.fromkeys(("raster", "vector", "points"), "tests.control.fake_job")
ROOT = Path(__file__).parents[3]


@pytest.fixture
def order(tmp_path, monkeypatch):
    """Makes the spec of a job that behaves as told."""
    monkeypatch.setenv("GEOPF_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def make(behaviour, **limits):
        source = tmp_path / "input.txt"
        source.write_text(behaviour)
        return JobSpec(
            kind="raster",
            name="layer",
            inputs=(str(source),),
            prefix="stored-data/x",
            scratch=str(tmp_path / "scratch"),
            limits=Limits(**limits),
        )

    return make


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def read_pid(path):
    while not path.exists() or not path.read_text():
        await asyncio.sleep(0.02)
    return int(path.read_text())


async def test_events_come_in_order_and_the_result_at_the_end(order, tmp_path):
    seen = []
    result = await run_job(order("result"), seen.append, log=tmp_path / "log", programs=FAKE)
    assert seen == [Progress(0.5, "reading"), Notice("a notice")]
    assert result.source.href == "stored-data/x/tile.tif"
    assert "a line that a library prints" in (tmp_path / "log").read_text()


async def test_a_refusal_keeps_its_words(order, tmp_path):
    with pytest.raises(InputRefused) as caught:
        await run_job(order("refuse"), print, log=tmp_path / "log", programs=FAKE)
    assert caught.value.message == "page 3 of the file is missing"
    assert caught.value.remedy == "copy it again"


@pytest.mark.parametrize(
    ("behaviour", "told"), [("crash", "was killed by SIGSEGV"), ("exit", "ended with status 3 and no result")]
)
async def test_a_program_that_dies_is_one_line_that_names_the_log(order, tmp_path, behaviour, told):
    with pytest.raises(InputRefused, match=told) as caught:
        await run_job(order(behaviour), print, log=tmp_path / "log", programs=FAKE)
    assert str(tmp_path / "log") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("says", "told"),
    [("nonsense", "Segmentation fault"), ("nothing", "without a result"), ("endless", "a line of more than 16 MiB")],
)
async def test_a_program_that_does_not_keep_to_the_language_is_refused(order, tmp_path, monkeypatch, says, told):
    monkeypatch.setenv("FAKE_JOB_SAYS", says)
    with pytest.raises(InputRefused, match=told):
        await run_job(order("result"), print, log=tmp_path / "log", programs=FAKE)


async def test_a_job_over_its_time_is_killed_with_what_it_started(order, tmp_path):
    spec = order(f"sleep {tmp_path / 'pid'}", wall_s=2.0)
    with pytest.raises(InputRefused, match=r"within 2 s.*GEOPF_JOB_WALL_S"):
        await run_job(spec, print, log=tmp_path / "log", programs=FAKE)
    until(lambda: not alive(int((tmp_path / "pid").read_text())))


async def test_a_job_over_its_memory_is_told_so(order, tmp_path):
    with pytest.raises(InputRefused, match=r"more memory than a job may use.*GEOPF_JOB_MEMORY_BYTES"):
        await run_job(order("allocate", memory_bytes=300 << 20), print, log=tmp_path / "log", programs=FAKE)


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
async def test_processes_that_are_over_the_memory_only_together_are_killed(order, tmp_path):
    spec = order("allocate-together", memory_bytes=250 << 20)
    with pytest.raises(InputRefused, match="of 250 MiB"):
        await run_job(spec, print, log=tmp_path / "log", programs=FAKE)


async def test_a_cancelled_job_is_killed_with_what_it_started(order, tmp_path):
    task = asyncio.create_task(run_job(order(f"sleep {tmp_path / 'pid'}"), print, log=tmp_path / "log", programs=FAKE))
    pid = await read_pid(tmp_path / "pid")
    session = os.getsid(pid)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    until(lambda: not any(alive(one) for one in session_processes(session)))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent ended")
def test_a_job_whose_parent_is_killed_does_not_go_on(order, tmp_path):
    source = tmp_path / "input.txt"
    order(f"sleep {tmp_path / 'pid'}")
    program = (
        "import asyncio, pathlib, sys; from control.jobs.run import run_job; from core.job import JobSpec\n"
        "spec = JobSpec(kind='raster', name='x', inputs=(sys.argv[1],), prefix='p/x', scratch=sys.argv[2])\n"
        "asyncio.run(run_job(spec, print, log=pathlib.Path(sys.argv[3]),"
        " programs={'raster': 'tests.control.fake_job'}))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(source), str(tmp_path / "scratch"), str(tmp_path / "log")],
        stdout=subprocess.DEVNULL,
    )
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    session = os.getsid(int((tmp_path / "pid").read_text()))
    assert len(session_processes(session)) == 3  # leash, job, sleep
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not any(alive(one) for one in session_processes(session)))


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_the_memory_of_a_session_is_that_of_all_its_processes():
    grow = "import time; held = bytearray(b'x') * (40 << 20); print('grown', flush=True); time.sleep(60)"
    both = f"import subprocess, sys; other = subprocess.Popen([sys.executable, '-c', {grow!r}]); {grow}"
    child = subprocess.Popen([sys.executable, "-c", both], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert child.stdout.readline() == child.stdout.readline() == b"grown\n"
        assert 80 << 20 < session_memory(child.pid) < 160 << 20
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
