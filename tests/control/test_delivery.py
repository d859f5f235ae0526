"""Deliveries: a layer whole, or nothing but a log."""

import asyncio
import os

import pytest

from control.delivery import Delivery, deliver, list_layers, remove_layer
from control.jobs.run import PROGRAMS
from control.reap import reap
from control.settings import ControlSettings
from core.errors import BadRequest, Conflict, InputRefused, LayerNotFound, StoreFull, Unavailable
from core.job import Notice, Progress
from tests.control.desk import FAKE, ROOT, until


async def test_a_delivery_is_a_published_layer(desk):
    layer = await desk.deliver(title="Ortho 20 cm", abstract="Vue du ciel")
    assert (layer.name, layer.title, layer.abstract, layer.bbox) == (
        "ortho",
        "Ortho 20 cm",
        "Vue du ciel",
        (0.19, 47.98, 0.21, 48.0),
    )
    assert await desk.published() == {"ortho": layer}
    assert await list_layers(desk.pool) == (layer,)
    assert desk.objects() == [layer.source.href]
    assert await desk.rows() == ["GENERATED"]
    assert desk.scratch() == []
    assert desk.seen == [Progress(0.5, "reading"), Notice("a notice")]


@pytest.mark.parametrize("behaviour", ["refuse", "crash", "exit"])
async def test_a_failed_job_leaves_nothing_but_its_log(desk, behaviour):
    with pytest.raises(InputRefused):
        await desk.deliver(behaviour)
    await desk.assert_nothing_left()
    assert len(desk.logs()) == 1
    assert await desk.published() == {}


