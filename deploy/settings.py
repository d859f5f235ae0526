"""Settings of the running platform; each is set by `GEOPF_<FIELD>`."""

from pathlib import Path

import msgspec


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the platform listens."""

    host: str = "127.0.0.1"
    """Address of the engine."""

    port: int = 8080
    """Port of the engine: maps, points, the page, and /api passed on to the control plane."""

    control_port: int = 0
    """Port of the control plane on 127.0.0.1; 0 for the one after `port`."""

    site: Path = Path(__file__).parent.parent / "web" / "dist"
    """Folder of the built page."""

    @property
    def control_address(self) -> tuple[str, int]:
        """Host and port of the control plane."""
        return "127.0.0.1", self.control_port or self.port + 1
