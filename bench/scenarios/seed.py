"""Seeding: vector tiles of 400,000 buildings into an archive, beside tippecanoe."""

from collections.abc import Callable, Mapping
from pathlib import Path

from bench import seeding
from bench.scenario import Race, Trial

PEERS: tuple[str, ...] = ()
"""No server: tippecanoe, which answers no requests, is measured by the trials themselves."""


def prepare(folder: Path, say: Callable[[str], None]) -> Mapping[str, Path]:
    """Nothing is raced, so there are no sources of races."""
    del folder, say
    return {}


def races() -> tuple[Race, ...]:
    """Return no race."""
    return ()


def trials() -> tuple[Trial, ...]:
    """Return the rows."""
    return seeding.trials()
