"""The edge of the LAZ decoder: sizes inside the chunks are checked first, what it throws becomes a refusal.

The decoder allocates by the sizes that a chunk claims, and a failed allocation ends the process.
"""

import struct
from collections.abc import Callable
from typing import BinaryIO, TypeVar

import lazrs
import numpy as np

from core.errors import InputRefused
from pointcloud.copc.header import RECORD_LENGTHS
from pointcloud.ingest.guard import AGAIN, GetBytes, LasFile

_LAYERS = {6: 9, 7: 10, 8: 11, 9: 10, 10: 12}
"""Layers of a chunk by point data record format; each extra byte is one more."""

_LAYERED = 3
"""Compressor of the formats from 6 on."""

_VARIABLE = 0xFFFFFFFF

T = TypeVar("T")


def decoding(las: LasFile, done: int, step: Callable[[], T]) -> T:
    """Run a step of the decoder.

    A panic of lazrs is a BaseException of a module that cannot be imported.

    Args:
        las: The file.
        done: Points decoded before.
        step: What to do.

    Raises:
        InputRefused: The decoder fails.
    """
    try:
        return step()
    except BaseException as err:
        if isinstance(err, lazrs.LazrsError | ValueError | OSError) or type(err).__name__ == "PanicException":
            reason = " ".join(str(err).split())[:200]
            raise InputRefused(
                f"{las.name}: its LAZ points cannot be decoded after point {done} ({reason})", AGAIN
            ) from err
        raise


def check_chunks(las: LasFile, file: BinaryIO, get: GetBytes) -> None:
    """Check that chunks, and the layers within them, fit the file.

    Raises:
        InputRefused: They do not.
    """
    first = las.header.offset_to_points + 8
    file.seek(las.header.offset_to_points)
    vlr = lazrs.LazVlr(las.laszip)
    table = decoding(las, 0, lambda: lazrs.read_chunk_table(file, vlr))
    counts, sizes = np.array(table, np.int64).reshape(-1, 2).T
    if int(sizes.sum()) > las.size - first or int(sizes.min()) < 0:
        raise InputRefused(f"{las.name}: its LAZ chunks claim {int(sizes.sum())} bytes of {las.size - first}", AGAIN)
    variable = vlr.chunk_size() == _VARIABLE
    if variable and int(counts.sum()) != las.header.points:
        raise InputRefused(
            f"{las.name}: its LAZ chunks hold {int(counts.sum())} points; its header says {las.header.points}", AGAIN
        )
    if int.from_bytes(las.laszip[:2], "little") == _LAYERED:
        _check_layers(las, get, (first + np.cumsum(sizes) - sizes).tolist(), sizes.tolist())


def _check_layers(las: LasFile, get: GetBytes, starts: list[int], sizes: list[int]) -> None:
    header = las.header
    layers = _LAYERS[header.point_format] + header.record_length - RECORD_LENGTHS[header.point_format]
    fields = struct.Struct(f"<{1 + layers}I")
    head_size = header.record_length + fields.size
    for number, (start, size) in enumerate(zip(starts, sizes, strict=True), 1):
        head = get(start, head_size)
        if len(head) < head_size:
            raise InputRefused(f"{las.name}: LAZ chunk {number} of {len(sizes)} is cut", AGAIN)
        points, *claimed = fields.unpack_from(head, header.record_length)
        if head_size + sum(claimed) > size or points > header.points:
            raise InputRefused(
                f"{las.name}: LAZ chunk {number} of {len(sizes)} claims {points} points in {sum(claimed)} bytes; "
                f"it has {size}",
                AGAIN,
            )
