"""More tiles are asked for than the threads can make: the rest is told when to come again, and nothing grows."""

import json
import threading
import urllib.error
import urllib.request

import pytest

from tests.servers.platform import running_platform
from tests.tiler.raster.tiffs import photo, write_cog
from tiler.matrix import tile_matrix_set

pytestmark = pytest.mark.xdist_group("saturated")

WEST, NORTH = 770_000.0, 6_277_000.0


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_tiles_beyond_the_queue_are_told_to_come_again(tmp_path):
    place = {"west": WEST, "north": NORTH, "cell": 0.2, "crs": "EPSG:2154"}
    path = write_cog(tmp_path / "a.tif", photo(1024, 1024), **place, COMPRESS="DEFLATE", BLOCKSIZE=256)
    matrix = tile_matrix_set("2154_10cm").matrices
    level = min(matrix, key=lambda one: abs(one.cell_size - 0.2))
    side = level.cell_size * level.tile_size
    col, row = int((WEST - level.origin_x) // side) + 1, int((level.origin_y - NORTH) // side) + 1
    addresses = [
        f"/tiles/ortho/2154_10cm/{level.id}/{col + across}/{row + down}@2x.{extension}"
        for across in range(3) for down in range(3) for extension in ("png", "webp", "jpg")
    ]  # fmt: skip
    settings = {"GEOPF_RENDER_THREADS": "1", "GEOPF_RENDER_QUEUE": "1"}
    with running_platform(
        tmp_path / "data", settings, lambda made: made.ingest("raster", "ortho", path, **{"as-is": True})
    ) as platform:
        answers, lock = [], threading.Lock()

        def ask(address):
            answer = get(platform.url + address)
            with lock:
                answers.append(answer)

        threads = [threading.Thread(target=ask, args=(address,)) for address in addresses]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {status for status, _, _ in answers} == {200, 503}, answers[0][2]
        for status, headers, body in answers:
            if status == 503:
                assert int(headers["retry-after"]) >= 1
                assert json.loads(body)["status"] == 503
        for address in addresses:  # one after the other there is room for all
            assert get(platform.url + address)[0] == 200
