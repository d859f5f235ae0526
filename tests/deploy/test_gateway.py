"""deploy.gateway: `/api` passed on, against a real upstream."""

import pytest
from aiohttp import web

from core.errors import Unavailable
from deploy.gateway import Gateway
from tests.wire import Wire, scope


async def echo(request):
    body = await request.read()
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "body": body.decode(),
            "key": request.headers.get("X-Key"),
        },
        status=201,
        headers={"X-Answer": "yes", "Content-Range": "1-2/3"},
    )


@pytest.fixture
async def upstream():
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield site._server.sockets[0].getsockname()[1]
    await runner.cleanup()


async def pass_on(port, request, pieces=(b"",)):
    gateway, wire = Gateway("127.0.0.1", port), Wire()
    waiting = [
        {"type": "http.request", "body": piece, "more_body": i < len(pieces) - 1} for i, piece in enumerate(pieces)
    ]

    async def receive():
        return waiting.pop(0)

    try:
        await gateway(request, receive, wire)
    finally:
        await gateway.close()
    return wire


async def test_method_path_query_body_and_fields_are_passed_on(upstream):
    request = scope("/api/uploads/a%20b", "POST", content_length="5", x_key="k")
    request["query_string"] = b"page=2&tags%5B%5D=x"
    wire = await pass_on(upstream, request, (b"hel", b"lo"))
    assert wire.status == 201
    assert wire.headers["x-answer"] == "yes"
    assert wire.headers["content-range"] == "1-2/3"
    assert b'"path": "/api/uploads/a%20b?page=2&tags%5B%5D=x"' in wire.body
    assert b'"body": "hello"' in wire.body
    assert b'"key": "k"' in wire.body


async def test_fields_that_end_at_each_hop_stay_behind(upstream):
    wire = await pass_on(upstream, scope("/api/health", connection="close"))
    assert "connection" not in wire.headers
    assert "transfer-encoding" not in wire.headers


async def test_a_control_plane_that_is_down_is_unavailable():
    with pytest.raises(Unavailable, match="control plane"):
        await pass_on(9, scope("/api/health"))
