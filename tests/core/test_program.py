"""core.program: the child's side of a job, run as a real child."""

import json
import subprocess
import sys

import msgspec
import pytest

from core.errors import InputRefused
from core.job import JobSpec, Limits
from core.program import failure_of

CHILD = """
import sys
from core.errors import InputRefused
from core.job import Progress
from core.program import run_program

def work(spec, emit):
    emit(Progress(0.5, "half"))
    if spec.name == "refused":
        raise InputRefused("x.tif is bad", "mend it")
    if spec.name == "hungry":
        bytearray(2 << 30)
    if spec.name == "noisy":
        import os
        os.write(1, b"native chatter\\n")
        print("python chatter")
    if spec.name == "panic":
        raise BaseException("panicked in rust")
    raise OSError(28, "No space left on device")

sys.exit(run_program({"raster": work}))
"""


def run(name, kind="raster", stdin=None):
    spec = JobSpec(kind=kind, name=name, inputs=(), prefix="p", scratch=".", limits=Limits(memory_bytes=1 << 30))
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=msgspec.json.encode(spec) if stdin is None else stdin,
        capture_output=True,
        check=False,
    )
    return child.returncode, [json.loads(line) for line in child.stdout.splitlines()], child.stderr


def test_a_refusal_is_one_failure_line_and_status_1():
    status, events, _ = run("refused")
    assert status == 1
    assert events == [
        {"event": "progress", "done": 0.5, "step": "half"},
        {"event": "failure", "message": "x.tif is bad", "remedy": "mend it"},
    ]


def test_a_child_over_its_memory_limit_says_so():
    status, events, _ = run("hungry")
    assert status == 1
    assert "memory" in events[-1]["message"]


def test_what_libraries_print_goes_to_the_log_and_not_between_the_lines():
    _, events, log = run("noisy")
    assert [event["event"] for event in events] == ["progress", "failure"]
    assert b"native chatter" in log


def test_a_full_disk_is_named():
    _, events, _ = run("full")
    assert "no room left" in events[-1]["message"]
    assert events[-1]["remedy"]


def test_even_a_panic_ends_with_one_failure_line():
    status, events, _ = run("panic")
    assert (status, events[-1]["event"]) == (1, "failure")


def test_a_kind_the_program_does_not_make_is_refused():
    _, events, _ = run("x", kind="points")
    assert "not points" in events[-1]["message"]


def test_a_spec_that_is_no_spec_is_a_failure():
    status, events, _ = run("x", stdin=b"{")
    assert (status, events[-1]["event"]) == (1, "failure")


@pytest.mark.parametrize("text", ["", "one\ntwo\nthree", "x" * 10_000])
def test_a_failure_is_one_short_line(text):
    failure = failure_of(ValueError(text))
    assert "\n" not in failure.message
    assert len(failure.message) < 500


def test_a_failure_keeps_message_and_remedy_of_our_errors():
    failure = failure_of(InputRefused("a", "b"))
    assert (failure.message, failure.remedy) == ("a", "b")
