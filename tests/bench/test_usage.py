import os
import subprocess
import sys

import pytest

from bench.usage import read_usage
from core.errors import Unavailable

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

BURN = """
import sys, time
while time.process_time() < 0.4: pass
print("burnt", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def table(tmp_path):
    def add(pid, *, parent, session, ticks=(0, 0, 0, 0), pages=0, name="server"):
        fields = ["S", parent, 0, session, 0, 0, 0, 0, 0, 0, 0, *ticks, 0, 0, 0, 0, 0, 0, pages, 0, 0]
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(map(str, fields))}\n")

    add(1, parent=0, session=1, ticks=(900, 900, 900, 900), pages=900)
    add.proc = tmp_path
    return add


def test_user_system_and_waited_for_time_are_added(table):
    table(10, parent=1, session=10, ticks=(1, 20, 300, 4000), pages=7)
    usage = read_usage(10, table.proc)
    assert usage.cpu_s == 4321 / TICKS
    assert usage.rss_bytes == 7 * PAGE


def test_children_of_children_count_wherever_their_session_is(table):
    table(12, parent=11, session=12, ticks=(5, 0, 0, 0), pages=1)
    table(11, parent=10, session=11, ticks=(3, 0, 0, 0), pages=1)
    table(10, parent=1, session=10, ticks=(2, 0, 0, 0), pages=1)
    assert read_usage(10, table.proc).cpu_s == 10 / TICKS


def test_an_orphan_of_the_session_counts(table):
    table(10, parent=1, session=10, ticks=(2, 0, 0, 0))
    table(40, parent=1, session=10, ticks=(6, 0, 0, 0))
    assert read_usage(10, table.proc).cpu_s == 8 / TICKS


def test_a_command_name_with_blanks_and_parentheses_does_not_shift_fields(table):
    table(10, parent=1, session=10, ticks=(2, 0, 0, 0), name="a) (b c")
    assert read_usage(10, table.proc).cpu_s == 2 / TICKS


def test_a_process_that_is_not_there_is_told(table):
    with pytest.raises(Unavailable, match="process 77"):
        read_usage(77, table.proc)


@pytest.mark.parametrize("nested", [False, True], ids=["process", "its child"])
def test_cpu_seconds_of_a_real_process_are_those_it_burnt(nested):
    code = f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {BURN!r}]).returncode)"
    with subprocess.Popen(
        [sys.executable, "-c", code if nested else BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"burnt\n"
        used = read_usage(process.pid).cpu_s
        process.stdin.close()
    assert 0.35 <= used <= 0.9
