"""Upkeep: what the control plane does by itself, at its start and every few seconds after.

Migrates the database, makes good a publication that was not written, and cleans
what killed programs left. A database or a store that is away is waited for.
"""

import asyncio
import logging
from pathlib import Path

from control.db.migrate import migrate
from control.db.pool import Pool, transaction
from control.defaults import ensure_defaults
from control.publish import reconcile
from control.reap import KEEP_S, reap
from core.errors import GeoplateformeError, Unavailable
from core.storage import ObjectStore

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 1.0

_log = logging.getLogger(__name__)


class Upkeep:
    """Keeps the database and the publication in order.

    Args:
        pool: The database, which may not run yet.
        store: Where the publication is written.
        data: The platform's data folder.
        interval_s: Time between two rounds when all is well, seconds.
        keep_s: How long what was made of a delivery that was cut off waits for the next one, seconds.
    """

    def __init__(
        self, pool: Pool, store: ObjectStore, data: Path, interval_s: float, *, keep_s: float = KEEP_S
    ) -> None:
        self._pool = pool
        self._store = store
        self._data = data
        self._interval_s = interval_s
        self._keep_s = keep_s
        self._migrated = False
        self.trouble = "the database was not reached yet"
        """Why the last round did not succeed; empty when it did."""

    async def run(self) -> None:
        """Go on for ever; after a failure again soon, then every second."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                await self.round()
            except Unavailable as err:
                self._note(str(err), level=logging.WARNING)
            except GeoplateformeError as err:
                self._note(str(err), level=logging.ERROR)
            except Exception as err:  # noqa: BLE001 - upkeep goes on whatever a round met
                self._note(f"{type(err).__name__}, see the log", level=logging.ERROR)
                _log.exception("upkeep failed")
            await asyncio.sleep(wait_s if self.trouble else self._interval_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S) if self.trouble else _FIRST_WAIT_S

    async def round(self) -> None:
        """Do everything once.

        Raises:
            Unavailable: The database or the store does not answer.
            Conflict: The database and this program do not fit each other.
        """
        if not self._migrated:
            await migrate(self._pool)
            async with transaction(self._pool) as db:
                await ensure_defaults(db)
            self._migrated = True
        await reconcile(self._pool, self._store)
        await reap(self._pool, self._store, self._data, keep_s=self._keep_s)
        self.trouble = ""

    def _note(self, trouble: str, *, level: int) -> None:
        if trouble != self.trouble:
            _log.log(level, "upkeep does not succeed", extra={"reason": trouble})
        self.trouble = trouble
