"""An open layer that follows its changes: drawn from as it was until they are applied, then as it is."""

import asyncio
import logging
from itertools import chain

from core.changes import Change, Changes
from tiler.vector.layer import TileSource
from tiler.vector.overlay import apply_changes

PATIENCE_S = 0.5
"""How long a request waits for changes to be applied before it is given the layer without them."""

_log = logging.getLogger(__name__)


class LiveLayer:
    """What tiles of a layer in some CRS are drawn from; belongs to one event loop."""

    def __init__(self, name: str, stored: TileSource, crs: str) -> None:
        """Begin with what is stored.

        Args:
            name: Of the layer, for the log.
            stored: The layer as it is stored.
            crs: CRS of the geometries of changes.
        """
        self._name, self._stored, self._crs = name, stored, crs
        self._applied: tuple[Change, ...] = ()
        self._current = stored
        self._wanted: tuple[Changes, ...] = ()
        self._refused: tuple[Changes, ...] | None = None
        self._work: asyncio.Task[None] | None = None

    async def after(
        self, changes: tuple[Changes, ...], patience_s: float | None = PATIENCE_S
    ) -> tuple[TileSource, bool]:
        """Return the layer, and whether all changes are in it.

        Args:
            changes: Those that were made since it was stored.
            patience_s: How long to wait for them, seconds; None for as long as it takes.
        """
        if changes is self._wanted and self._work is None:
            return self._current, self._refused is not changes
        self._wanted = changes
        work = self._work
        if work is None:
            work = self._work = asyncio.create_task(self._catch_up())
        await asyncio.wait([work], timeout=patience_s)
        return self._current, work.done() and self._wanted is changes and self._refused is not changes

    async def _catch_up(self) -> None:
        """Apply what is wanted until nothing more is."""
        try:
            done: tuple[Changes, ...] | None = None
            while done is not self._wanted:
                done = self._wanted
                if done is self._refused:
                    continue
                try:
                    await self._apply(tuple(chain.from_iterable(part.changes for part in done)))
                except Exception:  # noqa: BLE001 - a fault of ours must not take the layer away
                    self._refused = done
                    _log.exception("changes were not applied", extra={"layer": self._name})
        finally:
            self._work = None

    async def _apply(self, changes: tuple[Change, ...]) -> None:
        known = len(self._applied)
        goes_on = changes[:known] == self._applied
        base, later = (self._current, changes[known:]) if goes_on else (self._stored, changes)
        if later:
            self._current = await asyncio.to_thread(apply_changes, base, later, self._crs)
        else:
            self._current = base
        self._applied = changes
