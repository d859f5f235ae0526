"""A job program for tests; the content of its first input says how it behaves."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from core.errors import BadSource
from core.job import Notice, Progress, Result
from core.layer import RasterSource, VectorSource
from core.open_store import open_store
from core.program import run_program
from core.settings import CoreSettings, read_settings


async def keep(key, data):
    store = open_store(read_settings(CoreSettings))
    await store.put(key, data)
    await store.close()


def work(spec, emit):
    behaviour, _, argument = Path(spec.inputs[0]).read_text().strip().partition(" ")
    emit(Progress(0.5, "reading"))
    emit(Notice("a notice"))
    Path(spec.scratch).mkdir(exist_ok=True)
    Path(spec.scratch, "intermediate").write_text("x")
    print("a line that a library prints", flush=True)
    key = f"{spec.prefix}/tile.tif"
    asyncio.run(keep(key, b"some data"))
    if behaviour == "tell":
        emit(Notice(" ".join(spec.reuse)))
    if behaviour == "refuse":
        raise BadSource("page 3 of the file is missing", "copy it again")
    if behaviour == "tell-styles":
        raise BadSource(f"the styles are {', '.join(style.name for style in spec.styles)}")
    if behaviour == "sleep":
        Path(argument).write_text(str(os.getpid()))
        subprocess.run(["sleep", "600"], check=False)
    if behaviour == "wait":
        while not Path(argument).exists():
            time.sleep(0.02)
    if behaviour == "allocate":
        held = [bytearray(os.urandom(1 << 20) * 8) for _ in range(200)]
        time.sleep(600 + len(held))
    if behaviour == "allocate-together":
        hold = [sys.executable, "-c", "import time; held = bytearray(b'x') * (120 << 20); time.sleep(600)"]
        for other in [subprocess.Popen(hold) for _ in range(3)]:
            other.wait()
    if behaviour == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if behaviour == "exit":
        os._exit(3)
    raster = RasterSource(href=key, bands=(1, 2, 3), dtype="uint8")
    vector = VectorSource(href=key, geometry_column="g", crs="EPSG:2154", fields={})
    return Result(
        source=vector if behaviour == "vector" else raster,
        bbox=(0.19, 47.98, 0.21, 48.0),
        sample=(0.2, 47.99),
        srs="EPSG:2154",
        size=9,
        objects=(key,),
    )


def main():
    garbage = os.environ.get("FAKE_JOB_SAYS")
    if garbage == "nonsense":
        print("Segmentation fault (probably)")
        return 0
    if garbage == "nothing":
        return 0
    if garbage == "endless":
        for _ in range(40):
            sys.stdout.write("x" * (1 << 20))
        return 0
    return run_program({"raster": work, "vector": work, "points": work})


if __name__ == "__main__":
    sys.exit(main())
