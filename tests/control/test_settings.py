"""Settings of the control plane."""

from pathlib import Path
from uuid import UUID

import pytest

from control.settings import ControlSettings, job_log, postgres_folder, scratch_folder
from core.errors import BadSetting
from core.settings import read_settings


def test_limits_of_jobs_come_from_the_environment():
    settings = read_settings(ControlSettings, {"GEOPF_JOB_MEMORY_BYTES": "1000000", "GEOPF_JOB_WALL_S": "60"})
    assert (settings.job_limits.memory_bytes, settings.job_limits.wall_s) == (1_000_000, 60.0)


def test_a_limit_that_is_no_number_is_named():
    with pytest.raises(BadSetting, match="GEOPF_JOB_WALL_S='an hour'"):
        read_settings(ControlSettings, {"GEOPF_JOB_WALL_S": "an hour"})


def test_folders_are_absolute_and_under_the_data_folder():
    one = UUID("5b4cdc26-9a5d-4a67-a70b-8b2a9a5e7f10")
    for path in (postgres_folder(Path("data")), scratch_folder(Path("data")), job_log(Path("data"), one)):
        assert path.is_absolute()
        assert path.is_relative_to(Path.cwd() / "data")
