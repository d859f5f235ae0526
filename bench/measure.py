"""How a race is run: answers compared, then passes of each side in turn, and the median of them."""

import statistics
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.compare import mean_difference
from bench.load import Load, Outcome
from bench.peer import OURS, Peer, Say
from bench.report import Row, Run
from bench.scenario import Kept, Race
from bench.server import Server
from bench.usage import read_usage
from core.errors import BadSource, Unavailable

UNIT = "requests per CPU second of the server"

_SAMPLES = 12
"""Requests of a race whose answers are compared."""

_LOAD_TIMEOUT_S = 1800.0
_LEAST_CPU_S = 0.01
"""A clock tick: a pass that used less cannot be told from one that used this."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """A peer that is prepared."""

    name: str
    home: Path
    peer: Peer
    sources: Mapping[str, Path]

    def start(self, keeps: Kept = "all") -> Server:
        """Start its server."""
        return self.peer.start(self.home, self.sources, keeps=keeps)

    def urls(self, server: Server, race: Race) -> tuple[str, ...]:
        """Return the addresses of a race's requests."""
        return tuple(self.peer.url(server, self.sources, request) for request in race.requests)


def compare_answers(ours: Side, theirs: Side, races: Sequence[Race]) -> dict[str, str]:
    """Compare answers to a spread of each race's requests.

    Returns:
        What is wrong, by race; a race whose answers agree is not in it.

    Raises:
        Unavailable: A server does not come up.
    """
    wrong: dict[str, str] = {}
    our_server = ours.start()
    try:
        their_server = theirs.start()
        try:
            for race in races:
                pairs = zip(ours.urls(our_server, race), theirs.urls(their_server, race), strict=True)
                if fault := _compare(_spread(tuple(pairs), _SAMPLES), race.bound):
                    wrong[race.id] = fault
        finally:
            theirs.peer.stop(their_server)
    finally:
        ours.peer.stop(our_server)
    return wrong


def run_race(sides: Sequence[Side], race: Race, *, passes: int, say: Say) -> tuple[Run, ...]:
    """Time every side in turn, as often as asked, each pass on a server started for it.

    Turns alternate so that whatever else the machine does hits all sides alike.

    Raises:
        BadSource: A request failed.
        Unavailable: A server or the load generator does not come up.
    """
    runs: list[Run] = []
    for turn in range(passes):
        for side in sides:
            run = _run_pass(side, race)
            say(f"{race.id} {turn + 1}/{passes} {side.name}: {run.per_cpu_second:,.1f} {UNIT}")
            runs.append(run)
    return tuple(runs)


def build_row(race: Race, runs: Sequence[Run], ours: str, absent: Mapping[str, str]) -> Row:
    """Reduce the runs of a race to its row: medians, against the strongest peer.

    Args:
        race: The race.
        runs: All its passes; may lack some sides or all.
        ours: Name of our side.
        absent: Why a peer was not timed, by name.
    """
    median = {
        name: statistics.median(run.per_cpu_second for run in runs if run.side == name)
        for name in {run.side for run in runs}
    }
    value = median.pop(ours, None)
    best = max(median, key=lambda name: median[name], default=None)
    ratio = value / median[best] if value is not None and best is not None else None
    return Row(
        id=race.id,
        what=race.what,
        unit=UNIT,
        ours=value,
        peer=best or "; ".join(f"{name}: {why}" for name, why in absent.items()) or "none asked for",
        peer_value=None if best is None else median[best],
        ratio=ratio,
        target=str(race.target),
        holds=race.target.holds(value, ratio),
    )


def _run_pass(side: Side, race: Race) -> Run:
    server = side.start(race.keeps)
    try:
        warmup = tuple(side.peer.url(server, side.sources, request) for request in race.warmup)
        _send(Load(urls=warmup, connections=race.connections))
        before = read_usage(server.process.pid)
        urls = side.urls(server, race) * (race.rounds if side.name == OURS else 1)
        outcome = _send(Load(urls=urls, connections=race.connections))
        after = read_usage(server.process.pid)
    finally:
        side.peer.stop(server)
    if outcome.failures:
        raise BadSource(
            f"{side.name} failed {outcome.failures} of {outcome.requests} requests of {race.id} "
            f"(first: {outcome.first_failure})",
            f"read {server.log}",
        )
    return Run(
        race=race.id,
        side=side.name,
        requests=outcome.requests,
        cpu_s=max(after.cpu_s - before.cpu_s, _LEAST_CPU_S),
        wall_s=outcome.wall_s,
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        rss_bytes=after.rss_bytes,
        received=outcome.received,
    )


def _send(load: Load) -> Outcome:
    """Run the load generator in a process of its own."""
    command = [sys.executable, "-m", "bench.load"]
    root = str(Path(__file__).resolve().parents[1])
    try:
        ended = subprocess.run(
            command,
            input=msgspec.json.encode(load),
            capture_output=True,
            timeout=_LOAD_TIMEOUT_S,
            check=True,
            cwd=root,
        )
    except subprocess.TimeoutExpired as err:
        raise Unavailable(f"the load was not through after {_LOAD_TIMEOUT_S:.0f} s", "ask for fewer requests") from err
    except subprocess.CalledProcessError as err:
        raise Unavailable(f"the load generator failed ({err.stderr.decode(errors='replace')[-300:]})") from err
    return msgspec.json.decode(ended.stdout, type=Outcome)


def _spread(items: Sequence[tuple[str, str]], count: int) -> tuple[tuple[str, str], ...]:
    step = max(1, -(-len(items) // count))
    return tuple(items[::step])


def _compare(pairs: Sequence[tuple[str, str]], bound: float) -> str:
    """Return what is wrong with pairs of addresses whose answers should agree; empty when nothing is."""
    for our_url, their_url in pairs:
        try:
            difference = mean_difference(_fetch(our_url), _fetch(their_url))
        except BadSource as err:
            return f"{err} ({our_url}, {their_url})"
        if difference > bound:
            return f"answers differ by {difference:.1f} of 255, more than {bound:g} ({our_url}, {their_url})"
    return ""


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=60.0) as answer:
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as err:
        raise BadSource(f"status {err.code} for {url}") from err
    except OSError as err:
        raise BadSource(f"no answer ({err}) for {url}") from err
