"""The house rules that no linter knows."""

import ast
import re
from pathlib import Path

import pytest

from core import errors
from core.http import STATUS, status_of

ROOT = Path(__file__).parent.parent
ROOMS = ("core", "kernels", "tiler", "pointcloud", "control", "deploy", "bench")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SOURCES = [
    *MODULES,
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted(path for path in (ROOT / "web" / "src").rglob("*") if path.suffix in {".ts", ".css"}),
]
LONGEST = 400

NATIVE = {"numba", "osgeo", "rasterio", "rio_tiler", "laspy", "lazrs", "pdal", "pyogrio", "numpy"}
"""What decodes files or is slow to load. Geometries of a few features are shapely's, everywhere."""


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> set[str]:
    """Top-level names of all imports of a module, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def leaves(kind: type) -> list[type]:
    below = kind.__subclasses__()
    return [leaf for one in below for leaf in leaves(one)] if below else [kind]


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_a_module_is_short_enough_to_be_read_at_once(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_a_module_says_what_it_is(path):
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert text
    assert text[0].isupper() or text[0] == "`"


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=identify)
def test_a_package_re_exports_nothing(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert len(body) == 1


@pytest.mark.parametrize("kind", leaves(errors.GeoplateformeError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_of_its_own_kind(kind):
    assert status_of(kind) != 500


@pytest.mark.parametrize("kind", [errors.GeoplateformeError, *STATUS], ids=lambda kind: kind.__name__)
def test_every_error_is_drawn_in_the_tree(kind):
    assert re.search(rf"\b{kind.__name__}\b", errors.__doc__)


@pytest.mark.parametrize("path", sorted((ROOT / "kernels").rglob("*.py")), ids=identify)
def test_kernels_import_numpy_and_numba_alone(path):
    assert imported(path) <= {"numpy", "numba", "kernels", "math"}


@pytest.mark.parametrize("path", sorted((ROOT / "control").rglob("*.py")), ids=identify)
def test_control_imports_no_native_geodata_library(path):
    assert not imported(path) & NATIVE


@pytest.mark.parametrize("room", ["tiler", "pointcloud"])
def test_no_engine_knows_a_database(room):
    for path in (ROOT / room).rglob("*.py"):
        assert not imported(path) & {"asyncpg", "control"}, path


@pytest.mark.parametrize("path", sorted((ROOT / "core").rglob("*.py")), ids=identify)
def test_status_codes_of_errors_live_in_one_module(path):
    if path.name in {"http.py", "asgi.py", "app.py"}:
        return
    found = re.findall(r"\bstatus_code\s*=\s*[45]\d\d\b", path.read_text(encoding="utf-8"))
    assert not found


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.lock")), ids=identify)
def test_lock_files_name_no_host_and_pin_by_hash(path):
    text = path.read_text()
    assert "://" not in text
    assert text.count("==") <= text.count("--hash=sha256:")


def test_the_npm_lock_names_no_host():
    text = (ROOT / "web" / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert not re.search(r"https?://[^\"]*registry", text)


def test_every_setting_is_documented():
    import msgspec

    from control.settings import ControlSettings
    from core.settings import PREFIX, CoreSettings
    from deploy.settings import ServeSettings
    from tiler.settings import TilerSettings

    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for kind in (CoreSettings, ServeSettings, TilerSettings, ControlSettings):
        for field in msgspec.structs.fields(kind):
            assert f"`{PREFIX}{field.name.upper()}`" in text, field.name


@pytest.mark.parametrize("target", ["setup", "demo", "test", "check", "bench", "serve", "clean"])
def test_make_has_the_targets_that_people_call(target):
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_readme_shows_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
