"""Deliveries: from a producer's files to a published layer, whole or not at all; and the way back.

    stored data GENERATING, claimed  ->  job program  ->  one transaction: stored data GENERATED,
    configuration, offering PUBLISHED, revision + 1  ->  publication

Until the transaction nothing is visible; whatever fails before it is removed,
here when the error is met, by `control.reap` when this program was killed.
"""

import asyncio
import contextlib
import logging
import shutil
import time
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from control.configurations.store import (
    AnyStyle,
    NamedConfiguration,
    delete_configuration,
    find_named,
    insert_configuration,
    name_taken,
    set_styles,
    update_configuration,
)
from control.configurations.styles import check_any, check_fit
from control.db.pool import Connection, Pool, connection, transaction
from control.defaults import ENDPOINTS, default_datastore, ensure_defaults
from control.intake import check_inputs, check_room
from control.jobs.run import PROGRAMS, OnEvent, run_job
from control.offerings.status import OfferingStatus, advance
from control.offerings.store import delete_offering, insert_offering, list_offerings, read_published_layers, set_status
from control.publish import bump_revision, publish
from control.settings import ControlSettings, job_log, scratch_folder
from control.stored_data.claim import Claim
from control.stored_data.service import erase
from control.stored_data.status import StoredDataStatus
from control.stored_data.store import (
    complete_stored_data,
    forget_unfinished,
    insert_stored_data,
    list_unfinished,
    mark_deleted,
    mark_unstable,
    prefix_of,
    read_status,
)
from core.errors import BadRequest, Conflict, GeoplateformeError, LayerNotFound, StoreFull, Unavailable
from core.job import JobSpec, Limits, Notice, RasterStorage, Result
from core.layer import Kind, PublishedLayer, Resampling
from core.map_style import MapStyle
from core.naming import check_layer_name
from core.settings import CoreSettings
from core.snapshot import Manifest
from core.storage import ObjectStore
from core.style import Style

_PATIENCE_S = 60.0
"""How long the end of a job waits for a database that is being restarted."""

_log = logging.getLogger(__name__)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What a producer wants to be published."""

    kind: Kind
    """Which kind of layer the files become."""

    name: str
    """Name of the layer."""

    inputs: tuple[str, ...]
    """Paths of the producer's files."""

    title: str = ""
    """What people read; empty for the name."""

    abstract: str = ""
    """A sentence or two on the data."""

    crs: str = ""
    """CRS declared by the producer, as authority:code or WKT; overrides what the files say."""

    source_layer: str = ""
    """Layer to take from a file that holds several; empty for the only one."""

    as_is: bool = False
    """Rasters only: store Cloud-Optimized GeoTIFFs without changing them."""

    resampling: Resampling | None = None
    """Rasters only: how samples between pixels are found; None for what suits the data."""

    storage: RasterStorage = RasterStorage()
    """Rasters only: how pixels are stored that do not stay as they are."""

    styles: tuple[AnyStyle, ...] | None = None
    """How the layer is shown, the default first, in styles for its kind; None to keep the styles that it has."""

    replace: bool = False
    """Whether the data of an existing layer of this name may be replaced."""


