"""Vector layers mapped into memory: opened at most once at a time, given up when others are asked for more."""

import asyncio
import tempfile
from collections import OrderedDict
from pathlib import Path

from core.errors import BadSource
from core.layer import PublishedLayer, VectorShapes, VectorSource
from core.storage import ObjectReader
from tiler.vector.build import build_tiles
from tiler.vector.grid import MERCATOR
from tiler.vector.layer import TileSource
from tiler.vector.live import LiveLayer
from tiler.vector.local import LocalFiles
from tiler.vector.stored import FORMAT, open_levels, open_values

MAX_FILE_BYTES = 512 << 20
"""Largest GeoParquet file of which an engine makes shapes itself."""

MAX_OPEN = 512
"""Layers and CRSs that are open at a time; what is mapped takes no memory of its own."""


class VectorSources:
    """Open layers, the least recently asked closed first; belongs to one event loop."""

    def __init__(self, store: ObjectReader, folder: Path, capacity_bytes: int) -> None:
        """Begin with none.

        Args:
            store: Holds the layers' files.
            folder: For copies, where the store is no folder itself.
            capacity_bytes: What copies may take.
        """
        self._store = store
        self._files = LocalFiles(store, folder, capacity_bytes)
        self._open: OrderedDict[tuple[str, str], LiveLayer] = OrderedDict()
        self._pending: dict[tuple[str, str], asyncio.Task[LiveLayer]] = {}
        self._one_at_a_time = asyncio.Semaphore(1)

    async def get(self, layer: PublishedLayer, crs: str) -> tuple[TileSource, bool]:
        """Return what tiles of a CRS are drawn from, and whether all changes of the layer are in it.

        Those that take long to apply are in it later. A caller that goes away does not
        cancel the work others wait for. Failures are not kept.

        Args:
            layer: One with a `VectorSource`.
            crs: CRS of the tiles.

        Raises:
            BadSource: A file is missing, damaged or too large.
            StoreFull: There is no room for a copy.
            Unavailable: The store does not answer.
        """
        source = layer.source
        assert isinstance(source, VectorSource)
        shapes = source.shapes_for(crs) if source.shapes else None
        key = (source.href, shapes.crs if shapes is not None else "")
        known = self._open.get(key)
        if known is not None:
            self._open.move_to_end(key)
            return await known.after(layer.changes)
        task = self._pending.get(key)
        if task is None:
            task = asyncio.create_task(self._fetch(key, layer.name, source, shapes))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._pending[key] = task
        opened = await asyncio.shield(task)
        return await opened.after(layer.changes, None)

    async def _fetch(
        self, key: tuple[str, str], name: str, source: VectorSource, shapes: VectorShapes | None
    ) -> LiveLayer:
        try:
            async with self._one_at_a_time:
                if shapes is not None:
                    places = await self._files.path(shapes.href), await self._files.path(source.values)
                else:
                    places = await self._make(source)
                opened = LiveLayer(name, await asyncio.to_thread(_open, *places), source.crs)
            self._open[key] = opened
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
            return opened
        finally:
            del self._pending[key]

    async def _make(self, source: VectorSource) -> tuple[Path, Path]:
        """Make shapes of a layer that was published without."""
        parquet = await self._files.path(source.href)
        stem = self._files.place(source.href).with_suffix(f".made-{FORMAT}")
        shapes, values = stem.with_name(f"{stem.name}.0.shapes.arrow"), stem.with_name(f"{stem.name}.values.arrow")
        if not (shapes.exists() and values.exists()):
            size = await asyncio.to_thread(lambda: parquet.stat().st_size if parquet.exists() else -1)
            if size < 0:
                raise BadSource(f"{source.href} is not in the object store", "store the layer again")
            if size > MAX_FILE_BYTES:
                raise BadSource(
                    f"{source.href} has {size:,} bytes, more than the {MAX_FILE_BYTES:,} that an engine prepares",
                    "ingest the layer again",
                )
            await asyncio.to_thread(_build, parquet, source, shapes, values)
        self._files.keep(shapes)
        self._files.keep(values)
        return shapes, values


def _build(parquet: Path, source: VectorSource, shapes: Path, values: Path) -> None:
    """Make the two files; each appears whole."""
    shapes.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=shapes.parent) as aside:
        stem = Path(aside) / "made"
        built = build_tiles(parquet, source.geometry_column, source.crs, stem, targets=(MERCATOR,))
        built.values.replace(values)
        built.shapes[0][1].replace(shapes)


def _open(shapes: Path, values: Path) -> TileSource:
    grid, levels = open_levels(shapes)
    return TileSource(grid, levels, open_values(values))
