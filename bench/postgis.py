"""PostgreSQL with PostGIS for the peers that draw tiles in SQL: a cluster of the bench's own, and a program beside it.

`python -m bench.postgis FOLDER PROGRAM ARGUMENT...` starts the server of a folder and then a
program that finds it by `DATABASE_URL`, both as children, so that their CPU time is one sum.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from urllib.parse import parse_qs, quote, urlsplit

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from control.db.embedded import NAME, EmbeddedPostgres
from control.db.programs import Launcher, Programs, choose_launcher
from core.errors import Unavailable

TABLE = "buildings"
SRID = 3857

URL = "DATABASE_URL"
"""Environment variable of the program: where the database is."""

_SYSTEM = Path("/usr/lib/postgresql")
_SHARED = Path("/usr/share/postgresql")
_MARK = "loaded.json"
_OPTIONS = {"shared_buffers": "512MB", "work_mem": "64MB", "jit": "off", "max_parallel_workers_per_gather": "0"}
"""The table fits the buffers; one process draws a tile, as one thread does in ours."""

_PATIENCE_S = 120.0
_COLUMN_TYPES = {pa.string(): "text", pa.float64(): "double precision", pa.int64(): "bigint"}

Say = Callable[[str], None]


class _Loaded(msgspec.Struct, frozen=True):
    """What a cluster holds."""

    source: str
    size: int
    postgis: str


def find_postgis() -> Programs:
    """Find an installation of PostgreSQL that has PostGIS, the newest.

    Raises:
        Unavailable: There is none.
    """
    majors = sorted((int(path.name) for path in _SYSTEM.glob("[0-9]*") if path.name.isdigit()), reverse=True)
    for major in majors:
        folder = _SYSTEM / str(major) / "bin"
        if (_SHARED / str(major) / "extension" / "postgis.control").exists() and (folder / "initdb").exists():
            return Programs(folder, major)
    raise Unavailable("PostGIS is absent from this machine", "install the package postgresql-postgis of the system")


def prepare_database(folder: Path, parquet: Path, say: Say) -> str:
    """Load buildings into the cluster of a folder, once, and return the version of PostGIS.

    Args:
        folder: Folder of the cluster; its server must not run.
        parquet: The buildings.
        say: Told of what takes long.

    Raises:
        Unavailable: There is no PostGIS, or the server does not start.
    """
    programs = find_postgis()
    mark = folder / _MARK
    try:
        loaded = msgspec.json.decode(mark.read_bytes(), type=_Loaded)
        if (loaded.source, loaded.size) == (parquet.name, parquet.stat().st_size):
            return loaded.postgis
    except (FileNotFoundError, msgspec.DecodeError):
        pass
    say(f"loading {parquet.name} into PostgreSQL {programs.major}")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "postgres").mkdir(parents=True)
    _make_cluster(folder / "postgres", programs)
    server = EmbeddedPostgres(folder / "postgres", options=_OPTIONS)
    try:
        version = asyncio.run(_load(server.start(), parquet))
    finally:
        server.stop()
    mark.write_bytes(msgspec.json.encode(_Loaded(parquet.name, parquet.stat().st_size, version)))
    return version


def beside(folder: Path, command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that runs another one beside the server of a folder."""
    return (sys.executable, "-m", "bench.postgis", str(folder), *command)


def _make_cluster(folder: Path, programs: Programs) -> None:
    """Make a cluster by the programs that have PostGIS; the server is then run by those that made it."""
    launcher = choose_launcher(programs, folder)
    made = folder / "cluster"
    made.mkdir(mode=0o700)
    if launcher.switch:
        os.chown(made, *launcher.owner)
    with (folder / "initdb.log").open("wb") as log:
        _finish(
            launcher,
            log.fileno(),
            "initdb",
            *("-D", str(made), "-U", NAME, "--encoding=UTF8", "--locale=C.UTF-8"),
            *("--auth-local=trust", "--auth-host=reject", "--no-instructions", "--no-sync"),
        )
        single = ("--single", "-D", str(made), "-c", "exit_on_error=on", "postgres")
        _finish(launcher, log.fileno(), "postgres", *single, script=f"create database {NAME};\n")


def _finish(launcher: Launcher, log: int, program: str, *arguments: str, script: str = "") -> None:
    process = launcher.start(program, *arguments, log=log, script=script)
    try:
        status = process.wait(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        status = -1
    if status != 0:
        raise Unavailable(f"{program} ended with status {status}", "run it by hand to see why")


async def _load(url: str, parquet: Path) -> str:
    """Create the table, fill it, index and cluster it along the index, as is advised; return PostGIS' version."""
    import asyncpg
    from pyproj import Transformer

    table = pq.read_table(parquet)
    names = [name for name in table.column_names if name not in {"geometry", "bbox"}]
    way = Transformer.from_crs(2154, SRID, always_xy=True)
    geometries = shapely.from_wkb(table["geometry"].to_numpy())
    moved = shapely.transform(geometries, way.transform, interleaved=False)
    wkb = shapely.to_wkb(shapely.set_srid(moved, SRID), include_srid=True)
    columns = [table[name].to_pylist() for name in names]
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("create extension postgis")
        typed = ", ".join(f"{name} {_COLUMN_TYPES[table.schema.field(name).type]}" for name in names)
        await connection.execute(
            f"create table {TABLE} (id bigint primary key, {typed}, geom geometry(Polygon, {SRID}))"
        )
        await connection.set_type_codec("geometry", schema="public", encoder=bytes, decoder=bytes, format="binary")
        rows = zip(range(1, len(wkb) + 1), *columns, wkb, strict=True)
        await connection.copy_records_to_table(TABLE, records=rows, columns=["id", *names, "geom"])
        await connection.execute(f"create index {TABLE}_geom on {TABLE} using gist (geom)")
        await connection.execute(f"cluster {TABLE} using {TABLE}_geom")
        await connection.execute(f"vacuum analyze {TABLE}")
        return str(re.split(r"\s", await connection.fetchval("select postgis_lib_version()"))[0])
    finally:
        await connection.close()


def _with_host(url: str) -> str:
    """Return the URL of a socket with its folder as the host: some programs refuse one without."""
    where = parse_qs(urlsplit(url).query)
    return f"postgresql://{NAME}@{quote(where['host'][0], safe='')}:{where['port'][0]}/{NAME}"


def main(folder: Path, command: list[str]) -> int:
    """Run a program beside the server of a folder until either is told to end."""
    server = EmbeddedPostgres(folder / "postgres", options=_OPTIONS)
    url = _with_host(server.start())
    try:
        process = subprocess.Popen(command, env={**os.environ, URL: url})

        def ask_to_end(_: int, __: FrameType | None) -> None:
            process.terminate()

        signal.signal(signal.SIGTERM, ask_to_end)
        return process.wait()
    finally:
        server.stop()


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
