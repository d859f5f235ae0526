"""Changes of a vector layer since its features were stored: what was done, in the order in which it was done."""

import msgspec

Scalar = bool | int | float | str | None


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A feature that was added, changed or removed, as it is from then on."""

    id: int
    """Its identifier: that of the row of the stored feature, or a number beyond all rows for one that was added."""

    geometry: bytes
    """Well-known binary in the CRS of the layer, valid; empty when the feature was removed."""

    properties: dict[str, Scalar] = {}
    """Attributes; those that are missing are null. Dates and times as ISO 8601, lists and structures as JSON."""


class Changes(msgspec.Struct, frozen=True, gc=False):
    """Changes that follow each other."""

    dataset: str
    """Which data were changed, as `VectorSource.dataset`."""

    first: int
    """Number of the first change; the very first of the data has the number 1."""

    changes: tuple[Change, ...]
