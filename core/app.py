"""What every HTTP program of the platform answers: health, readiness, metrics, and errors as problem details."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import HttpMethod, MediaType, Request, Response, route
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ExceptionHandlersMap
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from core.errors import GeoplateformeError, Unavailable
from core.http import PROBLEM_JSON, Problem, problem_of
from core.telemetry import REGISTRY

READ = [HttpMethod.GET, HttpMethod.HEAD]

_log = logging.getLogger(__name__)


def health_routes(why_not_ready: Callable[[], str]) -> list[HTTPRouteHandler]:
    """Return the routes an orchestrator asks.

    Args:
        why_not_ready: Gives the reason why requests should go elsewhere; empty when ready.
    """

    @route("/healthz", http_method=READ, operation_id="GetHealth", media_type=MediaType.JSON, sync_to_thread=False)
    def get_health() -> bytes:
        """Tell that the process lives and its event loop turns."""
        return b'{"status":"alive"}'

    @route("/readyz", http_method=READ, operation_id="GetReadiness", media_type=MediaType.JSON, sync_to_thread=False)
    def get_readiness() -> bytes:
        """Tell whether requests may be sent here."""
        reason = why_not_ready()
        if reason:
            raise Unavailable(f"not ready: {reason}", retry_after_s=1)
        return b'{"status":"ready"}'

    @route("/metrics", http_method=READ, operation_id="GetMetrics", media_type=MediaType.TEXT, sync_to_thread=False)
    def get_metrics() -> Response[bytes]:
        """Return the metrics in the Prometheus text format 0.0.4."""
        return Response(generate_latest(REGISTRY), headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    return [get_health, get_readiness, get_metrics]


def _answer_ours(_: Request[Any, Any, Any], error: GeoplateformeError) -> Response[bytes]:
    status, headers, body = problem_of(error)
    media_type = headers.pop("content-type")
    return Response(body, status_code=status, headers=headers, media_type=media_type)


def _answer_litestar(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    detail = f"nothing is at {request.url.path[:200]!r}" if isinstance(error, NotFoundException) else error.detail
    if error.extra:
        detail += ": " + msgspec.json.encode(error.extra, enc_hook=str).decode()
    return _problem(error.status_code, type(error).__name__.removesuffix("Exception"), detail, error.headers or {})


def _answer_unknown(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("unexpected error", exc_info=error, extra={"method": request.method, "path": request.url.path})
    return _problem(500, "Internal error", "something went wrong here; the log of the server tells more", {})


def _problem(status: int, title: str, detail: str, headers: dict[str, str]) -> Response[bytes]:
    body = msgspec.json.encode(Problem(title=title, status=status, detail=detail))
    return Response(body, status_code=status, headers=headers, media_type=PROBLEM_JSON)


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    GeoplateformeError: _answer_ours,
    HTTPException: _answer_litestar,
    Exception: _answer_unknown,
}
"""Give these to Litestar: every error becomes problem details (RFC 9457)."""
