"""What the running programs tell: JSON log lines and Prometheus metrics."""

import logging
import sys
import traceback
from datetime import UTC, datetime

import msgspec
from prometheus_client import CollectorRegistry, Gauge

REGISTRY = CollectorRegistry()
"""Every metric of the process; `/metrics` shows it."""

LAYERS = Gauge("geopf_layers", "Layers served.", registry=REGISTRY)
REVISION = Gauge("geopf_publication_revision", "Revision of the publication served.", registry=REGISTRY)

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, event and the fields given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update({key: value for key, value in record.__dict__.items() if key not in _STANDARD})
        if record.exc_info:
            line["error"] = "".join(traceback.format_exception(*record.exc_info))
        return msgspec.json.encode(line, enc_hook=str).decode()


def configure_logging(level: str) -> None:
    """Send every record of the process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for chatty in ("botocore", "aiobotocore", "rasterio", "rio_tiler", "urllib3", "asyncio", "numba"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
