"""The job program of point clouds: `python -m pointcloud.ingest`, a JobSpec in, events out."""

import sys

from core.job import JobSpec, Result
from core.program import Emit, run_program
from core.settings import CoreSettings, read_settings
from core.telemetry import configure_logging


def _points(spec: JobSpec, emit: Emit) -> Result:
    from pointcloud.ingest.points import ingest_points

    return ingest_points(spec, emit)


if __name__ == "__main__":
    configure_logging(read_settings(CoreSettings).log_level)
    sys.exit(run_program({"points": _points}))
