"""A job program for tests: says that the changes are in objects of other names."""

import sys
from pathlib import Path

import msgspec

from core.changes import Changes
from core.job import Result
from core.program import run_program


def work(spec, emit):
    changes = msgspec.msgpack.decode(Path(spec.compact.changes).read_bytes(), type=Changes)
    base = spec.compact.base
    through = base.through + len(changes.changes)
    assert changes.first == base.through + 1
    source = msgspec.structs.replace(
        base,
        href=f"{spec.prefix}/haies.{through}.parquet",
        values=f"{spec.prefix}/haies.{through}.values.arrow",
        shapes=(msgspec.structs.replace(base.shapes[0], href=f"{spec.prefix}/haies.{through}.0.shapes.arrow"),),
        rows=max(base.rows or base.features, *(change.id + 1 for change in changes.changes), 0),
        through=through,
    )
    return Result(source=source, bbox=(0, 0, 1, 1), sample=(0, 0), srs=base.crs, size=7, objects=(source.href,))


if __name__ == "__main__":
    sys.exit(run_program({"vector": work}))
