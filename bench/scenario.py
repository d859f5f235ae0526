"""What a scenario is made of: sources, races with their requests and targets."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol, cast

import msgspec

from bench import scenarios
from core.errors import NotFound

Kept = Literal["all", "blocks", "nothing"]
Shows = Literal["colours", "heights", "light", "features"]


class TileRequest(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One tile, in the terms every peer translates into an address of its own."""

    source: str
    """Name of a source of the scenario."""

    tms: str
    """Tile matrix set by our identifier."""

    z: int
    x: int
    y: int
    extension: str
    """jpg, png, webp or mvt."""

    size: int = 256
    """Width and height of the answer, pixels: 512 asks for twice those of the set."""

    resampling: str = "bilinear"
    """How pixels between those of the source are found: nearest or bilinear."""

    style: str = ""
    """How heights are shown: terrain-rgb, hillshade or elevation; empty for samples as they are stored."""

    s3: bool = False
    """Whether the source is read from an S3 server rather than from a folder."""


class Target(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a row has to reach.

    Machines differ, so where both are given the ratio to the peer in the same run decides.
    """

    value: float
    """Least value of ours on the reference machine (2-vCPU Zen 4), in the unit of the row."""

    ratio: float | None = None
    """Least ratio of ours to the peer; the most of it where `at_most`."""

    ratios: Mapping[str, float] = {}
    """Least ratio of ours to each of some peers; where none of them runs, `value` decides."""

    at_most: bool = False
    """`value` is the most instead, of what is better when it is small."""

    def __str__(self) -> str:
        absolute = f"{'<=' if self.at_most else '>='} {self.value:,g}"
        each = "".join(f", >= {least:g}x {peer}" for peer, least in self.ratios.items())
        if self.ratio is None:
            return absolute + each
        return f"{absolute} and {'<=' if self.at_most else '>='} {self.ratio:g}x"

    def holds(self, ours: float | None, ratio: float | None, by_peer: Mapping[str, float] = {}) -> bool | None:
        """Tell whether the target is reached; None when there was no peer to tell by.

        Args:
            ours: Our value; None when it was not found.
            ratio: Of ours to the strongest peer.
            by_peer: Of ours to every peer that ran.
        """
        if ours is None:
            return False
        told = [by_peer[peer] >= least for peer, least in self.ratios.items() if peer in by_peer]
        if told:
            return all(told)
        if self.ratio is None:
            return ours <= self.value if self.at_most else ours >= self.value
        if ratio is None:
            return None
        return ratio <= self.ratio if self.at_most else ratio >= self.ratio


class Race(msgspec.Struct, frozen=True, kw_only=True):
    """Requests sent to both sides: one row of the result."""

    id: str
    """Stable identifier of the row."""

    what: str
    """What is measured, for a person."""

    target: Target
    requests: tuple[TileRequest, ...]
    """Sent once each, in this order. A cold race repeats none of them."""

    warmup: tuple[TileRequest, ...]
    """Sent before, untimed: a cold race warms code with tiles it does not time, a hot one sends its own."""

    bound: float
    """Largest mean absolute difference between the decoded answers: metres of heights, 0 to 255 of all else.

    Of features the share by which their numbers may differ.
    """

    shows: Shows = "colours"
    """What answers are compared as: colours, heights written into colours, the light on a relief, or features."""

    named_by: str = ""
    """Attribute that tells features apart, where answers are compared as such."""

    encoding: str = ""
    """Content coding the client takes (RFC 9110, section 12.5.3): `gzip`, or empty for none."""

    connections: int = 4
    """Requests under way at a time."""

    peers: tuple[str, ...] = ()
    """Who runs in this race; empty for all of the scenario."""

    keeps: Kept = "all"
    """What our server may keep in memory: tiles and decoded blocks, decoded blocks alone, or nothing of either."""

    rounds: int = 1
    """How often ours is sent all requests: it is so much cheaper that once is too short to be measured."""

    @property
    def s3(self) -> bool:
        """Whether the sources are read from an S3 server, where ours may send one request for each tile, no more."""
        return any(request.s3 for request in self.requests)


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial found."""

    value: float | None
    """In the unit of the row; None when the trial shows that something is wrong."""

    note: str
    """What was measured and seen, for a person."""

    peer: str = "none: ours beside itself"
    """Whose work the same trial measured too, or why nobody's."""

    peer_value: float | None = None
    """In the unit of the row; None when nobody else was measured."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement that is no race of requests: one row of the result."""

    id: str
    """Stable identifier of the row."""

    what: str
    """What is measured, for a person."""

    unit: str
    target: Target
    run: Callable[[Path, Callable[[str], None]], Figure]
    """Does it, in a folder of its own, telling of its progress."""


class Scenario(Protocol):
    """Data, request lists and checks; a module of `bench.scenarios` is one."""

    PEERS: tuple[str, ...]
    """Whom to measure against unless told otherwise."""

    def prepare(self, folder: Path, say: Callable[[str], None]) -> Mapping[str, Path]:
        """Write the sources that are not there yet and return them by name."""
        ...

    def races(self) -> tuple[Race, ...]:
        """Return the races, in the order of the rows."""
        ...


def trials_of(scenario: Scenario) -> tuple[Trial, ...]:
    """Return what a scenario measures beside its races, by its function `trials` if it has one."""
    found: tuple[Trial, ...] = getattr(scenario, "trials", tuple)()
    return found


def scenario_names() -> tuple[str, ...]:
    """Return the scenarios there are."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(scenarios.__path__)))


def find_scenario(name: str) -> Scenario:
    """Return a scenario by the name of its file.

    Raises:
        NotFound: There is no such file.
    """
    if name not in scenario_names():
        raise NotFound(f"no scenario is named {name!r}", f"the scenarios are {', '.join(scenario_names())}")
    return cast("Scenario", importlib.import_module(f"bench.scenarios.{name}"))