async def deliver(
    pool: Pool,
    store: ObjectStore,
    core: CoreSettings,
    control: ControlSettings,
    delivery: Delivery,
    on_event: OnEvent,
    *,
    programs: dict[Kind, str] = PROGRAMS,
) -> PublishedLayer:
    """Make a layer of a producer's files and publish it.

    Args:
        pool: The database, migrated.
        store: Where the objects go.
        core: The data folder.
        control: Limits of the job.
        delivery: What is wanted.
        on_event: Told of the progress.
        programs: Module of the job program of each kind.

    Raises:
        BadRequest: The name cannot be one, or a style cannot be drawn or is for another kind of layer.
        Conflict: The name is taken, or another delivery of it is under way.
        InputRefused: The files cannot be taken; the log of the job is named where it tells more.
        StoreFull: There is no room.
        Unavailable: The database does not answer.
    """
    check_layer_name(delivery.name)
    _check_styles(delivery)
    inputs = await asyncio.to_thread(check_inputs, tuple(Path(one) for one in delivery.inputs))
    async with connection(pool) as db:
        existing = await find_named(db, delivery.name)
        _check_replaced(existing, delivery)
        styles = _styles(existing, delivery)
        await ensure_defaults(db)
        datastore = await default_datastore(db)
    await asyncio.to_thread(check_room, inputs, core.data)
    stored_data = uuid4()
    claim = Claim(pool, stored_data, delivery.name)
    await claim.take()
    try:
        async with connection(pool) as db:
            reuse = await list_unfinished(db, datastore, delivery.name)
            if existing is not None:
                reuse = (prefix_of(existing.stored_data), *reuse)
            await insert_stored_data(
                db,
                stored_data,
                datastore=datastore,
                name=delivery.name,
                kind=delivery.kind,
                as_is=delivery.as_is,
            )
        spec = _spec(core.data, control.job_limits, delivery, styles, inputs, stored_data, reuse)
        try:
            result = await _make(core.data, spec, stored_data, on_event, programs)
            layer = await _commit(pool, datastore, stored_data, delivery, result)
        except BaseException:
            await _give_up(pool, store, core.data, stored_data)
            raise
    finally:
        await claim.release()
    try:
        await publish(pool, store)
    except (Unavailable, StoreFull) as err:
        _log.warning("publication postponed", extra={"layer": delivery.name, "reason": str(err)})
        on_event(Notice(f"the layer is stored; it will be served when the publication can be written ({err})"))
    return layer


def _check_styles(delivery: Delivery) -> None:
    styles = delivery.styles or ()
    for kind, what, name in (("raster", Style, "styles"), ("vector", MapStyle, "MapLibre styles")):
        if delivery.kind != kind and any(isinstance(style, what) for style in styles):
            raise BadRequest(f"{name} are for {kind}s, not for {delivery.kind}", "leave them out")
    check_any(styles)


def _styles(existing: NamedConfiguration | None, delivery: Delivery) -> tuple[AnyStyle, ...]:
    """Return the styles that the layer will have."""
    if delivery.styles is not None:
        return delivery.styles
    return existing.styles or existing.map_styles if existing is not None else ()


def _check_replaced(existing: NamedConfiguration | None, delivery: Delivery) -> None:
    if existing is None:
        return
    if not delivery.replace:
        raise name_taken(delivery.name)
    if existing.kind != delivery.kind:
        raise Conflict(
            f"layer {delivery.name} is of kind {existing.kind}; {delivery.kind} data cannot replace it",
            f"remove it first: geopf remove {delivery.name}",
        )


def _spec(
    data: Path,
    limits: Limits,
    delivery: Delivery,
    styles: tuple[AnyStyle, ...],
    inputs: tuple[Path, ...],
    stored_data: UUID,
    reuse: tuple[str, ...],
) -> JobSpec:
    """Return what the job program is told."""
    return JobSpec(
        kind=delivery.kind,
        name=delivery.name,
        inputs=tuple(str(path) for path in inputs),
        prefix=prefix_of(stored_data),
        scratch=str(scratch_folder(data) / str(stored_data)),
        crs=delivery.crs,
        source_layer=delivery.source_layer,
        as_is=delivery.as_is,
        resampling=delivery.resampling,
        storage=delivery.storage,
        reuse=reuse,
        styles=tuple(style for style in styles if isinstance(style, Style)),
        limits=limits,
    )


async def _make(data: Path, spec: JobSpec, stored_data: UUID, on_event: OnEvent, programs: dict[Kind, str]) -> Result:
    """Run the job program in a folder of its own, which is gone afterwards."""
    scratch = Path(spec.scratch)
    scratch.mkdir(parents=True, mode=0o700)
    result = await run_job(spec, on_event, log=job_log(data, stored_data), programs=programs)
    await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
    return result


