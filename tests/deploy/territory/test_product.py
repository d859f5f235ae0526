"""What a territory consists of: a stamp that is believed only when all it names is there."""

import subprocess
import sys

import pytest

from deploy.territory import product
from deploy.territory.product import Territory, TerritoryLayer, read_stamp, write_stamp


def _territory(folder):
    files = (folder / "a.tif", folder / "b.tif")
    for file in files:
        file.touch()
    layer = TerritoryLayer(name="ortho", kind="raster", title="Orthophotographie", abstract="d'été", files=files)
    return Territory(title="Vallée", abstract="", bounds=(1.0, 2.0, 3.0, 4.0), layers=(layer,))


def test_a_stamp_reads_back_as_written(tmp_path):
    written = _territory(tmp_path)
    write_stamp(tmp_path, written)
    assert read_stamp(tmp_path) == written


def test_a_territory_that_lacks_a_file_is_none(tmp_path):
    write_stamp(tmp_path, _territory(tmp_path))
    (tmp_path / "b.tif").unlink()
    assert read_stamp(tmp_path) is None


def test_a_territory_made_in_an_older_way_is_none(tmp_path, monkeypatch):
    write_stamp(tmp_path, _territory(tmp_path))
    monkeypatch.setattr(product, "_FORM", product._FORM + 1)
    assert read_stamp(tmp_path) is None


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"form": 1}', b'{"form": "x", "territory": 3}'])
def test_a_folder_without_a_good_stamp_holds_none(tmp_path, content):
    if content is not None:
        (tmp_path / "territory.json").write_bytes(content)
    assert read_stamp(tmp_path) is None


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.territory", str(tmp_path / "file")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert [line for line in ended.stderr.splitlines() if "file" in line] == ended.stderr.splitlines()
    assert "Traceback" not in ended.stderr
