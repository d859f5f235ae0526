"""The job program of rasters and vectors: `python -m tiler.ingest`, a JobSpec in, events out."""

import sys

from core.job import JobSpec, Result
from core.program import Emit, run_program
from core.settings import CoreSettings, read_settings
from core.telemetry import configure_logging


def _raster(spec: JobSpec, emit: Emit) -> Result:
    from tiler.ingest.archive import archive_form, ingest_archive
    from tiler.ingest.raster import ingest_raster

    return (ingest_archive if archive_form(spec.inputs) else ingest_raster)(spec, emit)


def _vector(spec: JobSpec, emit: Emit) -> Result:
    from tiler.ingest.archive import archive_form, ingest_archive
    from tiler.ingest.compact import compact_vector
    from tiler.ingest.vector import ingest_vector

    if spec.compact is not None:
        return compact_vector(spec, spec.compact, emit)
    return (ingest_archive if archive_form(spec.inputs) else ingest_vector)(spec, emit)


if __name__ == "__main__":
    configure_logging(read_settings(CoreSettings).log_level)
    sys.exit(run_program({"raster": _raster, "vector": _vector}))
