"""core.dispatch: which application answers."""

import json

import pytest

from core.asgi import answer
from core.dispatch import Dispatcher
from core.errors import LayerNotFound
from tests.wire import Wire, scope


def saying(text):
    async def app(scope, receive, send):
        await answer(send, 200, {}, text)

    return app


def failing(error, after=False):
    async def app(scope, receive, send):
        if after:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    return app


async def ask(dispatcher, path, method="GET"):
    wire = Wire()
    await dispatcher(scope(path, method), None, wire)
    return wire


def composed(**rooms):
    return Dispatcher({"tiles": saying(b"tiles"), **rooms}, {"/": 1, "/a.js": 1}, saying(b"page"), saying(b"rest"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tiles", b"tiles"),
        ("/tiles/x/y", b"tiles"),
        ("/tilesets", b"rest"),
        ("/", b"page"),
        ("/a.js", b"page"),
        ("/a.js/b", b"rest"),
        ("/layers", b"rest"),
        ("//tiles", b"rest"),
    ],
)
async def test_the_first_segment_decides(path, body):
    assert (await ask(composed(), path)).body == body


async def test_our_errors_become_problem_details():
    wire = await ask(composed(bad=failing(LayerNotFound("no layer"))), "/bad")
    assert wire.status == 404
    assert json.loads(wire.body)["detail"] == "no layer"


async def test_an_unknown_error_is_a_500_without_a_traceback_and_is_logged(caplog):
    wire = await ask(composed(bad=failing(ZeroDivisionError("secret"))), "/bad")
    assert wire.status == 500
    assert b"secret" not in wire.body
    assert "unexpected error" in caplog.text


async def test_an_error_after_the_start_of_an_answer_cuts_it():
    with pytest.raises(ZeroDivisionError):
        await ask(composed(bad=failing(ZeroDivisionError(), after=True)), "/bad")


async def test_start_and_end_of_the_program_go_to_the_rest():
    seen = []

    async def rest(scope, receive, send):
        seen.append(scope["type"])

    await Dispatcher({}, {}, rest, rest)({"type": "lifespan"}, None, None)
    assert seen == ["lifespan"]
