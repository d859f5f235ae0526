"""What HTTP says for our errors, entity tags and conditions: the only module that knows status codes."""

import msgspec

from core import errors as e

STATUS: dict[type[e.GeoplateformeError], int] = {
    e.BadRequest: 400,
    e.KeyRequired: 401,
    e.Refused: 403,
    e.NotFound: 404,
    e.NotAcceptable: 406,
    e.Conflict: 409,
    e.PreconditionFailed: 412,
    e.TooLarge: 413,
    e.RangeNotSatisfiable: 416,
    e.InputRefused: 422,
    e.QuotaExceeded: 429,
    e.NotBuilt: 501,
    e.BadSource: 502,
    e.Unavailable: 503,
    e.StoreFull: 507,
}

PROBLEM_JSON = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details of an error answer (RFC 9457)."""

    title: str
    """What kind of error it is, the same for all of its kind."""

    status: int
    detail: str
    """What happened this time, with the offending value and the remedy."""

    type: str = "about:blank"


def status_of(kind: type[BaseException]) -> int:
    """HTTP status of an error class: its own, else its nearest ancestor's, else 500."""
    for ancestor in kind.__mro__:
        if ancestor in STATUS:
            return STATUS[ancestor]
    return 500


def problem_of(error: e.GeoplateformeError) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body that answer an error (RFC 9457)."""
    status = status_of(type(error))
    title = (type(error).__doc__ or type(error).__name__).strip().splitlines()[0].rstrip(".")
    headers = {"content-type": PROBLEM_JSON, "cache-control": "no-store"}
    if isinstance(error, e.Unavailable):
        headers["retry-after"] = str(error.retry_after_s)
    if isinstance(error, e.RangeNotSatisfiable):
        headers["content-range"] = f"bytes */{error.size}"
    return status, headers, msgspec.json.encode(Problem(title=title, status=status, detail=str(error)))


def etag_matches(header: str, etag: str) -> bool:
    """Tell whether an If-None-Match header names `etag` (RFC 9110, section 13.1.2: weak comparison)."""
    if header.strip() == "*":
        return True
    wanted = etag.removeprefix("W/")
    return any(item.strip().removeprefix("W/") == wanted for item in header.split(","))