async def test_a_cancelled_delivery_leaves_nothing_but_its_log(desk, tmp_path):
    task = asyncio.create_task(desk.deliver(f"sleep {tmp_path / 'pid'}"))
    await until((tmp_path / "pid").exists)
    assert await desk.rows() == ["GENERATING"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await desk.assert_nothing_left()
    assert len(desk.logs()) == 1


async def test_a_name_that_is_taken_is_refused_before_anything_is_begun(desk):
    await desk.deliver()
    with pytest.raises(Conflict, match="--replace"):
        await desk.deliver()
    assert len(desk.logs()) == 1


@pytest.mark.parametrize("name", ["../x", "a/b", "", "é", ".x"])
async def test_a_name_that_cannot_be_one_is_refused(desk, name):
    with pytest.raises(BadRequest):
        await desk.deliver(name=name)
    await desk.assert_nothing_left()


async def test_a_file_that_does_not_exist_or_is_empty_is_refused(desk, tmp_path):
    (tmp_path / "empty.tif").touch()
    for path, told in ((tmp_path / "none.tif", "does not exist"), (tmp_path / "empty.tif", "is empty")):
        delivery = Delivery(kind="raster", name="ortho", inputs=(str(path),))
        with pytest.raises(InputRefused, match=told):
            await deliver(desk.pool, desk.store, desk.core, ControlSettings(), delivery, print, programs=FAKE)
    await desk.assert_nothing_left()


async def test_a_full_disk_is_said_before_anything_is_begun(desk, monkeypatch):
    monkeypatch.setattr("control.intake._ROOM_BYTES", 1 << 60)
    with pytest.raises(StoreFull, match="MiB free"):
        await desk.deliver()
    await desk.assert_nothing_left()


async def test_replacing_changes_the_version_keeps_the_offering_and_drops_the_old_objects_later(desk):
    old = await desk.deliver()
    new = await desk.deliver(replace=True, title="New")
    assert new.offering == old.offering
    assert new.version != old.version
    assert await desk.published() == {"ortho": new}
    assert desk.objects() == sorted([old.source.href, new.source.href])
    assert await reap(desk.pool, desk.store, desk.core.data) == 0
    assert await reap(desk.pool, desk.store, desk.core.data, grace_s=0) == 1
    assert desk.objects() == [new.source.href]
    assert await desk.rows() == ["GENERATED"]


async def test_a_failed_replacement_leaves_the_layer_as_it_was(desk):
    old = await desk.deliver()
    with pytest.raises(InputRefused):
        await desk.deliver("crash", replace=True)
    assert await desk.published() == {"ortho": old}
    assert desk.objects() == [old.source.href]


async def test_data_of_another_kind_do_not_replace_a_layer(desk):
    await desk.deliver()
    with pytest.raises(Conflict, match="kind raster"):
        await desk.deliver(kind="vector", replace=True)


async def test_two_deliveries_of_one_name_do_not_run_side_by_side(desk, tmp_path):
    first = asyncio.create_task(desk.deliver(f"wait {tmp_path / 'go'}"))
    await until(lambda: len(desk.logs()) == 1)
    with pytest.raises(Conflict, match="under way"):
        await desk.deliver(f"wait {tmp_path / 'go'}")
    (tmp_path / "go").touch()
    layer = await first
    assert await desk.published() == {"ortho": layer}


async def test_a_removed_layer_is_gone_at_once_and_its_objects_later(desk):
    layer = await desk.deliver()
    await remove_layer(desk.pool, desk.store, "ortho")
    assert await desk.published() == {}
    assert desk.objects() == [layer.source.href]
    await reap(desk.pool, desk.store, desk.core.data, grace_s=0)
    await desk.assert_nothing_left()
    with pytest.raises(LayerNotFound):
        await remove_layer(desk.pool, desk.store, "ortho")
    assert (await desk.deliver()).version != layer.version


class ShutStore:
    """A store that takes objects but no publication."""

    def __init__(self, store):
        self.store = store

    def __getattr__(self, name):
        return getattr(self.store, name)

    async def put(self, key, data):
        raise Unavailable(f"the store does not take {key}")


async def test_a_layer_whose_publication_is_refused_is_stored_and_said_to_come_later(desk):
    layer = await desk.deliver(store=ShutStore(desk.store))
    assert isinstance(desk.seen[-1], Notice)
    assert "will be served" in desk.seen[-1].message
    assert await list_layers(desk.pool) == (layer,)


async def test_a_delivery_given_up_while_the_database_was_away_says_so(desk, tmp_path):
    task = asyncio.create_task(desk.deliver(f"wait {tmp_path / 'go'}"))
    await until(desk.objects)
    await desk.pool.execute("UPDATE stored_data SET status = 'DELETED'")
    (tmp_path / "go").touch()
    with pytest.raises(Conflict, match="deliver it again"):
        await task
    assert await list_layers(desk.pool) == ()


def test_the_job_programs_are_the_engines_own():
    assert all((ROOT / module.replace(".", os.sep) / "__main__.py").exists() for module in PROGRAMS.values())


async def test_what_was_made_of_a_raster_that_is_refused_waits_for_the_next_delivery_of_its_name(desk):
    with pytest.raises(InputRefused):
        await desk.deliver("refuse", as_is=False)
    left = desk.objects()
    assert (len(left), await desk.rows(), desk.scratch()) == (1, ["UNSTABLE"], [])
    await desk.deliver("tell", name="other", as_is=False)
    assert desk.seen[-1] == Notice("")
    await desk.deliver("tell", as_is=False)
    assert desk.seen[-1] == Notice(left[0].rpartition("/")[0])
    assert sorted(await desk.rows()) == ["DELETED", "GENERATED", "GENERATED"]
    await reap(desk.pool, desk.store, desk.core.data, grace_s=0)
    assert left[0] not in desk.objects()
    assert await desk.rows() == ["GENERATED", "GENERATED"]


async def test_what_was_made_of_a_raster_that_is_cancelled_is_kept_for_a_day_and_no_longer(desk, tmp_path):
    task = asyncio.create_task(desk.deliver(f"sleep {tmp_path / 'pid'}", as_is=False))
    await until((tmp_path / "pid").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await reap(desk.pool, desk.store, desk.core.data)
    assert (len(desk.objects()), await desk.rows()) == (1, ["UNSTABLE"])
    await reap(desk.pool, desk.store, desk.core.data, keep_s=0)
    await desk.assert_nothing_left()


async def test_a_replacement_may_take_over_what_the_layer_has(desk):
    old = await desk.deliver(as_is=False)
    await desk.deliver("tell", as_is=False, replace=True)
    assert desk.seen[-1] == Notice(old.source.href.rpartition("/")[0])
