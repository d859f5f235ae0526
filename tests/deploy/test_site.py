"""deploy.site: the built page over HTTP."""

import pytest

from deploy.site import load_site, site_app
from tests.wire import Wire, scope


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>é", encoding="utf-8")
    (tmp_path / "assets" / "main-abc.js").write_text("1")
    (tmp_path / "assets" / "laz.wasm").write_bytes(b"\0asm")
    return tmp_path


async def ask(folder, path, method="GET", **headers):
    wire = Wire()
    await site_app(load_site(folder))(scope(path, method, **headers), None, wire)
    return wire


async def test_the_root_is_the_index_and_is_asked_again_each_time(folder):
    wire = await ask(folder, "/")
    assert wire.body.decode() == "<!doctype html>é"
    assert wire.headers["content-type"] == "text/html; charset=utf-8"
    assert wire.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/assets/main-abc.js", "text/javascript; charset=utf-8"), ("/assets/laz.wasm", "application/wasm")],
)
async def test_hashed_files_are_kept_for_a_year(folder, path, media_type):
    wire = await ask(folder, path)
    assert wire.headers["content-type"] == media_type
    assert wire.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_an_equal_etag_is_a_304(folder):
    etag = (await ask(folder, "/")).headers["etag"]
    wire = await ask(folder, "/", if_none_match=etag)
    assert (wire.status, wire.body) == (304, b"")


async def test_head_and_other_methods(folder):
    head = await ask(folder, "/", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert (await ask(folder, "/", "POST")).status == 405


def test_only_files_of_the_folder_are_there(folder):
    assert set(load_site(folder)) == {"/", "/index.html", "/assets/main-abc.js", "/assets/laz.wasm"}


async def test_without_a_built_page_the_root_says_how_to_build_it(tmp_path):
    wire = await ask(tmp_path / "absent", "/")
    assert wire.status == 200
    assert b"make setup" in wire.body
