"""Life of stored data: the steps of the entrepôt's own cycle, and no others."""

import itertools

import pytest

from control.stored_data.status import NEXT, advance
from control.stored_data.status import StoredDataStatus as S
from core.errors import Conflict

ALLOWED = {
    (S.CREATED, S.GENERATING),
    (S.CREATED, S.DELETED),
    (S.GENERATING, S.GENERATED),
    (S.GENERATING, S.UNSTABLE),
    (S.GENERATING, S.DELETED),
    (S.GENERATED, S.MODIFYING),
    (S.GENERATED, S.DELETED),
    (S.MODIFYING, S.GENERATED),
    (S.MODIFYING, S.UNSTABLE),
    (S.UNSTABLE, S.GENERATING),
    (S.UNSTABLE, S.DELETED),
}


@pytest.mark.parametrize(("current", "wanted"), list(itertools.product(S, S)))
def test_only_the_steps_of_the_cycle_are_allowed(current, wanted):
    if (current, wanted) in ALLOWED:
        assert advance(current, wanted) is wanted
    else:
        with pytest.raises(Conflict, match=f"{current} cannot become {wanted}"):
            advance(current, wanted)


def test_every_status_has_its_line():
    assert set(NEXT) == set(S)
