"""Features that are gathered part after part, on disk: memory is what of them is touched."""

import contextlib
import ctypes
import tempfile
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tiler.vector.shapes import Shapes

_TYPES = {"kinds": np.uint8, "rows": np.uint32, "parts": np.uint32, "ends": np.uint32, "vertices": np.int32}


class ShapeSpill:
    """Takes features in the order of their rows, within a `with` block.

    Files without a name hold them, gone when nothing refers to them any more.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Begin.

        Args:
            folder: On whose disk; None for the system's own for such files.
        """
        self._files = {name: _new_file(folder) for name in _TYPES}
        self._parts = self._vertices = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    @property
    def vertices(self) -> int:
        """Number of vertices so far."""
        return self._vertices

    def add(self, shapes: Shapes) -> None:
        """Take more features."""
        self._write("kinds", shapes.kinds)
        self._write("rows", shapes.rows)
        self._write("parts", shapes.parts[:-1] + np.uint32(self._parts))
        self._write("ends", shapes.ends[:-1] + np.uint32(self._vertices))
        self._write("vertices", shapes.vertices)
        self._parts += len(shapes.ends) - 1
        self._vertices += len(shapes.vertices)

    def finish(self) -> Shapes:
        """Return all of them, mapped."""
        self._write("parts", np.array([self._parts], np.uint32))
        self._write("ends", np.array([self._vertices], np.uint32))
        mapped = {name: _map(file, np.dtype(_TYPES[name])) for name, file in self._files.items()}
        return Shapes(
            mapped["kinds"], mapped["rows"], mapped["parts"], mapped["ends"], mapped["vertices"].reshape(-1, 2)
        )

    def _write(self, name: str, array: NDArray[Any]) -> None:
        self._files[name].write(np.ascontiguousarray(array, _TYPES[name]).data)


def give_back() -> None:
    """Give memory that is not used any more back to the system: both allocators keep much of it for later."""
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError):  # other systems have no such call
        ctypes.CDLL(None).malloc_trim(0)


def _new_file(folder: Path | None) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder)


def _map(file: IO[bytes], kind: np.dtype[Any]) -> NDArray[Any]:
    with file:
        size = file.tell()
        file.flush()
        return np.asarray(np.memmap(file, kind, mode="r")) if size else np.empty(0, kind)
