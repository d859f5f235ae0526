"""A headless Chromium that draws WebGL, for the tests of the page.

The executable is, in this order: `GEOPF_CHROMIUM`; the one that the npm package `@sparticuz/chromium` carries
(unpacked once, next to the build or in a temporary folder); a Chromium or Chrome on the PATH.
"""

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

from deploy.web_build import find_node

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "web" / "node_modules" / "@sparticuz" / "chromium"
NAMES_ON_PATH = ("chromium", "chromium-browser", "google-chrome", "chrome")

UNPACK_TIMEOUT_S = 120
START_TIMEOUT_MS = 60_000

SAFELY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""How an archive is unpacked: Python has the filter since 3.11.4."""

FLAGS = (
    "--no-sandbox",  # tests may run as root and in containers, and open our own page only
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-domain-blocking-for-3d-apis",  # else one lost context takes WebGL from all later pages of 127.0.0.1
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-pings",
    "--no-first-run",
    "--proxy-server=direct://",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

_BROTLI = """
const { createReadStream, createWriteStream } = require("node:fs");
const { createBrotliDecompress } = require("node:zlib");
const { pipeline } = require("node:stream");
const [from, to] = process.argv.slice(1);
pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to), (error) => {
  if (error) throw error;
});
"""


@dataclass(frozen=True)
class Chromium:
    """A Chromium that can be started."""

    executable: Path
    libraries: Path | None = None
    """Folder of shared libraries it needs beside the system's."""


@dataclass
class Recording:
    """What went on in a page, to be asserted empty."""

    console_errors: list[str] = field(default_factory=list)
    page_errors: list[str] = field(default_factory=list)
    failed_requests: list[str] = field(default_factory=list)
    foreign_requests: list[str] = field(default_factory=list)
    """Requests that would leave this machine."""

    statuses: list[tuple[int, str]] = field(default_factory=list)
    """Status and path of every answer."""

    def assert_clean(self) -> None:
        """Fail if the page complained or tried to reach another machine."""
        assert self.foreign_requests == []
        assert self.page_errors == []
        assert self.console_errors == []
        assert self.failed_requests == []


@dataclass(frozen=True)
class RecordedPage:
    """A Playwright page and what it did."""

    page: Page
    recording: Recording


def find_chromium() -> Chromium | None:
    """Return the first Chromium there is; None without any."""
    named = os.environ.get("GEOPF_CHROMIUM")
    if named:
        return Chromium(Path(named))
    node = find_node()
    if (PACKAGE / "bin" / "chromium.br").exists() and node is not None:
        return _unpack(node)
    for name in NAMES_ON_PATH:
        found = shutil.which(name)
        if found:
            return Chromium(Path(found))
    return None


def _unpack(node: Path) -> Chromium:
    """Unpack the Chromium of the npm package where it is found the next time.

    A folder is filled aside and renamed whole, so that parallel tests never see half of one.
    """
    version = json.loads((PACKAGE / "package.json").read_text())["version"]
    home = _cache_folder() / f"chromium-{version}"
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        filling = Path(tempfile.mkdtemp(prefix="chromium-", dir=home.parent))
        filling.chmod(0o755)
        try:
            _brotli(node, PACKAGE / "bin" / "chromium.br", filling / "chromium")
            (filling / "chromium").chmod(0o755)
            for archive in ("swiftshader", "al2023"):
                tar = filling / f"{archive}.tar"
                _brotli(node, PACKAGE / "bin" / f"{archive}.tar.br", tar)
                with tarfile.open(tar) as opened:
                    opened.extractall(filling, **SAFELY)
                tar.unlink()
            filling.rename(home)
        except OSError:
            if not home.exists():
                raise
        finally:
            shutil.rmtree(filling, ignore_errors=True)
    return Chromium(home / "chromium", home / "lib")


def _cache_folder() -> Path:
    folder = REPOSITORY / ".make"
    if os.access(folder if folder.exists() else REPOSITORY, os.W_OK):
        return folder
    return Path(tempfile.gettempdir()) / f"geopf-{os.getuid()}"


def _brotli(node: Path, source: Path, target: Path) -> None:
    subprocess.run([node, "-e", _BROTLI, str(source), str(target)], check=True, timeout=UNPACK_TIMEOUT_S)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a Chromium and end it with all its processes; skips the test when there is none."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: run `make setup`, or set GEOPF_CHROMIUM to an executable")
    environment: dict[str, str | float | bool] = {**os.environ}
    flags = list(FLAGS)
    if chromium.libraries is not None:
        environment["LD_LIBRARY_PATH"] = f"{chromium.libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}"
        flags += ["--no-zygote"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium.executable,
            headless=True,
            args=flags,
            env=environment,
            timeout=START_TIMEOUT_MS,
        )
        try:
            yield started
        finally:
            started.close()


@contextmanager
def recorded_page(
    started: Browser,
    size: tuple[int, int] = (1280, 800),
    *,
    dark: bool = False,
) -> Iterator[RecordedPage]:
    """Open a page of `size` (width, height in pixels) that records what goes wrong in it."""
    width, height = size
    context = started.new_context(
        viewport={"width": width, "height": height},
        locale="fr-FR",
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    recording = Recording()
    _record(page, recording)
    try:
        yield RecordedPage(page, recording)
    finally:
        context.close()


@contextmanager
def browser_page(size: tuple[int, int] = (1280, 800), *, dark: bool = False) -> Iterator[RecordedPage]:
    """Start a Chromium for one recorded page."""
    with browser() as started, recorded_page(started, size, dark=dark) as recorded:
        yield recorded


def _record(page: Page, recording: Recording) -> None:
    def console(message: ConsoleMessage) -> None:
        if message.type == "error":
            recording.console_errors.append(f"{message.text} ({message.location.get('url', '')})")

    def request(sent: Request) -> None:
        address = urlsplit(sent.url)
        if address.scheme not in {"data", "blob"} and address.hostname != "127.0.0.1":
            recording.foreign_requests.append(sent.url)

    def failed(sent: Request) -> None:
        # A map gives up the tiles that moved out of sight: that is no failure.
        if sent.failure != "net::ERR_ABORTED":
            recording.failed_requests.append(f"{sent.url}: {sent.failure}")

    def response(answer: Response) -> None:
        recording.statuses.append((answer.status, urlsplit(answer.url).path))

    page.on("console", console)
    page.on("pageerror", lambda error: recording.page_errors.append(str(error)))
    page.on("request", request)
    page.on("requestfailed", failed)
    page.on("response", response)
