"""`geopf doctor`: what is wrong with this machine, and what to do about it."""

import asyncio
import importlib.metadata
import os
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Callable

import msgspec

from control.db.embedded import running_url
from control.db.pool import open_pool
from control.db.programs import find_programs
from control.settings import ControlSettings, postgres_folder
from core.errors import GeoplateformeError
from core.open_store import open_store
from core.settings import CoreSettings, read_settings
from deploy.serve import check_ports
from deploy.settings import ServeSettings

_LEAST_FREE = 5 << 30
"""Free space below which an ingest is likely to fail, bytes."""

_LIBRARIES = (
    "litestar",
    "granian",
    "numpy",
    "numba",
    "rasterio",
    "rio-tiler",
    "pyogrio",
    "laspy",
    "lazrs",
    "asyncpg",
    "obstore",
)


class Finding(msgspec.Struct, frozen=True):
    """The outcome of one check."""

    what: str
    fine: bool
    told: str
    remedy: str = ""


def run_doctor() -> int:
    """Run every check and print the findings; return 0 when all is well, else 1."""
    findings = [_guarded(what, check) for what, check in _CHECKS.items()]
    for one in findings:
        print(f"{'ok ' if one.fine else 'NOT'} {one.what:<10} {one.told}")
        if not one.fine and one.remedy:
            print(f"    {'':<10} -> {one.remedy}")
    wrong = sum(not one.fine for one in findings)
    print("all is well" if not wrong else f"{wrong} of {len(findings)} checks found something")
    return 1 if wrong else 0


def _guarded(what: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except GeoplateformeError as error:
        return Finding(what, fine=False, told=error.message, remedy=error.remedy)
    except (OSError, TimeoutError) as error:
        return Finding(what, fine=False, told=f"{type(error).__name__}: {error}")


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    fine = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding("python", fine=fine, told=version, remedy="use CPython 3.11, 3.12 or 3.13")


def _libraries() -> Finding:
    told, missing = [], []
    for name in _LIBRARIES:
        try:
            told.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    return Finding(
        "libraries", fine=not missing, told=", ".join(told), remedy=f"missing: {', '.join(missing)}; run `make setup`"
    )


def _pdal() -> Finding:
    try:
        told = f"pdal {importlib.metadata.version('pdal')}"
    except importlib.metadata.PackageNotFoundError:
        told = "not installed (optional: reads E57, PLY, BPF; LAS and LAZ need it not)"
    return Finding("pdal", fine=True, told=told)


def _page() -> Finding:
    site = read_settings(ServeSettings).site
    built = (site / "index.html").is_file()
    return Finding("page", fine=built, told="built" if built else "not built", remedy="run `make setup`")


def _data() -> Finding:
    data = read_settings(CoreSettings).data
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=data):
        pass
    free = shutil.disk_usage(data).free
    told = f"{data.resolve()} is writable, {free / (1 << 30):.1f} GiB free"
    return Finding("data", fine=free >= _LEAST_FREE, told=told, remedy="free at least 5 GiB or set GEOPF_DATA")


def _ports() -> Finding:
    where = read_settings(ServeSettings)
    if _answers(where):
        return Finding("ports", fine=True, told=f"the platform runs on port {where.port}")
    check_ports(where)
    return Finding("ports", fine=True, told=f"{where.port} and {where.control_address[1]} are free")


def _answers(where: ServeSettings) -> bool:
    try:
        with urllib.request.urlopen(f"http://{where.host}:{where.port}/healthz", timeout=2):
            return True
    except OSError:
        return False


def _storage() -> Finding:
    settings = read_settings(CoreSettings)

    async def probe() -> str:
        store = open_store(settings)
        try:
            key = f"scratch/doctor-{os.getpid()}"
            await store.put(key, b"geopf")
            kept = await store.get(key)
            await store.delete(key)
        finally:
            await store.close()
        return "writes and reads" if kept is not None and kept.data == b"geopf" else "gives back something else"

    told = asyncio.run(asyncio.wait_for(probe(), 20))
    where = settings.storage_url or str((settings.data / "objects").resolve())
    return Finding("storage", fine=told == "writes and reads", told=f"{where} {told}", remedy="check GEOPF_STORAGE_URL")


def _database() -> Finding:
    url = read_settings(ControlSettings).database_url or running_url(postgres_folder(read_settings(CoreSettings).data))
    if not url:
        return Finding("database", fine=True, told=f"embedded, not running now ({find_programs().folder})")

    async def probe() -> str:
        async with open_pool(url) as pool:
            return str(await pool.fetchval("SHOW server_version"))

    return Finding("database", fine=True, told=f"PostgreSQL {asyncio.run(asyncio.wait_for(probe(), 20))} answers")


_CHECKS: dict[str, Callable[[], Finding]] = {
    "python": _python,
    "libraries": _libraries,
    "pdal": _pdal,
    "page": _page,
    "data": _data,
    "ports": _ports,
    "storage": _storage,
    "database": _database,
}
