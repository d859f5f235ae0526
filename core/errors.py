"""The errors a caller can meet, in one tree.

    GeoplateformeError
    ├── BadRequest              the request cannot be understood
    │   └── BadSetting          a setting of the environment has a wrong value
    ├── KeyRequired             the resource wants a key and none was given
    ├── Refused                 the caller has no right to the resource
    ├── NotFound
    │   ├── LayerNotFound
    │   ├── TileMatrixSetNotFound
    │   ├── TileNotFound        the address lies outside the tile matrix set
    │   ├── StyleNotFound
    │   └── ObjectNotFound      the object store holds no such key
    ├── NotAcceptable           the layer cannot be given in that format
    ├── Conflict                the step is not allowed in the present state
    ├── PreconditionFailed      the object changed meanwhile
    ├── TooLarge                the answer or the body is over its limit
    ├── RangeNotSatisfiable     no byte of the asked ranges exists
    ├── InputRefused            a producer's file cannot be taken
    ├── QuotaExceeded
    ├── NotBuilt                the platform does not offer this
    ├── BadSource               a stored file cannot be read
    ├── Unavailable             a service it needs does not answer; try again
    └── StoreFull               no room left where data are written

Nothing here knows HTTP: statuses stand in `core.http`.
"""


class GeoplateformeError(Exception):
    """Root of all errors of the platform.

    Args:
        message: What happened, with the offending value.
        remedy: What the caller can do about it; empty when there is nothing.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}: {self.remedy}" if self.remedy else self.message


class BadRequest(GeoplateformeError):
    """The request cannot be understood."""


class BadSetting(BadRequest):
    """A setting of the environment has a value that cannot be used."""


class KeyRequired(GeoplateformeError):
    """The resource wants a key and none was given."""


class Refused(GeoplateformeError):
    """The caller has no right to the resource."""


class NotFound(GeoplateformeError):
    """What was asked for does not exist."""


class LayerNotFound(NotFound):
    """No layer of this name is published."""


class TileMatrixSetNotFound(NotFound):
    """No tile matrix set has this identifier."""


class TileNotFound(NotFound):
    """The tile address lies outside its tile matrix set."""


class StyleNotFound(NotFound):
    """The layer has no style of this name."""


class ObjectNotFound(NotFound):
    """The object store holds nothing under this key."""


class NotAcceptable(GeoplateformeError):
    """The resource cannot be given in the format asked for."""


class Conflict(GeoplateformeError):
    """The step is not allowed in the present state."""


class PreconditionFailed(GeoplateformeError):
    """The object is no longer the one the caller knew."""


class TooLarge(GeoplateformeError):
    """The answer or the body is over its limit."""


class RangeNotSatisfiable(GeoplateformeError):
    """No byte of the ranges asked for exists."""

    def __init__(self, message: str, remedy: str = "", *, size: int = 0) -> None:
        super().__init__(message, remedy)
        self.size = size
        """Length of the whole object, bytes."""


class InputRefused(GeoplateformeError):
    """A producer's file cannot be taken as it is."""


class QuotaExceeded(GeoplateformeError):
    """The caller has used up what it is entitled to."""


class NotBuilt(GeoplateformeError):
    """The platform does not offer this."""


class BadSource(GeoplateformeError):
    """A stored file cannot be read."""


class Unavailable(GeoplateformeError):
    """A service that is needed does not answer; the call may be repeated."""

    def __init__(self, message: str, remedy: str = "", *, retry_after_s: int = 5) -> None:
        super().__init__(message, remedy)
        self.retry_after_s = retry_after_s


class StoreFull(GeoplateformeError):
    """No room is left where data are written."""
