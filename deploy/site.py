"""The page at `/`: built files, served with entity tags."""

import hashlib
import mimetypes
from pathlib import Path

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from core.asgi import answer, answer_wrong_method, as_http, header
from core.http import etag_matches

_TYPES = {
    ".wasm": "application/wasm",
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".webmanifest": "application/manifest+json",
}
_HINT = b"""<!doctype html><html lang="fr"><meta charset="utf-8"><title>G\xc3\xa9oplateforme</title>
<p>La page n'est pas construite : <code>make setup</code>. Les couches : <a href="/layers">/layers</a>."""


class SiteFile(msgspec.Struct, frozen=True):
    """One file of the page, in memory."""

    data: bytes
    media_type: str
    etag: str
    cache_control: str


def load_site(folder: Path) -> dict[str, SiteFile]:
    """Read a built page into memory, by URL path.

    Files under `assets/` carry a hash in their name and are kept for a year;
    the others are asked again each time. Without a built page, `/` says how to build it.
    """
    if not (folder / "index.html").is_file():
        return {"/": _site_file("index.html", _HINT)}
    files = {
        f"/{path.relative_to(folder).as_posix()}": _site_file(path.relative_to(folder).as_posix(), path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    files["/"] = files["/index.html"]
    return files


def site_app(files: dict[str, SiteFile]) -> ASGIApp:
    """Return the application that answers the paths of `files`."""

    async def serve_site(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's signature
        request = as_http(scope)
        method = request["method"]
        if method not in {"GET", "HEAD"}:
            await answer_wrong_method(send, method)
            return
        file = files[request["path"]]
        headers = {"etag": file.etag, "cache-control": file.cache_control}
        if etag_matches(header(request, b"if-none-match"), file.etag):
            await answer(send, 304, headers)
            return
        headers["content-type"] = file.media_type
        await answer(send, 200, headers, file.data, head=method == "HEAD")

    return serve_site


def _site_file(name: str, data: bytes) -> SiteFile:
    path = Path(name)
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    if media_type.startswith("text/") or media_type.endswith("json"):
        media_type += "; charset=utf-8"
    hashed = name.startswith("assets/")
    return SiteFile(
        data=data,
        media_type=media_type,
        etag=f'"{hashlib.sha256(data).hexdigest()[:20]}"',
        cache_control="public, max-age=31536000, immutable" if hashed else "no-cache",
    )
