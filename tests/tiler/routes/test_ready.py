"""tiler.routes.ready: an answer is sent again only with the head of its own bytes."""

from core.cache import ByteCache
from tiler.routes.ready import ReadyAnswers

SCOPE = {"method": "GET", "raw_path": b"/tiles/a/PM/1/0/0.png", "query_string": b"", "headers": []}
KEY = ('"1"', False)


async def test_a_tile_made_anew_is_not_sent_under_the_head_of_the_old_one():
    tiles = ByteCache(1 << 20)
    ready = ReadyAnswers(tiles)
    sent = []

    async def send(message):
        sent.append(message)

    async def old():
        return b"twelve bytes"

    async def new():
        return b"more than twelve bytes"

    await tiles.get(KEY, old)
    ready.remember(SCOPE, KEY, {"etag": KEY[0]}, 12, -1)
    assert await ready.send(SCOPE, send, -1) == 12
    assert dict(sent[0]["headers"])[b"content-length"] == b"12"
    tiles._kept.clear()  # as when there is no room; then the file is replaced and the tile made again
    await tiles.get(KEY, new)
    sent.clear()
    assert await ready.send(SCOPE, send, -1) is None
    assert sent == []
