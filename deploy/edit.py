"""`geopf edit` and `geopf compact`: features of a layer changed, and changes put into its data."""

import asyncio
from pathlib import Path

from control.changes.compact import compact_layer
from control.changes.edits import CRS84, MAX_BYTES
from control.changes.service import Changed, change_layer
from core.errors import InputRefused
from deploy.platform import open_platform
from deploy.progress import ProgressReport


def edit_layer(name: str, file: str, crs: str = "") -> int:
    """Change features of a published vector layer as a GeoJSON file tells; return the exit status.

    Raises:
        BadRequest: The layer cannot be changed, or an edit cannot be taken.
        InputRefused: The file cannot be read.
        LayerNotFound: No layer has this name.
        NotFound: An edit names a feature that never was.
    """
    try:
        with Path(file).open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as err:
        raise InputRefused(f"{file} cannot be read ({err.strerror})", "give the path of a GeoJSON file") from err
    done = asyncio.run(_edit(name, data, crs or CRS84))
    last = done.first + len(done.ids) - 1
    print(f"{name}: changes {done.first} to {last}, features {', '.join(map(str, done.ids[:20]))}", end="")
    print(", ..." if len(done.ids) > 20 else "")
    if done.mended:
        print(f"{done.mended} areas were not valid and are mended")
    return 0


def compact(name: str) -> int:
    """Put the changes of a layer into its data; return the exit status.

    Raises:
        Conflict: A delivery or a compaction of it is under way.
        LayerNotFound: No layer has this name.
    """
    with ProgressReport(name) as report:
        changes = asyncio.run(_compact(name, report))
    print(f"{name}: {changes} changes are in the data")
    return 0


async def _edit(name: str, data: bytes, crs: str) -> Changed:
    async with open_platform() as platform:
        return await change_layer(platform.pool, platform.store, name, data, crs)


async def _compact(name: str, report: ProgressReport) -> int:
    async with open_platform() as platform:
        return await compact_layer(platform.pool, platform.store, platform.core, platform.control, name, report)
