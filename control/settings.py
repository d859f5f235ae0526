"""Settings of the control plane; each is set by `GEOPF_<FIELD>`."""

from pathlib import Path
from uuid import UUID

import msgspec

from core.job import Limits


class ControlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the control plane and its jobs need to know."""

    database_url: str = ""
    """`postgresql://user:password@host/database`; empty for the embedded server under the data folder."""

    database_connections: int = 10
    """Most connections this process opens to the database."""

    job_memory_bytes: int = 6 << 30
    """Most private memory a job may use, bytes."""

    job_wall_s: float = 6 * 3600.0
    """Longest time a job may take, seconds."""

    resume_keep_s: float = 24 * 3600.0
    """How long what was made of a delivery that was cut off waits for the next one of its name, seconds."""

    upkeep_interval_s: float = 10.0
    """How often unfinished deliveries are cleaned and a missing publication is made good, seconds."""

    compact_changes: int = 1000
    """Changes of a vector layer from which they are put into its data."""

    compact_age_s: float = 3600.0
    """Age of a change from which it is put into the data in any case, seconds."""

    @property
    def job_limits(self) -> Limits:
        """What each job is told to keep to."""
        return Limits(memory_bytes=self.job_memory_bytes, wall_s=self.job_wall_s)


def postgres_folder(data: Path) -> Path:
    """Return the folder of the embedded PostgreSQL."""
    return data.absolute() / "postgres"


def scratch_folder(data: Path) -> Path:
    """Return the folder that holds one folder a running job."""
    return data.absolute() / "scratch"


def job_log(data: Path, stored_data: UUID) -> Path:
    """Return the log of the job that makes some stored data."""
    return data.absolute() / "logs" / "jobs" / f"{stored_data}.log"
