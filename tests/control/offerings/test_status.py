"""Life of an offering."""

import pytest

from control.offerings.status import NEXT, advance
from control.offerings.status import OfferingStatus as S
from core.errors import Conflict


def test_every_status_has_its_line():
    assert set(NEXT) == set(S)


@pytest.mark.parametrize(
    "path",
    [
        (S.PUBLISHING, S.PUBLISHED, S.UNPUBLISHING, S.UNPUBLISHED),
        (S.PUBLISHED, S.MODIFYING, S.PUBLISHED),
        (S.UNPUBLISHED, S.PUBLISHING, S.UNSTABLE, S.PUBLISHING),
    ],
)
def test_the_ways_an_offering_goes(path):
    current = path[0]
    for wanted in path[1:]:
        current = advance(current, wanted)
    assert current is path[-1]


@pytest.mark.parametrize("wanted", [S.PUBLISHING, S.UNPUBLISHED, S.PUBLISHED])
def test_a_published_offering_does_not_skip_a_step(wanted):
    with pytest.raises(Conflict, match=f"PUBLISHED cannot become {wanted}"):
        advance(S.PUBLISHED, wanted)
