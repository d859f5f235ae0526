import zipfile

import pytest

from bench.environment import ensure_environment, installed_versions
from core.errors import Unavailable


@pytest.fixture
def wheel(tmp_path):
    """A wheel with nothing in it but its name and version."""
    path = tmp_path / "tiny_peer-1.2.3-py3-none-any.whl"
    info = "tiny_peer-1.2.3.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-peer\nVersion: 1.2.3\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return str(path)


def test_an_environment_is_made_once_and_tells_its_versions(tmp_path, wheel):
    folder = tmp_path / "environment"
    python = ensure_environment(folder, [wheel])
    assert installed_versions(python, ["tiny-peer"]) == {"tiny-peer": "1.2.3"}
    (folder / "witness").touch()
    assert ensure_environment(folder, [wheel]) == python
    assert (folder / "witness").exists()


def test_an_environment_of_another_list_is_made_anew(tmp_path, wheel):
    folder = tmp_path / "environment"
    folder.mkdir()
    (folder / "installed.txt").write_text("another list")
    (folder / "witness").touch()
    ensure_environment(folder, [wheel])
    assert not (folder / "witness").exists()


def test_what_cannot_be_installed_is_told_and_not_taken_for_installed(tmp_path):
    folder = tmp_path / "environment"
    for _ in range(2):
        with pytest.raises(Unavailable, match="could not be installed"):
            ensure_environment(folder, [str(tmp_path / "absent-1.0-py3-none-any.whl")])


def test_a_package_that_is_not_there_has_no_version(tmp_path, wheel):
    python = ensure_environment(tmp_path / "environment", [wheel])
    with pytest.raises(Unavailable):
        installed_versions(python, ["no-such-peer"])
