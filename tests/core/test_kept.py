"""core.kept against an independent cache of the same kind."""

import contextlib

from cachetools import LRUCache
from hypothesis import given, settings
from hypothesis import strategies as st

from core.kept import Kept


def weigh(value):
    return 100 + len(value)


@settings(deadline=None)
@given(st.integers(0, 800), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 400), st.booleans())))
def test_what_is_kept_and_what_goes_first_is_as_in_an_independent_cache(capacity, uses):
    ours, theirs = Kept(capacity, weigh), LRUCache(capacity, getsizeof=weigh)
    for key, length, asked in uses:
        if asked:
            assert ours.get(key) == theirs.get(key)
        else:
            ours.keep(key, bytes(length))
            theirs.pop(key, None)  # makes room first, where it would make room for both
            with contextlib.suppress(ValueError):
                theirs[key] = bytes(length)
        assert ours.weight == theirs.currsize


def test_a_value_that_is_dropped_weighs_nothing_any_more():
    kept = Kept(1000, weigh)
    assert [kept.keep(key, bytes(300)) for key in "abc"] == [0, 0, 1]
    assert kept.weight == 800
    kept.drop("b")
    kept.drop("b")
    assert (kept.weight, kept.get("b"), kept.get("c")) == (400, None, bytes(300))


def test_a_value_too_heavy_takes_the_place_of_the_one_before_and_is_not_kept():
    kept = Kept(500, weigh)
    kept.keep("a", b"old")
    assert kept.keep("a", bytes(401)) == 0
    assert (kept.get("a"), kept.weight) == (None, 0)
