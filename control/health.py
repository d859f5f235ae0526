"""`/api/health`: whether the control plane has all it needs."""

import asyncio
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import asyncpg
import msgspec
from litestar import MediaType, route
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from control.db.pool import Pool
from control.publish import read_manifest, read_revision
from control.upkeep import Upkeep
from core.app import READ
from core.errors import GeoplateformeError, Unavailable
from core.storage import ObjectStore

_PATIENCE_S = 2.0
_KEPT_S = 0.5
"""How long an answer serves further requests, so that many of them cost one look."""


class Health(msgspec.Struct, frozen=True):
    """State of the control plane when all is well."""

    status: Annotated[str, Meta(description="`ok`.")]
    database: Annotated[str, Meta(description="`ok`: it answers.")]
    storage: Annotated[str, Meta(description="`ok`: it answers.")]
    revision: Annotated[int, Meta(description="Revision of the database's present state.")]
    published_revision: Annotated[int, Meta(description="Revision engines follow; equal but for a moment.")]
    version: Annotated[str, Meta(description="Version of the platform.")]


class HealthCheck:
    """Looks at database and store, at most twice a second however often it is asked."""

    def __init__(self, pool: Pool, store: ObjectStore, upkeep: Upkeep) -> None:
        self._pool = pool
        self._store = store
        self._upkeep = upkeep
        self._lock = asyncio.Lock()
        self._seen: tuple[float, Health | str] = (-1.0, "")

    async def look(self) -> Health:
        """Return the state of the control plane.

        Raises:
            Unavailable: Something it needs does not answer; the message says what.
        """
        async with self._lock:
            when, found = self._seen
            if time.monotonic() - when > _KEPT_S or when < 0:
                found = await self._look()
                self._seen = (time.monotonic(), found)
        if isinstance(found, str):
            raise Unavailable(found, retry_after_s=2)
        return found

    async def _look(self) -> Health | str:
        revision, published = await asyncio.gather(_revision(self._pool), _published_revision(self._store))
        troubles = [
            f"{what}: {found}"
            for what, found in (("database", revision), ("storage", published))
            if isinstance(found, str)
        ]
        if self._upkeep.trouble and not troubles:
            troubles.append(f"upkeep: {self._upkeep.trouble}")
        if isinstance(revision, str) or isinstance(published, str) or troubles:
            return "; ".join(troubles)
        return Health("ok", "ok", "ok", revision, published, platform_version())


async def _revision(pool: Pool) -> int | str:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await read_revision(pool)
    except GeoplateformeError as err:
        return str(err)
    except asyncpg.PostgresError as err:
        return f"it is not ready for this program ({err})"  # not migrated yet, for one
    except TimeoutError:
        return f"no answer within {_PATIENCE_S:g} s"


async def _published_revision(store: ObjectStore) -> int | str:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            manifest = await read_manifest(store)
    except GeoplateformeError as err:
        return str(err)
    except TimeoutError:
        return f"no answer within {_PATIENCE_S:g} s"
    return 0 if manifest is None else manifest.revision


def platform_version() -> str:
    """Return the version of the platform."""
    try:
        return version("geoplateforme")
    except PackageNotFoundError:
        return "unknown"


def health_route() -> HTTPRouteHandler:
    """Return the route `/api/health`; it asks the `HealthCheck` in the application's state `health`."""

    @route("/api/health", http_method=READ, operation_id="GetControlHealth", media_type=MediaType.JSON)
    async def get_control_health(state: State) -> Health:
        """Tell whether the control plane has all it needs; 503 with what is missing when not."""
        check: HealthCheck = state.health
        return await check.look()

    return get_control_health
