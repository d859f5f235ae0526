"""Compaction: changes put into the data they were made to, in the background, by a job program."""

import asyncio
import logging
import shutil
from uuid import UUID

import msgspec

from control.changes.store import (
    forget_superseded,
    list_due,
    list_superseded,
    lock_source,
    read_after,
    replace_source,
)
from control.configurations.store import find_named
from control.db.pool import Pool, connection, transaction
from control.jobs.run import PROGRAMS, OnEvent, run_job
from control.publish import bump_revision, publish
from control.settings import ControlSettings, job_log, scratch_folder
from control.stored_data.claim import Claim
from control.stored_data.store import prefix_of
from core.changes import Changes
from core.errors import Conflict, GeoplateformeError, LayerNotFound
from core.job import Compaction, JobSpec, Notice, Progress, Result
from core.layer import Kind, VectorSource
from core.settings import CoreSettings
from core.storage import ObjectStore

_INTERVAL_S = 5.0

_log = logging.getLogger(__name__)


class Compactor:
    """Puts changes into the data wherever there are many, or old ones.

    Args:
        pool: The database.
        store: Where the objects are.
        core: The data folder.
        control: When it is time, and limits of the job.
        programs: Module of the job program of each kind.
    """

    def __init__(
        self,
        pool: Pool,
        store: ObjectStore,
        core: CoreSettings,
        control: ControlSettings,
        *,
        programs: dict[Kind, str] = PROGRAMS,
    ) -> None:
        self._pool, self._store, self._core, self._control = pool, store, core, control
        self._programs = programs
        self._given_up: dict[UUID, str] = {}

    async def run(self) -> None:
        """Go on for ever."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            try:
                await self.round()
            except GeoplateformeError as err:
                _log.info("compaction waits", extra={"reason": str(err)})
            except Exception:  # noqa: BLE001 - the next round may do better
                _log.exception("compaction failed")

    async def round(self) -> int:
        """Compact all that is due, once; return how many data were.

        Data of which the changes could not be put in are told once and tried again when there are other ones.

        Raises:
            Unavailable: The database or the store does not answer.
        """
        done = 0
        async with connection(self._pool) as db:
            due = await list_due(db, changes=self._control.compact_changes, age_s=self._control.compact_age_s)
        for stored_data, name in due:
            try:
                done += await compact_data(
                    self._pool, self._store, self._core, self._control, stored_data, name, programs=self._programs
                )
                self._given_up.pop(stored_data, None)
            except Conflict as err:
                _log.info("compaction postponed", extra={"layer": name, "reason": str(err)})
            except GeoplateformeError as err:
                if self._given_up.get(stored_data) != str(err):
                    _log.warning("changes could not be put into the data", extra={"layer": name, "reason": str(err)})
                self._given_up[stored_data] = str(err)
        return done


async def compact_layer(
    pool: Pool, store: ObjectStore, core: CoreSettings, control: ControlSettings, name: str, on_event: OnEvent
) -> int:
    """Put the changes of a layer into its data now; return how many there were.

    Raises:
        Conflict: A delivery or a compaction of it is under way.
        InputRefused: The job program failed.
        LayerNotFound: No layer has this name.
        Unavailable: The database or the store does not answer.
    """
    async with connection(pool) as db:
        found = await find_named(db, name)
    if found is None:
        raise LayerNotFound(f"no layer is named {name[:140]!r}", "geopf layers lists the layers")
    return await compact_data(pool, store, core, control, found.stored_data, name, on_event=on_event)


async def compact_data(
    pool: Pool,
    store: ObjectStore,
    core: CoreSettings,
    control: ControlSettings,
    stored_data: UUID,
    name: str,
    *,
    on_event: OnEvent | None = None,
    programs: dict[Kind, str] = PROGRAMS,
) -> int:
    """Store data anew with their changes, and serve them from there; return how many changes there were.

    Changes that are made meanwhile are not in it, and are served as before.

    Raises:
        Conflict: A delivery or another compaction is under way, or the data were replaced meanwhile.
        InputRefused: The job program failed.
        Unavailable: The database or the store does not answer.
    """
    claim = Claim(pool, stored_data, name)
    await claim.take()
    scratch = scratch_folder(core.data) / f"compact-{stored_data}"
    try:
        async with transaction(pool) as db:
            source = await lock_source(db, stored_data)
            if not isinstance(source, VectorSource):
                return 0
            changes = await read_after(db, stored_data, source.through)
        if not changes:
            return 0
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        scratch.mkdir(parents=True, mode=0o700)
        path = scratch / "changes.msgpack"
        path.write_bytes(msgspec.msgpack.encode(Changes(str(stored_data), source.through + 1, changes)))
        spec = JobSpec(
            kind="vector",
            name=name,
            inputs=(),
            prefix=prefix_of(stored_data),
            scratch=str(scratch),
            compact=Compaction(base=source, changes=str(path)),
            limits=control.job_limits,
        )
        result = await run_job(spec, on_event or _ignore, log=job_log(core.data, stored_data), programs=programs)
        await _commit(pool, stored_data, source, result)
    finally:
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        await claim.release()
    await publish(pool, store)
    _log.info("changes put into the data", extra={"layer": name, "changes": len(changes)})
    return len(changes)


def _ignore(event: Progress | Notice) -> None:
    """Tell nobody of progress in the background."""
    del event


async def _commit(pool: Pool, stored_data: UUID, before: VectorSource, result: Result) -> None:
    assert isinstance(result.source, VectorSource)
    async with transaction(pool) as db:
        if not await replace_source(db, stored_data, before, result.source, result.size):
            raise Conflict("the data were replaced while changes were put into them", "nothing is lost: try again")
        await bump_revision(db)


async def remove_superseded(pool: Pool, store: ObjectStore, *, age_s: float) -> None:
    """Remove objects in whose place others are served, once no engine reads them any more.

    Raises:
        Unavailable: The database or the store does not answer.
    """
    async with connection(pool) as db:
        keys = await list_superseded(db, age_s=age_s)
    for key in keys:
        await store.delete(key)
    if keys:
        async with connection(pool) as db:
            await forget_superseded(db, keys)
