"""core.http: statuses, problem details, entity tags."""

import json

import pytest

from core import errors
from core.http import etag_matches, problem_of, status_of


class _Unknown(errors.LayerNotFound):
    """An error added later."""


def test_an_error_without_an_entry_has_the_status_of_its_nearest_ancestor():
    assert status_of(_Unknown) == 404


def test_an_error_that_is_not_ours_is_internal():
    assert status_of(ZeroDivisionError) == 500


def test_a_problem_has_the_members_of_rfc_9457():
    status, headers, body = problem_of(errors.LayerNotFound("no layer is named 'x'", "GET /layers lists the layers"))
    problem = json.loads(body)
    assert status == problem["status"] == 404
    assert headers["content-type"] == "application/problem+json"
    assert problem["title"] == "No layer of this name is published"
    assert problem["detail"] == "no layer is named 'x': GET /layers lists the layers"


def test_unavailable_says_when_to_come_back():
    _, headers, _ = problem_of(errors.Unavailable("busy", retry_after_s=7))
    assert headers["retry-after"] == "7"


def test_an_unsatisfiable_range_tells_the_size():
    status, headers, _ = problem_of(errors.RangeNotSatisfiable("beyond the end", size=1234))
    assert (status, headers["content-range"]) == (416, "bytes */1234")


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ('"b","c"', False),
        ("*", True),
        ("", False),
        ('"A"', False),
        ("a", False),
    ],
)
def test_if_none_match_compares_weakly(header, matches):
    assert etag_matches(header, '"a"') is matches
    assert etag_matches(header, 'W/"a"') is matches