async def _commit(pool: Pool, datastore: UUID, stored_data: UUID, delivery: Delivery, result: Result) -> PublishedLayer:
    """Make the layer visible in one transaction; begin again when the database is restarted meanwhile."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            async with transaction(pool) as db:
                return await _commit_once(db, datastore, stored_data, delivery, result)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.5)


async def _commit_once(
    db: Connection, datastore: UUID, stored_data: UUID, delivery: Delivery, result: Result
) -> PublishedLayer:
    if await complete_stored_data(db, stored_data, result):
        existing = await find_named(db, delivery.name, lock=True)
        _check_replaced(existing, delivery)
        title, styles = delivery.title or delivery.name, _styles(existing, delivery)
        if existing is None:
            configuration = await insert_configuration(
                db,
                datastore=datastore,
                stored_data=stored_data,
                kind=delivery.kind,
                name=delivery.name,
                title=title,
                abstract=delivery.abstract,
                styles=styles,
            )
            await insert_offering(db, configuration, endpoint=ENDPOINTS[delivery.kind])
        else:
            await update_configuration(db, existing.id, stored_data, title, delivery.abstract)
            await set_styles(db, existing.id, styles)
            await mark_deleted(db, existing.stored_data)
        await forget_unfinished(db, datastore, delivery.name)
        await bump_revision(db)
    elif await read_status(db, stored_data) is not StoredDataStatus.GENERATED:  # else an earlier try went through
        raise Conflict(f"the delivery of {delivery.name} was given up while the database was away", "deliver it again")
    (layer,) = await read_published_layers(db, delivery.name)
    check_fit((*layer.styles, *layer.map_styles), layer)
    return layer


async def _give_up(pool: Pool, store: ObjectStore, data: Path, stored_data: UUID) -> None:
    """Keep what was made so far for the next delivery of the name, or remove it where that has no use for it.

    What cannot be removed now is left to `control.reap`.
    """
    try:
        kept = await _has_objects(store, stored_data)
        async with connection(pool) as db:
            kept = kept and await mark_unstable(db, stored_data)
            unfinished = not kept and await mark_deleted(db, stored_data, unfinished=True)
        if unfinished:
            await erase(pool, store, stored_data, data)
    except GeoplateformeError as err:
        _log.warning("cleaning postponed", extra={"stored_data": str(stored_data), "reason": str(err)})
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(scratch_folder(data) / str(stored_data))


async def _has_objects(store: ObjectStore, stored_data: UUID) -> bool:
    async for _ in store.list(f"{prefix_of(stored_data)}/"):
        return True
    return False


async def list_layers(pool: Pool) -> tuple[PublishedLayer, ...]:
    """List the published layers, sorted by name.

    Raises:
        Unavailable: The database does not answer.
    """
    async with connection(pool) as db:
        return await read_published_layers(db)


async def remove_layer(pool: Pool, store: ObjectStore, name: str) -> Manifest:
    """Take a layer away; its objects are removed a moment later, when no engine reads them any more.

    Raises:
        LayerNotFound: No layer has this name.
        Unavailable: The database or the store does not answer. The layer may be
            gone from the database, and will be from the engines.
    """
    async with transaction(pool) as db:
        found = await find_named(db, name, lock=True)
        if found is None:
            raise LayerNotFound(f"no layer is named {name[:140]!r}", "geopf layers lists the layers")
        for offering, status in await list_offerings(db, found.id):
            await _withdraw(db, offering, status)
        await delete_configuration(db, found.id)
        await mark_deleted(db, found.stored_data)
        await bump_revision(db)
    return await publish(pool, store)


async def _withdraw(db: Connection, offering: UUID, status: OfferingStatus) -> None:
    for step in (OfferingStatus.UNPUBLISHING, OfferingStatus.UNPUBLISHED):
        status = advance(status, step)
        await set_status(db, offering, status)
    await delete_offering(db, offering)
