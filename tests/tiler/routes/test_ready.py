"""tiler.routes.ready: an answer is sent again only with the head of its own bytes."""

from core.cache import ByteCache
from tiler.routes.ready import ReadyAnswers

SCOPE = {"method": "GET", "query_string": b"", "headers": []}
PATH = "/tiles/a/PM/1/0/0.png"
KEY = ('"1"', False)


async def test_a_tile_made_anew_is_not_sent_under_the_head_of_the_old_one():
    tiles = ByteCache(1 << 20)
    ready = ReadyAnswers(tiles)

    async def old():
        return b"twelve bytes"

    async def new():
        return b"more than twelve bytes"

    await tiles.get(KEY, old)
    fields = [(b"etag", b'"1"'), (b"server-timing", b"plan;desc=crop, tile;dur=3.00"), (b"content-length", b"12")]
    ready.remember(PATH, b"", KEY, fields, 12, -1)
    again, body = ready.find(SCOPE, PATH, -1)
    assert dict(again) == dict(fields) | {b"server-timing": b"plan;desc=cache"}
    assert body == b"twelve bytes"
    tiles.drop(KEY)  # as when there is no room; then the file is replaced and the tile made again
    await tiles.get(KEY, new)
    assert ready.find(SCOPE, PATH, -1) is None
