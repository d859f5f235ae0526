"""The follower: keeps an engine's layer table equal to the newest publication, and remembers the last good one."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from core.changes import Changes
from core.errors import BadSource, GeoplateformeError, ObjectNotFound
from core.layer import PublishedLayer
from core.snapshot import (
    MANIFEST_KEY,
    Manifest,
    PartReference,
    decode_changes,
    decode_layers,
    decode_manifest,
    encode_manifest,
    with_changes,
)
from core.storage import ObjectReader
from core.table import LayerTable

Wait = Callable[[float], Awaitable[None]]

_Content = tuple[PublishedLayer, ...] | Changes
"""What a part holds."""

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
        self._contents: dict[str, _Content] = {}
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
        changed = manifest.revision != self._table.revision
        parts, fetched = _parts(manifest), {}
        for part in parts:
            if part.digest not in self._contents:
                found_part = await self._store.get(part.key)
                assert found_part is not None
                self._contents[part.digest] = await asyncio.to_thread(_decode, part, found_part.data)
                fetched[part.digest] = found_part.data
        await asyncio.to_thread(self._keep_local_copy, manifest, fetched)
        self._swap(manifest)
        self._etag = found.info.etag
        if changed:
            _log.info("publication taken", extra={"revision": manifest.revision, "layers": len(self._table.all())})

    def _swap(self, manifest: Manifest) -> None:
        """Serve what a manifest names, all of it being known, and forget the rest."""
        self._contents = {part.digest: self._contents[part.digest] for part in _parts(manifest)}
        contents = self._contents.values()
        layers = next(content for content in contents if isinstance(content, tuple))
        changes = [content for content in contents if isinstance(content, Changes)]
        self._table.replace(manifest.revision, with_changes(layers, changes))
        self.ready = True

    def _keep_local_copy(self, manifest: Manifest, fetched: Mapping[str, bytes]) -> None:
        """Write new parts, and then the manifest if all are there; a disk that refuses is no reason not to serve."""
        names = {_name(part): part.digest for part in _parts(manifest)}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for name, digest in names.items():
                if digest in fetched:
                    _write_atomically(self._folder / name, fetched[digest])
                elif not (self._folder / name).exists():
                    return
            _write_atomically(self._folder / "manifest.json", encode_manifest(manifest))
            for old in self._folder.glob("*.msgpack"):
                if old.name not in names:
                    old.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("the local copy of the publication was not written", extra={"reason": str(error)})

    def _take_local_copy(self) -> None:
        try:
            manifest = decode_manifest((self._folder / "manifest.json").read_bytes())
            for part in _parts(manifest):
                self._contents[part.digest] = _decode(part, (self._folder / _name(part)).read_bytes())
            self._swap(manifest)
        except (OSError, BadSource) as error:
            _log.warning("there is no local copy of the publication to begin with", extra={"reason": str(error)})
            return
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


def _decode(part: PartReference, data: bytes) -> _Content:
    return decode_changes(part, data) if part.kind == "changes" else decode_layers(part, data)


def _parts(manifest: Manifest) -> tuple[PartReference, ...]:
    """Return the parts that an engine knows, that with the layers among them; others are for later engines."""
    if not any(part.kind == "layers" for part in manifest.parts):
        raise BadSource(f"{MANIFEST_KEY} names no part with layers")
    return tuple(part for part in manifest.parts if part.kind in {"layers", "changes"})


def _name(part: PartReference) -> str:
    return part.key.rpartition("/")[2]


def _write_atomically(path: Path, data: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
