"""The MapLibre Style Specification as its authors publish it, and their validator, where the page's packages are."""

import json
import subprocess
from pathlib import Path

import pytest

from deploy.web_build import find_node

PACKAGE = Path(__file__).resolve().parents[3] / "web" / "node_modules" / "@maplibre" / "maplibre-gl-style-spec"
VALIDATOR = PACKAGE / "dist" / "gl-style-validate.cjs"
REFERENCE = PACKAGE / "src" / "reference" / "v8.json"

needs_validator = pytest.mark.skipif(
    not VALIDATOR.exists() or find_node() is None, reason="web/node_modules or node is not there: `make setup`"
)
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason="web/node_modules is not there: `make setup`")


def complaints(folder, document):
    """Return what the validator of MapLibre says of a style; empty when it is good."""
    path = Path(folder) / "style.json"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    done = subprocess.run([find_node(), VALIDATOR, path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout + done.stderr


def reference():
    """Return the specification."""
    return json.loads(REFERENCE.read_text())
