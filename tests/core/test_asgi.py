"""core.asgi: whole answers on the bare interface."""

from core.asgi import answer, answer_preflight, answer_wrong_method, header
from tests.wire import Wire


async def test_an_answer_has_its_length_and_is_open_to_all_origins():
    wire = Wire()
    await answer(wire, 200, {"content-type": "text/plain"}, b"hello")
    assert wire.headers["content-length"] == "5"
    assert wire.headers["access-control-allow-origin"] == "*"
    assert wire.body == b"hello"


async def test_head_has_the_length_and_no_content():
    wire = Wire()
    await answer(wire, 200, {}, b"hello", head=True)
    assert wire.headers["content-length"] == "5"
    assert wire.body == b""


async def test_204_and_304_have_no_content_length():
    for status in (204, 304):
        wire = Wire()
        await answer(wire, status, {"etag": '"a"'})
        assert "content-length" not in wire.headers


async def test_a_preflight_allows_range():
    wire = Wire()
    await answer_preflight(wire)
    assert wire.status == 204
    assert "Range" in wire.headers["access-control-allow-headers"]


async def test_a_wrong_method_is_told_the_right_ones():
    wire = Wire()
    await answer_wrong_method(wire, "DELETE")
    assert wire.status == 405
    assert wire.headers["allow"] == "GET, HEAD, OPTIONS"


def test_several_lines_of_a_header_are_one_list():
    scope = {"headers": [(b"if-none-match", b'"a"'), (b"x", b"y"), (b"if-none-match", b'"b"')]}
    assert header(scope, b"if-none-match") == '"a", "b"'
    assert header(scope, b"range") == ""
