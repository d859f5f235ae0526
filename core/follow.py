"""The follower: keeps an engine's layer table equal to the newest publication, and remembers the last good one."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from core.errors import BadSource, GeoplateformeError, ObjectNotFound
from core.layer import PublishedLayer
from core.snapshot import MANIFEST_KEY, Manifest, PartReference, decode_layers, decode_manifest, encode_manifest
from core.storage import ObjectReader
from core.table import LayerTable

Wait = Callable[[float], Awaitable[None]]

_log = logging.getLogger(__name__)


class Follower:
    """Follows `published/manifest.json`.

    A publication is taken whole or not at all: when the store does not answer, or a
    part is not what the manifest names, the table keeps what it has. Whatever revision
    the manifest names is taken, a lower one too: that is what a restored database gives.
    """

    def __init__(
        self, store: ObjectReader, table: LayerTable, last_good: Path, interval_s: float, *, wait: Wait | None = None
    ) -> None:
        """Follow a store.

        Args:
            store: Holds the publication.
            table: Is kept equal to it.
            last_good: Folder of the local copy.
            interval_s: Pause between two looks at the manifest, seconds.
            wait: Takes the place of the pause in tests.
        """
        self._store = store
        self._table = table
        self._folder = last_good
        self._interval_s = interval_s
        self._wait = wait if wait is not None else self._pause
        self._nudged = asyncio.Event()
        self._etag = ""
        self._digests: dict[str, str] = {}
        self._trouble = ""
        self.ready = False
        """True once a publication, the local copy or an empty store was seen."""

    async def start(self) -> None:
        """Take the newest publication, or the local copy when the store does not give it."""
        await self.look()
        if not self.ready:
            await asyncio.to_thread(self._take_local_copy)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self._wait(self._interval_s)
            await self.look()

    def nudge(self) -> None:
        """Make the next look happen now."""
        self._nudged.set()

    async def look(self) -> None:
        """Look at the manifest once and take what it names when it changed. Never raises."""
        try:
            await self._look()
        except GeoplateformeError as error:
            self._note(str(error))
        except Exception as error:  # noqa: BLE001 - a follower that ends would serve old layers for ever
            self._note(repr(error), error)
        else:
            self._note("")

    async def _look(self) -> None:
        try:
            found = await self._store.get(MANIFEST_KEY, if_none_match=self._etag)
        except ObjectNotFound:
            if self._table.revision == 0:
                self.ready = True
                return
            raise
        if found is None:
            self.ready = True
            return
        manifest = decode_manifest(found.data)
        reference = _layers_part(manifest)
        if self._digests.get("layers") != reference.digest:
            part = await self._store.get(reference.key)
            assert part is not None
            layers = await asyncio.to_thread(decode_layers, reference, part.data)
            await asyncio.to_thread(self._keep_local_copy, manifest, reference, part.data)
        else:
            layers = self._table.all()
            await asyncio.to_thread(self._keep_local_copy, manifest, reference, None)
        self._swap(manifest, reference, layers)
        self._etag = found.info.etag

    def _swap(self, manifest: Manifest, reference: PartReference, layers: tuple[PublishedLayer, ...]) -> None:
        changed = manifest.revision != self._table.revision
        self._table.replace(manifest.revision, layers)
        self._digests["layers"] = reference.digest
        self.ready = True
        if changed:
            _log.info("publication taken", extra={"revision": manifest.revision, "layers": len(layers)})

    def _keep_local_copy(self, manifest: Manifest, reference: PartReference, data: bytes | None) -> None:
        """Write the part unless it is kept (None), then the manifest; a disk that refuses is no reason not to serve."""
        part = self._folder / f"layers-{reference.digest}.msgpack"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if data is not None:
                _write_atomically(part, data)
            elif not part.exists():
                return
            _write_atomically(self._folder / "manifest.json", encode_manifest(manifest))
            for old in self._folder.glob("layers-*.msgpack"):
                if reference.digest not in old.name:
                    old.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("the local copy of the publication was not written", extra={"reason": str(error)})

    def _take_local_copy(self) -> None:
        try:
            manifest = decode_manifest((self._folder / "manifest.json").read_bytes())
            reference = _layers_part(manifest)
            layers = decode_layers(reference, (self._folder / f"layers-{reference.digest}.msgpack").read_bytes())
        except (OSError, BadSource) as error:
            _log.warning("there is no local copy of the publication to begin with", extra={"reason": str(error)})
            return
        self._swap(manifest, reference, layers)
        _log.warning("serving the local copy of the publication", extra={"revision": manifest.revision})

    def _note(self, trouble: str, error: Exception | None = None) -> None:
        """Log a change of state once."""
        if trouble and trouble != self._trouble:
            extra = {"reason": trouble}
            _log.warning("the publication cannot be read; serving the last good one", extra=extra, exc_info=error)
        elif self._trouble and not trouble:
            _log.info("the publication can be read again")
        self._trouble = trouble

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._nudged.wait(), seconds)
        except TimeoutError:
            return
        self._nudged.clear()


def _layers_part(manifest: Manifest) -> PartReference:
    for part in manifest.parts:
        if part.kind == "layers":
            return part
    raise BadSource(f"{MANIFEST_KEY} names no part with layers")


def _write_atomically(path: Path, data: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
