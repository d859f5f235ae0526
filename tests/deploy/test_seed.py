"""deploy.seed: the command, its output whole or not at all, and the run after a kill."""

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from pmtiles.reader import MemorySource, Reader, all_tiles

from core.directory import DirectoryStore
from core.errors import BadRequest, BadSource, Conflict, LayerNotFound
from core.layer import ArchiveSource, PointCloudSource, PublishedLayer
from core.snapshot import MANIFEST_KEY, Manifest, encode_layers, encode_manifest
from deploy.seed import SeedRequest, part_folder, seed
from tests.servers.platform import GEOPF
from tests.tiler.archive.made import photo, picture, pmtiles

WORLD = (-180.0, -85.0, 180.0, 85.0)
TILES = {(z, x, y): picture(photo(4 * x + y), "webp") for z in range(3) for x in range(1 << z) for y in range(1 << z)}


def made(name, source, version="1"):
    return PublishedLayer(
        name=name, title=name, offering="o", source=source, bbox=WORLD, sample=(1.0, 1.0), version=version
    )


def publish(data, *layers):
    async def write():
        store = DirectoryStore(data / "objects")
        await store.put("a.pmtiles", pmtiles(TILES, "webp"))
        reference, part = encode_layers(layers)
        await store.put(reference.key, part)
        await store.put(MANIFEST_KEY, encode_manifest(Manifest(revision=1, parts=(reference,))))

    asyncio.run(write())


ARCHIVE = made("a", ArchiveSource(href="a.pmtiles", tile_type="webp", max_zoom=2))
CLOUD = made("cloud", PointCloudSource(files=(), crs="", point_format=6, points=0))


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    monkeypatch.setenv("GEOPF_DATA", str(folder))
    monkeypatch.setenv("GEOPF_STORAGE_URL", "")
    publish(folder, ARCHIVE, CLOUD)
    return folder


def tiles_of(path):
    return dict(all_tiles(Reader(MemorySource(path.read_bytes())).get_bytes))


def test_the_archive_of_a_layer_lies_where_it_is_asked_for_and_nothing_beside_it(data, tmp_path, capsys):
    output = tmp_path / "out.pmtiles"
    assert seed(SeedRequest(layer="a", output=str(output))) == 0
    assert tiles_of(output) == TILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out.pmtiles"]
    said = capsys.readouterr()
    assert "21 tiles" in said.err
    assert "21 of 21 tiles" in said.out


def test_without_a_name_the_archive_has_that_of_the_layer(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert seed(SeedRequest(layer="a", zooms=(0, 1))) == 0
    assert len(tiles_of(tmp_path / "a.pmtiles")) == 5


def test_an_archive_that_exists_is_kept_unless_it_may_be_replaced(data, tmp_path):
    output = tmp_path / "a.pmtiles"
    output.write_bytes(b"dear to somebody")
    with pytest.raises(Conflict, match="--replace"):
        seed(SeedRequest(layer="a", output=str(output)))
    assert output.read_bytes() == b"dear to somebody"
    assert seed(SeedRequest(layer="a", output=str(output), replace=True)) == 0
    assert tiles_of(output) == TILES


@pytest.mark.parametrize(
    ("words", "error", "reason"),
    [
        ({"layer": "b"}, LayerNotFound, "geopf layers"),
        ({"layer": "cloud"}, LayerNotFound, "point cloud"),
        ({"layer": "a", "output": "a.tif"}, BadRequest, "pmtiles or"),
        ({"layer": "a", "output": "/nowhere/a.pmtiles"}, BadRequest, "not a folder"),
        ({"layer": "a", "zooms": (30, 31)}, BadRequest, "levels"),
    ],
)
def test_what_cannot_be_made_is_refused_and_leaves_nothing(data, tmp_path, monkeypatch, words, error, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=reason):
        seed(SeedRequest(**words))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_where_nothing_is_published_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("GEOPF_DATA", str(tmp_path / "empty"))
    with pytest.raises(LayerNotFound, match="nothing is"):
        seed(SeedRequest(layer="a", output=str(tmp_path / "a.pmtiles")))


def test_a_box_without_a_tile_is_refused(data, tmp_path):
    publish(data, made("a", ArchiveSource(href="a.pmtiles", tile_type="webp", min_zoom=2, max_zoom=5), "2"))
    store = DirectoryStore(data / "objects")
    asyncio.run(store.put("a.pmtiles", pmtiles({(2, 0, 0): TILES[2, 0, 0]}, "webp")))
    output = tmp_path / "a.pmtiles"
    with pytest.raises(BadRequest, match="has no tile"):
        seed(SeedRequest(layer="a", output=str(output), bbox=(10, 10, 20, 20)))
    assert not part_folder(output).exists()


def test_a_run_with_other_options_or_newer_data_begins_anew(data, tmp_path, capsys, monkeypatch):
    output = tmp_path / "a.pmtiles"

    def fail(*_):
        raise BadSource("the disk is away")

    for version, zooms in (("1", (0, 2)), ("2", (0, 2)), ("2", (1, 2))):
        publish(data, made("a", ARCHIVE.source, version))
        with monkeypatch.context() as patched:
            patched.setattr("deploy.seed.write_pmtiles", fail)
            with pytest.raises(BadSource):
                seed(SeedRequest(layer="a", output=str(output), zooms=zooms))
        assert ("beginning anew" in capsys.readouterr().out) == ((version, zooms) != ("1", (0, 2)))
        assert not output.exists()
    assert seed(SeedRequest(layer="a", output=str(output), zooms=(1, 2))) == 0
    assert "going on after 20 tiles" in capsys.readouterr().out
    assert len(tiles_of(output)) == 20


def test_a_run_that_was_stopped_and_killed_goes_on_and_ends_with_the_same_bytes(data, tmp_path):
    words = ["--format", "avif", "--zooms", "0-6", "--bbox", "-30,30,50,60", "--jobs", "1"]
    whole, broken = tmp_path / "whole.pmtiles", tmp_path / "broken.pmtiles"
    environ = {**os.environ, "GEOPF_DATA": str(data)}
    journal = Path(part_folder(broken)) / "journal"

    def start(output):
        return subprocess.Popen(
            [GEOPF, "seed", "a", "--output", output, *words],
            env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    before = 0
    for how, status in ((signal.SIGTERM, 130), (signal.SIGKILL, -9)):
        run = start(broken)
        deadline = time.monotonic() + 60
        while (not journal.exists() or journal.stat().st_size <= before) and time.monotonic() < deadline:
            time.sleep(0.02)
        run.send_signal(how)
        said = run.communicate(timeout=60)[1]
        assert run.returncode == status, said
        assert not broken.exists()
        assert "Traceback" not in said
        assert ("the same command goes on" in said) == (how != signal.SIGKILL)
        assert journal.stat().st_size > before
        before = journal.stat().st_size
    for output in (broken, whole):
        run = start(output)
        assert run.wait(timeout=120) == 0, run.stderr.read()
        run.stderr.close()
    assert broken.read_bytes() == whole.read_bytes()
