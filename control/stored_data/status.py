"""Life of stored data as a table."""

from enum import StrEnum

from core.errors import Conflict


class StoredDataStatus(StrEnum):
    """Where stored data stand."""

    CREATED = "CREATED"
    GENERATING = "GENERATING"
    MODIFYING = "MODIFYING"
    GENERATED = "GENERATED"
    DELETED = "DELETED"
    UNSTABLE = "UNSTABLE"


S = StoredDataStatus

NEXT: dict[StoredDataStatus, frozenset[StoredDataStatus]] = {
    S.CREATED: frozenset({S.GENERATING, S.DELETED}),
    S.GENERATING: frozenset({S.GENERATED, S.UNSTABLE, S.DELETED}),
    S.GENERATED: frozenset({S.MODIFYING, S.DELETED}),
    S.MODIFYING: frozenset({S.GENERATED, S.UNSTABLE}),
    S.UNSTABLE: frozenset({S.GENERATING, S.DELETED}),
    S.DELETED: frozenset(),
}


def advance(current: StoredDataStatus, wanted: StoredDataStatus) -> StoredDataStatus:
    """Return `wanted` if stored data may go there from `current`.

    Raises:
        Conflict: The step is not allowed.
    """
    if wanted not in NEXT[current]:
        raise Conflict(f"stored data that are {current} cannot become {wanted}")
    return wanted


def before(wanted: StoredDataStatus) -> list[str]:
    """Return the statuses from which stored data may become `wanted`."""
    return [status.value for status, following in NEXT.items() if wanted in following]
