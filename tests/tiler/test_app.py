"""tiler.app: who has loaded it has all kernels compiled, so that no first tile waits for a compiler."""

import json
import subprocess
import sys

PROGRAM = """
import importlib, json, pkgutil, sys
import tiler.app
import kernels
from numba.core.dispatcher import Dispatcher

loaded, lazy = [], []
for module in pkgutil.iter_modules(kernels.__path__):
    name = f"kernels.{module.name}"
    if name not in sys.modules:
        continue
    loaded.append(module.name)
    for key, value in vars(sys.modules[name]).items():
        if isinstance(value, Dispatcher) and not value.signatures and value.targetoptions.get("inline") != "always":
            lazy.append(f"{name}.{key}")
print(json.dumps({"loaded": loaded, "lazy": lazy}))
"""


def test_all_kernels_of_tiles_are_compiled_when_the_engine_is_loaded():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120)
    told = json.loads(done.stdout)
    assert {"colour", "expression", "png", "projection", "sample", "sample_float", "terrain"} <= set(told["loaded"])
    assert told["lazy"] == []
