"""The control plane as one program."""

from litestar import Litestar

from control.app import create_app as create_control
from core.settings import CoreSettings, read_settings
from core.telemetry import configure_logging
from deploy.lifeline import die_with_parent


def create_app() -> Litestar:
    """Build the control plane from the environment; granian calls this in its worker."""
    die_with_parent()
    configure_logging(read_settings(CoreSettings).log_level)
    return create_control()
