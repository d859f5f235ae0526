"""The embedded server: starts, is taken over, survives kills, lets nobody else in."""

import asyncio
import os
import signal
import stat
import tempfile
import time
from pathlib import Path

import asyncpg
import pytest

from control.db import programs
from control.db.embedded import EmbeddedPostgres, running_url, url_of
from control.db.postmaster import living_postmaster
from core.errors import Unavailable

QUICK = {"fsync": "off", "full_page_writes": "off"}


def ask(url, query, *arguments):
    async def asked():
        db = await asyncpg.connect(url)
        try:
            return await db.fetchval(query, *arguments)
        finally:
            await db.close()

    return asyncio.run(asked())


def until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data") / "postgres"


@pytest.fixture
def server(folder):
    """The module's cluster, started; stopped afterwards whatever the test did."""
    embedded = EmbeddedPostgres(folder, options=QUICK)
    embedded.start()
    yield embedded
    last = EmbeddedPostgres(folder, options=QUICK)
    last.start()
    embedded.stop()
    assert last.stop()


def test_sorts_by_code_point_and_keeps_utf_8(server):
    url = url_of(server._home)
    assert ask(url, "SHOW server_encoding") == "UTF8"
    assert ask(url, "SELECT array(SELECT x FROM unnest(array['é', 'z', 'Z', 'e']) AS x ORDER BY x)") == list("Zezé")
    assert ask(url, "SELECT upper('édition')") == "ÉDITION"


def test_listens_on_no_network_address_and_only_its_user_may_enter_the_socket_folder(server):
    url = url_of(server._home)
    assert ask(url, "SHOW listen_addresses") == ""
    where = Path(ask(url, "SHOW unix_socket_directories"))
    assert stat.S_IMODE(where.stat().st_mode) == 0o700
    assert stat.S_IMODE((server._home / "cluster").stat().st_mode) == 0o700


def test_a_second_program_takes_over_the_server_and_the_last_one_stops_it(server, folder):
    other = EmbeddedPostgres(folder)
    assert other.start() == running_url(folder)
    assert other.adopted
    assert other.pid == server.pid
    assert not other.stop()
    assert server.alive()


def test_starts_again_after_its_server_was_killed(server, folder):
    ask(url_of(folder), "CREATE TABLE kept (x integer)")
    ask(url_of(folder), "INSERT INTO kept VALUES (42)")
    os.kill(server.pid, signal.SIGKILL)
    again = EmbeddedPostgres(folder, options=QUICK)
    url = again.start()
    assert not again.adopted
    assert ask(url, "SELECT x FROM kept") == 42
    again.stop()


def test_a_lock_file_that_names_another_living_process_is_no_obstacle(server, folder):
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not server.alive())
    lock = folder / "cluster" / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    assert running_url(folder) is None
    again = EmbeddedPostgres(folder, options=QUICK)
    again.start()
    assert again.alive()
    again.stop()


def test_a_path_too_long_for_a_socket_is_served_from_a_private_folder_elsewhere(tmp_path):
    folder = tmp_path / ("a" * 60) / ("é, b" * 15) / "postgres"
    embedded = EmbeddedPostgres(folder, options=QUICK)
    url = embedded.start()
    try:
        assert ask(url, "SELECT 1") == 1
        where = Path(living_postmaster(folder / "cluster").socket_folder)
        assert len(str(where)) < 80
        assert stat.S_IMODE(where.stat().st_mode) == 0o700
    finally:
        embedded.stop()
    where.rmdir()


def test_a_start_cut_short_while_the_cluster_was_made_leaves_no_half_cluster(tmp_path):
    unfinished = tmp_path / "postgres" / "cluster.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    embedded = EmbeddedPostgres(tmp_path / "postgres", options=QUICK)
    url = embedded.start()
    assert ask(url, "SELECT current_database()") == "geoplateforme"
    embedded.stop()


def test_a_server_that_refuses_to_start_is_reported_with_its_log(tmp_path):
    embedded = EmbeddedPostgres(tmp_path / "postgres", options={"shared_buffers": "a lot"})
    with pytest.raises(Unavailable, match="shared_buffers"):
        embedded.start()
    assert running_url(tmp_path / "postgres") is None


def test_a_cluster_of_a_version_that_is_not_installed_is_named(tmp_path):
    cluster = tmp_path / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("9\n")
    with pytest.raises(Unavailable, match="PostgreSQL 9"):
        EmbeddedPostgres(tmp_path / "postgres").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must become somebody else")
def test_root_runs_it_as_nobody_where_namespaces_are_forbidden(monkeypatch):
    monkeypatch.setattr(programs, "_AS_NOBODY", ("false",))
    with tempfile.TemporaryDirectory() as data:
        Path(data).chmod(0o755)  # unlike the folders pytest makes, one that others may enter
        embedded = EmbeddedPostgres(Path(data) / "postgres", options=QUICK)
        url = embedded.start()
        try:
            assert ask(url, "SELECT 1") == 1
            assert Path(f"/proc/{embedded.pid}").stat().st_uid != 0
        finally:
            embedded.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must become somebody else")
def test_a_folder_that_nobody_cannot_enter_is_named_with_the_ways_out(monkeypatch):
    monkeypatch.setattr(programs, "_AS_NOBODY", ("false",))
    with tempfile.TemporaryDirectory() as data, pytest.raises(Unavailable, match=r"GEOPF_DATA.*GEOPF_DATABASE_URL"):
        EmbeddedPostgres(Path(data) / "postgres").start()
