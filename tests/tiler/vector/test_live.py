"""tiler.vector.live: a layer is drawn as it was until its changes are applied, and never without an end."""

import asyncio
import threading

import numpy as np
import pytest
import shapely

from core.changes import Change, Changes
from tests.tiler.vector.sources import made
from tiler.vector import live
from tiler.vector.live import LiveLayer
from tiler.vector.values import ids_of


def put(number, x):
    return Change(number, shapely.to_wkb(shapely.Point(x, 45.0)), {})


def parts(*several):
    """Return changes in parts, numbered from 1."""
    found, first = [], 1
    for one in several:
        found.append(Changes("d", first, tuple(one)))
        first += len(one)
    return tuple(found)


def there(source):
    """Return the identifiers of the features that are drawn."""
    level, patch = source.levels[0], source.patches[0] if source.patches else None
    rows = [row for n, row in enumerate(level.shapes.rows) if patch is None or n not in patch.gone]
    if patch is not None:
        rows += [row for n, row in enumerate(patch.added.shapes.rows) if n not in patch.dropped]
    return sorted(ids_of(source.values, np.array(rows, np.uint32)).tolist())


@pytest.fixture
def layer():
    return LiveLayer("l", made(list(shapely.points([[1.0, 44.0], [2.0, 44.0]]))), "EPSG:4326")


async def test_without_changes_it_is_as_it_is_stored(layer):
    source, settled = await layer.after(())
    assert (there(source), settled) == ([0, 1], True)


async def test_changes_are_applied_once_and_go_on_from_there(layer, monkeypatch):
    calls = []

    def noted(source, changes, crs):
        calls.append([change.id for change in changes])
        return apply(source, changes, crs)

    apply = live.apply_changes
    monkeypatch.setattr(live, "apply_changes", noted)
    first, second = [put(2, 3.0), Change(0, b"")], [put(3, 4.0)]
    source, settled = await layer.after(parts(first))
    assert (there(source), settled) == ([1, 2], True)
    assert there((await layer.after(parts(first, second)))[0]) == [1, 2, 3]
    assert there((await layer.after(parts([*first, *second])))[0]) == [1, 2, 3]
    assert calls == [[2, 0], [3]]


async def test_changes_that_were_taken_back_are_gone(layer):
    """As after the database was restored from an older copy."""
    await layer.after(parts([put(2, 3.0)], [put(3, 4.0)]))
    source, settled = await layer.after(parts([put(2, 3.0)], [put(4, 9.0)]))
    assert (there(source), settled) == ([0, 1, 2, 4], True)
    assert there((await layer.after(()))[0]) == [0, 1]


async def test_a_request_waits_no_longer_than_its_patience(layer, monkeypatch):
    go = threading.Event()
    apply = live.apply_changes
    monkeypatch.setattr(live, "apply_changes", lambda *given: go.wait(10) and apply(*given))
    wanted = parts([put(2, 3.0)])
    source, settled = await layer.after(wanted, 0.01)
    assert (there(source), settled) == ([0, 1], False)
    waiting = asyncio.create_task(layer.after(wanted, None))
    await asyncio.sleep(0)
    go.set()
    source, settled = await waiting
    assert (there(source), settled) == ([0, 1, 2], True)


async def test_changes_that_cannot_be_applied_leave_the_layer_as_it_was(layer, caplog):
    bad = parts([put(2, 3.0)], [Change(3, b"no geometry", {})])
    for _ in range(2):
        source, settled = await layer.after(bad)
        assert (there(source), settled) == ([0, 1], False)
    assert [record.message for record in caplog.records] == ["changes were not applied"]
    source, settled = await layer.after(parts([put(2, 3.0)]))
    assert (there(source), settled) == ([0, 1, 2], True)
