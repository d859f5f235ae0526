"""Cleaning: what nobody owns goes, what somebody makes stays."""

import asyncio
import signal
import subprocess
import sys
import time

from control.db.pool import open_pool
from control.reap import reap
from tests.control.desk import until


async def test_what_a_killed_owner_left_is_removed_and_what_a_living_one_makes_is_not(desk, database, tmp_path):
    living = asyncio.create_task(desk.deliver(f"wait {tmp_path / 'go'}", name="living"))
    await until(desk.objects)
    killed = tmp_path / "killed.txt"
    killed.write_text(f"sleep {tmp_path / 'pid'}")
    program = (
        "import asyncio, sys\n"
        "from control.db.pool import open_pool\n"
        "from control.delivery import Delivery, deliver\n"
        "from control.settings import ControlSettings\n"
        "from core.open_store import open_store\n"
        "from core.settings import CoreSettings, read_settings\n"
        "async def main():\n"
        "    core = read_settings(CoreSettings)\n"
        "    delivery = Delivery(kind='raster', name='killed', as_is=True, inputs=(sys.argv[1],))\n"
        "    async with open_pool(sys.argv[2]) as pool:\n"
        "        await deliver(pool, open_store(core), core, ControlSettings(), delivery, print,\n"
        "            programs={'raster': 'tests.control.fake_job'})\n"
        "asyncio.run(main())\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", program, killed, database], stdout=subprocess.DEVNULL)
    await until((tmp_path / "pid").exists)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert len(await desk.rows()) == 2
    removed, deadline = 0, time.monotonic() + 10
    while not removed:  # PostgreSQL takes a moment to see that the owner is gone
        assert time.monotonic() < deadline
        removed = await reap(desk.pool, desk.store, desk.core.data, return_s=0)
        await asyncio.sleep(0.05)
    assert removed == 1
    assert len(desk.scratch()) == 1
    (tmp_path / "go").touch()
    layer = await living
    assert desk.objects() == [layer.source.href]
    assert await desk.rows() == ["GENERATED"]
    assert desk.scratch() == []


async def test_folders_of_jobs_that_are_no_longer_are_swept(desk):
    left = desk.core.data / "scratch" / "5b4cdc26-9a5d-4a67-a70b-8b2a9a5e7f10"
    left.mkdir(parents=True)
    (left / "intermediate").touch()
    await reap(desk.pool, desk.store, desk.core.data)
    assert desk.scratch() == []


async def test_two_programs_may_clean_at_once(desk, database):
    old = await desk.deliver()
    await desk.deliver(replace=True)
    async with open_pool(database) as other:
        await asyncio.gather(
            *(reap(pool, desk.store, desk.core.data, grace_s=0) for pool in (desk.pool, other, desk.pool))
        )
    assert old.source.href not in desk.objects()
    assert len(desk.objects()) == 1
