"""The S3 server of the bench: started beside the server that is measured, asked what it counted."""

import os
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.s3_server import COUNTS, READY
from bench.server import HOST, Server, free_port, launch

SOURCES, OBJECTS = "sources", "objects"
"""Buckets: the sources of the scenario, and what the measured program stored itself."""


def start_s3(home: Path, folders: Mapping[str, Path]) -> Server:
    """Start it.

    Args:
        home: Where its log goes.
        folders: Folder of each bucket.

    Raises:
        Unavailable: It does not come up.
    """
    port = free_port()
    named = [f"{name}={folder}" for name, folder in folders.items()]
    return launch(
        "s3",
        (sys.executable, "-m", "bench.s3_server", str(port), *named),
        port=port,
        home=home,
        environment={
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        },
        ready=READY,
    )


def s3_environment(server: Server) -> dict[str, str]:
    """Return the variables by which S3 tools, and GDAL, find the server; it asks for no particular key."""
    place = f"{HOST}:{server.port}"
    return {
        "AWS_ENDPOINT_URL": f"http://{place}",
        "AWS_S3_ENDPOINT": place,
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
    }


def count_gets(server: Server) -> int:
    """Return how often rasters were asked for: whatever ends as one."""
    with urllib.request.urlopen(f"http://{HOST}:{server.port}{COUNTS}", timeout=10.0) as answer:
        counts = msgspec.json.decode(answer.read(), type=dict[str, int])
    return sum(count for name, count in counts.items() if name.endswith(".tif"))
