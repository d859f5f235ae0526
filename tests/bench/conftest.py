"""Doubles of the bench: peers whose cost and picture are known, and a scenario for them."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.scenario import Race, Target, TileRequest
from bench.server import HOST, end, free_port, launch
from core.errors import Unavailable

BUSY_SERVER = Path(__file__).with_name("busy_server.py")


def encode_picture(seed=1, offset=0, size=32):
    pixels = np.random.default_rng(seed).integers(40, 200, (size, size, 3)) + offset
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


class BusyPeer:
    """A peer that uses `cpu_ms` a request and always answers the same picture."""

    def __init__(self, cpu_ms, picture=None, suffix="png"):
        self.cpu_ms = cpu_ms
        self.picture = encode_picture() if picture is None else picture
        self.suffix = suffix
        self.pids = []

    def prepare(self, home, sources, say):
        home.mkdir(parents=True)
        (home / "picture.png").write_bytes(self.picture)
        return {"busy": "1.0"}

    def start(self, home, sources, *, keeps, environment=None):
        port = free_port()
        command = [sys.executable, str(BUSY_SERVER), str(port), str(self.cpu_ms), str(home / "picture.png")]
        server = launch("busy", command, port=port, home=home, environment=os.environ, ready="/ready")
        self.pids.append(server.process.pid)
        return server

    def url(self, server, sources, request):
        return f"http://{HOST}:{server.port}/{request.z}/{request.x}/{request.y}.{self.suffix}"

    def stop(self, server):
        end(server)


class AbsentPeer:
    """A peer that cannot be installed."""

    def prepare(self, home, sources, say):
        raise Unavailable("it could not be installed (no such version)", "try again")


class SmallScenario:
    """Two races of a few requests."""

    PEERS = ("slow",)

    def prepare(self, folder, say):
        return {}

    def races(self):
        tiles = tuple(TileRequest(source="any", tms="PM", z=9, x=x, y=1, extension="png") for x in range(24))
        race = Race(
            id="small",
            what="a small race",
            target=Target(value=1.0, ratio=2.0),
            requests=tiles,
            warmup=tiles[:2],
            bound=2.0,
            connections=1,
        )
        return (race,)


@pytest.fixture
def small_race():
    return SmallScenario().races()[0]
