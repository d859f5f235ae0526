"""How a race is run: answers compared, then passes of each side in turn, and the median of them."""

import statistics
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.compare import mean_difference
from bench.compare_tiles import feature_difference
from bench.load import Load, Outcome
from bench.peer import OURS, Peer, Say
from bench.report import Row, Run
from bench.s3 import OBJECTS, SOURCES, count_gets, s3_environment, start_s3
from bench.scenario import Figure, Kept, Race, Shows, Trial
from bench.server import Server, end
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

    def start(self, keeps: Kept = "all", s3: Server | None = None) -> Server:
        """Start its server, to read from an S3 server if one is given."""
        if s3 is None:
            return self.peer.start(self.home, self.sources, keeps=keeps)
        return self.peer.start(self.home, self.sources, keeps=keeps, environment=s3_environment(s3))

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
    for from_s3 in (False, True):
        chosen = [race for race in races if race.s3 is from_s3]
        if not chosen:
            continue
        with _running(ours, s3=from_s3) as (our_server, _), _running(theirs, s3=from_s3) as (their_server, _):
            for race in chosen:
                pairs = zip(ours.urls(our_server, race), theirs.urls(their_server, race), strict=True)
                if fault := _compare(_spread(tuple(pairs), _SAMPLES), race):
                    wrong[race.id] = fault
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

    Ours has no value when it asked the S3 server more than once for a tile.

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
    note = _tell_gets(runs, ours)
    if any(run.gets is not None and run.gets != run.requests for run in runs if run.side == ours):
        value, note = None, f"refused, not one GET a tile: {note}"
    best = max(median, key=lambda name: median[name], default=None)
    ratios = {name: value / theirs for name, theirs in median.items()} if value is not None else {}
    ratio = ratios.get(best) if best is not None else None
    if len(ratios) > 1 or (ratios and absent):
        beside = [f"{of:.1f}x {name}" for name, of in sorted(ratios.items(), key=lambda one: one[1])]
        note = "; ".join([*([note] if note else []), ", ".join(beside), *(f"{n}: {why}" for n, why in absent.items())])
    return Row(
        id=race.id,
        what=race.what,
        unit=UNIT,
        ours=value,
        peer=best or "; ".join(f"{name}: {why}" for name, why in absent.items()) or "none asked for",
        peer_value=None if best is None else median[best],
        ratio=ratio,
        target=str(race.target),
        holds=race.target.holds(value, ratio, ratios),
        note=note,
    )


def trial_row(trial: Trial, figure: Figure) -> Row:
    """Return the row of a trial."""
    ratio = figure.value / figure.peer_value if figure.value is not None and figure.peer_value else None
    return Row(
        id=trial.id,
        what=trial.what,
        unit=trial.unit,
        ours=figure.value,
        peer=figure.peer,
        peer_value=figure.peer_value,
        ratio=ratio,
        target=str(trial.target),
        holds=trial.target.holds(figure.value, ratio),
        note=figure.note,
    )


def time_load(server: Server, load: Load, *, race: str, side: str) -> Run:
    """Send a load to a server and return what it cost.

    Raises:
        BadSource: A request failed.
        Unavailable: The load generator does not come up.
    """
    before = read_usage(server.process.pid)
    outcome = send_load(load)
    after = read_usage(server.process.pid)
    if outcome.failures:
        raise BadSource(
            f"{side} failed {outcome.failures} of {outcome.requests} requests of {race} "
            f"(first: {outcome.first_failure})",
            f"read {server.log}",
        )
    return Run(
        race=race,
        side=side,
        requests=outcome.requests,
        cpu_s=max(after.cpu_s - before.cpu_s, _LEAST_CPU_S),
        wall_s=outcome.wall_s,
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        rss_bytes=after.rss_bytes,
        received=outcome.received,
    )


def _run_pass(side: Side, race: Race) -> Run:
    with _running(side, race.keeps, s3=race.s3) as (server, s3):
        warmup = tuple(side.peer.url(server, side.sources, request) for request in race.warmup)
        send_load(Load(urls=warmup, connections=race.connections, encoding=race.encoding))
        gets = count_gets(s3) if s3 is not None else 0
        urls = side.urls(server, race) * (race.rounds if side.name == OURS else 1)
        load = Load(urls=urls, connections=race.connections, encoding=race.encoding)
        run = time_load(server, load, race=race.id, side=side.name)
        if s3 is None:
            return run
        return msgspec.structs.replace(run, gets=count_gets(s3) - gets)


@contextmanager
def _running(side: Side, keeps: Kept = "all", *, s3: bool = False) -> Iterator[tuple[Server, Server | None]]:
    """Give the server of a side, and the S3 server it reads from if it shall."""
    beside: Server | None = None
    if s3:
        sources = next(iter(side.sources.values())).parent
        beside = start_s3(side.home, {SOURCES: sources, OBJECTS: side.home / "objects"})
    try:
        server = side.start(keeps, beside)
        try:
            yield server, beside
        finally:
            side.peer.stop(server)
    finally:
        if beside is not None:
            end(beside)


def _tell_gets(runs: Sequence[Run], ours: str) -> str:
    counts = {
        name: (sum(run.gets or 0 for run in runs if run.side == name), sum(r.requests for r in runs if r.side == name))
        for name in sorted({run.side for run in runs if run.gets is not None}, key=lambda name: name != ours)
    }
    return ", ".join(f"{name}: {gets} GETs for {requests} tiles" for name, (gets, requests) in counts.items())


def send_load(load: Load) -> Outcome:
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


def _compare(pairs: Sequence[tuple[str, str]], race: Race) -> str:
    """Return what is wrong with pairs of addresses whose answers should agree; empty when nothing is."""
    for our_url, their_url in pairs:
        try:
            difference = _difference(_fetch(our_url, race.encoding), _fetch(their_url, race.encoding), race)
        except BadSource as err:
            return f"{err} ({our_url}, {their_url})"
        if difference > race.bound:
            told = _tell_difference(difference, race.shows)
            return f"answers differ by {told}, more than {race.bound:g} ({our_url}, {their_url})"
    return ""


def _difference(ours: bytes, theirs: bytes, race: Race) -> float:
    if race.shows == "features":
        return feature_difference(ours, theirs, race.named_by)
    return mean_difference(ours, theirs, race.shows)


def _tell_difference(difference: float, shows: Shows) -> str:
    if shows == "features":
        return f"{difference:.1%} of the features"
    return f"{difference:.1f}{' m' if shows == 'heights' else ' of 255'}"


def _fetch(url: str, encoding: str = "") -> bytes:
    asked = urllib.request.Request(url, headers={"Accept-Encoding": encoding} if encoding else {})
    try:
        with urllib.request.urlopen(asked, timeout=60.0) as answer:
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as err:
        raise BadSource(f"status {err.code} for {url}") from err
    except OSError as err:
        raise BadSource(f"no answer ({err}) for {url}") from err
