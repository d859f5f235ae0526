"""`python -m control.postgres`: the embedded PostgreSQL in the foreground, for a supervisor.

Starts the server of the data folder (GEOPF_DATA), or takes over the one that
runs, and stays while it lives. SIGTERM or SIGINT: leaves it, which stops it
unless another program still uses it, status 0. The server dies: status 1.
"""

import logging
import signal
import sys

from control.db.embedded import EmbeddedPostgres
from control.settings import postgres_folder
from core.errors import GeoplateformeError
from core.settings import CoreSettings, read_settings
from core.telemetry import configure_logging

_POLL_S = 0.25

_log = logging.getLogger(__name__)


def main() -> int:
    """Run the server until it or this program is told to end; return the exit status."""
    # Blocked before the start, so that a signal that comes during it is taken up after it.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    settings = read_settings(CoreSettings)
    configure_logging(settings.log_level)
    server = EmbeddedPostgres(postgres_folder(settings.data))
    try:
        server.start()
        _log.info("PostgreSQL takes connections", extra={"server": server.pid, "adopted": server.adopted})
        while signal.sigtimedwait(signals, _POLL_S) is None:
            if not server.alive():
                _log.error("PostgreSQL died", extra={"server": server.pid})
                return 1
        stopped = server.stop()
        _log.info("PostgreSQL stopped" if stopped else "PostgreSQL is left to the other programs that use it")
    except GeoplateformeError as err:
        _log.error("PostgreSQL does not run", extra={"reason": str(err)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
