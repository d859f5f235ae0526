"""The contract of a program under measurement, and where its files are found."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, cast

from bench import peers
from bench.scenario import Kept, TileRequest
from bench.server import Server
from core.errors import NotFound

OURS = "geopf"
"""Name of the peer file that is the platform itself."""

Say = Callable[[str], None]
"""Tells a person what is being done."""


class Peer(Protocol):
    """A program that answers the requests of a scenario; a module of `bench.peers` is one."""

    def prepare(self, home: Path, sources: Mapping[str, Path], say: Say) -> dict[str, str]:
        """Install what it needs and give it the data, once before any start.

        Args:
            home: Folder of its own, kept between runs.
            sources: Files of the scenario by name.
            say: Told of what takes long.

        Returns:
            Versions by component, the program itself first.

        Raises:
            Unavailable: It cannot be had on this machine.
        """
        ...

    def start(
        self, home: Path, sources: Mapping[str, Path], *, keeps: Kept, environment: Mapping[str, str] = {}
    ) -> Server:
        """Start it with one worker process, ready to answer.

        Args:
            home: Folder of its own.
            sources: Files of the scenario by name.
            keeps: What it may hold in memory.
            environment: How to reach the S3 server it shall read from; empty to read from folders.

        Raises:
            Unavailable: It does not come up.
        """
        ...

    def url(self, server: Server, sources: Mapping[str, Path], request: TileRequest) -> str:
        """Return the address at which it answers a request of the scenario."""
        ...

    def stop(self, server: Server) -> None:
        """End it and all it started."""
        ...


def peer_names() -> tuple[str, ...]:
    """Return the programs ours can be measured against."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(peers.__path__) if found.name != OURS))


def find_peer(name: str) -> Peer:
    """Return a peer by the name of its file.

    Raises:
        NotFound: There is no such file.
    """
    if name != OURS and name not in peer_names():
        raise NotFound(f"no peer is named {name!r}", f"the peers are {', '.join(peer_names())}")
    return cast("Peer", importlib.import_module(f"bench.peers.{name}"))
