"""tiler.routes.ready: an answer is sent again only with the head of its own bytes, to those who would be given it."""

import pytest

from core.cache import ByteCache
from tiler.renderer import EncodedTile
from tiler.routes import ready as module
from tiler.routes.ready import ReadyAnswers

PATH = "/tiles/a/PM/1/0/0.png"
KEY = ('"1"', "")
FIELDS = [(b"etag", b'"1"'), (b"server-timing", b"plan;desc=crop, tile;dur=3.00"), (b"content-length", b"12")]
BODY = b"twelve bytes"


def scope(*headers, method="GET", query=b""):
    return {"method": method, "query_string": query, "headers": list(headers)}


def accepting(*values):
    return scope(*((b"accept-encoding", value) for value in values))


def tile(plan="crop", again=None):
    return EncodedTile(BODY, plan, 0.003, {}, again)


@pytest.fixture
def tiles():
    return ByteCache(1 << 20)


@pytest.fixture
def ready(tiles):
    return ReadyAnswers(tiles)


def test_a_tile_made_anew_is_not_sent_under_the_head_of_the_old_one(tiles, ready):
    tiles.keep(KEY, BODY)
    ready.remember(scope(), PATH, KEY, FIELDS, tile(), -1, by_coding=False)
    known = ready.find(scope(), PATH, -1)
    assert dict(known.fields) == dict(FIELDS) | {b"server-timing": b"plan;desc=cache"}
    assert (known.body, known.plan) == (BODY, "cache")
    tiles.drop(KEY)  # as when there is no room
    assert ready.find(scope(), PATH, -1) is None
    tiles.keep(KEY, b"more than twelve bytes")  # the file was replaced and the tile made again
    assert ready.find(scope(), PATH, -1) is None


def test_what_is_near_is_read_again_when_it_is_not_in_memory(tiles, ready):
    given = [BODY, None]
    ready.remember(scope(), PATH, KEY, FIELDS, tile("archive", lambda: given.pop(0)), -1, by_coding=False)
    known = ready.find(scope(), PATH, -1)
    assert dict(known.fields) == dict(FIELDS) | {b"server-timing": b"plan;desc=archive"}
    assert (known.body, known.plan) == (BODY, "archive")
    assert ready.find(scope(), PATH, -1) is None, "it was replaced, or is not open any more"
    tiles.keep(KEY, BODY)
    assert ready.find(scope(), PATH, -1).plan == "cache"


def test_an_answer_that_depends_on_codings_is_given_to_those_who_accept_the_same(tiles, ready):
    tiles.keep(KEY, BODY)
    tiles.keep(('"1"', "gzip"), BODY[::-1])
    ready.remember(accepting(b"gzip", b"br"), PATH, ('"1"', "gzip"), FIELDS, tile(), -1, by_coding=True)
    assert ready.find(accepting(b"gzip", b"br"), PATH, -1).body == BODY[::-1]
    for other in (scope(), accepting(b"gzip"), accepting(b"br", b"gzip"), accepting(b"")):
        assert ready.find(other, PATH, -1) is None
    ready.remember(scope(), PATH, KEY, FIELDS, tile(), -1, by_coding=True)
    assert ready.find(scope(), PATH, -1).body == BODY
    assert ready.find(accepting(b"gzip", b"br"), PATH, -1).body == BODY[::-1]


def test_conditions_other_methods_other_queries_and_other_publications_go_the_whole_way(tiles, ready):
    tiles.keep(KEY, BODY)
    ready.remember(scope(), PATH, KEY, FIELDS, tile(), -1, by_coding=False)
    assert ready.find(scope((b"if-none-match", b'"0"')), PATH, -1) is None
    assert ready.find(scope(method="HEAD"), PATH, -1) is None
    assert ready.find(scope(query=b"style=x"), PATH, -1) is None
    assert ready.find(scope(query=b"filter=x"), PATH, -1) is None
    assert ready.find(scope(), PATH, 1) is None
    assert ready.find(scope(), PATH, -1) is None


def test_a_style_is_part_of_the_address_and_what_says_more_is_not_remembered(tiles, ready):
    tiles.keep(KEY, BODY)
    ready.remember(scope(query=b"filter=x"), PATH, KEY, FIELDS, tile(), -1, by_coding=False)
    assert ready.find(scope(query=b"filter=x"), PATH, -1) is None
    ready.remember(scope(query=b"style=x"), PATH, KEY, FIELDS, tile(), -1, by_coding=False)
    assert ready.find(scope(query=b"style=x"), PATH, -1).body == BODY
    assert ready.find(scope(query=b"style=y"), PATH, -1) is None
    assert ready.find(scope(), PATH, -1) is None


def test_answers_are_bounded_in_number_and_so_is_what_they_are_told_apart_by(tiles, ready, monkeypatch):
    monkeypatch.setattr(module, "MAX_ANSWERS", 4)
    tiles.keep(KEY, BODY)
    for number in range(9):
        asked = accepting(b"%d" % number)
        ready.remember(asked, PATH, KEY, FIELDS, tile(), -1, by_coding=True)
        assert ready.find(asked, PATH, -1) is not None
        assert len(ready._known) <= 5
    long = accepting(b"x" * 257)
    ready.remember(long, PATH, KEY, FIELDS, tile(), -1, by_coding=True)
    assert ready.find(long, PATH, -1) is None
