"""What the running programs tell: JSON log lines and Prometheus metrics."""

import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
"""Every metric of the process; `/metrics` shows it."""

REQUESTS = Counter("geopf_requests", "Requests answered.", ("route", "status"), registry=REGISTRY)
SECONDS = Histogram(
    "geopf_request_seconds",
    "Time from the request to the last byte handed over, seconds.",
    ("route",),
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
SENT_BYTES = Counter("geopf_sent_bytes", "Bytes of content sent.", ("route",), registry=REGISTRY)
PLANS = Counter("geopf_tile_plans", "Tiles made, by the plan that made them.", ("plan",), registry=REGISTRY)
LAYERS = Gauge("geopf_layers", "Layers served.", registry=REGISTRY)
REVISION = Gauge("geopf_publication_revision", "Revision of the publication served.", registry=REGISTRY)


@cache
def count_requests(route: str, status: int) -> Callable[[], None]:
    """Return what counts one answer: looking a metric up by its labels costs more than counting."""
    return REQUESTS.labels(route, status).inc


@cache
def count_plan(plan: str) -> Callable[[], None]:
    """Return what counts one tile made by a plan."""
    return PLANS.labels(plan).inc


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
