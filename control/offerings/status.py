"""Life of an offering as a table."""

from enum import StrEnum

from core.errors import Conflict


class OfferingStatus(StrEnum):
    """Where an offering stands."""

    PUBLISHING = "PUBLISHING"
    MODIFYING = "MODIFYING"
    PUBLISHED = "PUBLISHED"
    UNPUBLISHING = "UNPUBLISHING"
    UNPUBLISHED = "UNPUBLISHED"
    UNSTABLE = "UNSTABLE"


S = OfferingStatus

NEXT: dict[OfferingStatus, frozenset[OfferingStatus]] = {
    S.PUBLISHING: frozenset({S.PUBLISHED, S.UNSTABLE}),
    S.PUBLISHED: frozenset({S.MODIFYING, S.UNPUBLISHING}),
    S.MODIFYING: frozenset({S.PUBLISHED, S.UNSTABLE}),
    S.UNPUBLISHING: frozenset({S.UNPUBLISHED, S.UNSTABLE}),
    S.UNSTABLE: frozenset({S.PUBLISHING, S.UNPUBLISHING}),
    S.UNPUBLISHED: frozenset({S.PUBLISHING}),
}


def advance(current: OfferingStatus, wanted: OfferingStatus) -> OfferingStatus:
    """Return `wanted` if an offering may go there from `current`.

    Raises:
        Conflict: The step is not allowed.
    """
    if wanted not in NEXT[current]:
        raise Conflict(f"an offering that is {current} cannot become {wanted}")
    return wanted
