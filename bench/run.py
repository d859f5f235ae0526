"""`geopf bench`: prepare the sides, compare their answers, race them, report."""

import platform
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.machine import describe_machine
from bench.measure import Side, build_row, compare_answers, run_race, trial_row
from bench.peer import OURS, Peer, Say, find_peer
from bench.report import Report, Row, Run, format_table
from bench.scenario import Race, Scenario, find_scenario, trials_of
from core.errors import GeoplateformeError, NotFound, Unavailable

PASSES = 3
"""Passes of each side; the median counts."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario gave."""

    report: Report
    runs: tuple[Run, ...]
    disagreed: bool
    """Whether answers differed, so that something was not timed."""


def main(scenario: str, *, as_json: bool, peers: tuple[str, ...] | None, data: Path, only: tuple[str, ...] = ()) -> int:
    """Run a scenario and print what it gave; progress and errors go to standard error.

    Args:
        scenario: Name of a file in `bench.scenarios`.
        as_json: Print one JSON document instead of a table.
        peers: Names of files in `bench.peers`; None for those the scenario names, empty for ours alone.
        data: Data folder; everything the bench keeps is in its folder `bench`.
        only: Identifiers of the rows to measure; empty for all.

    Returns:
        0 when all was measured, whether targets hold or not; 1 when answers differ or ours
        cannot be measured; 2 when there is no such scenario, peer or row.
    """
    try:
        chosen = find_scenario(scenario)
        found = {name: find_peer(name) for name in (chosen.PEERS if peers is None else peers)}
        _check_rows(chosen, only)
    except GeoplateformeError as err:
        _say(str(err))
        return 2
    home = data.resolve() / "bench"
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that servers are ended
    try:
        findings = run_scenario(
            scenario, chosen, ours=find_peer(OURS), peers=found, home=home, passes=PASSES, say=_say, only=only
        )
        kept = keep(findings, home / "results", datetime.now(UTC))
    except GeoplateformeError as err:
        _say(f"bench {scenario}: {err}")
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(findings.report) + b"\n")
        sys.stdout.flush()
    else:
        print(format_table(findings.report, findings.runs))
    _say(f"kept in {kept}")
    return 1 if findings.disagreed else 0


def run_scenario(
    name: str,
    scenario: Scenario,
    *,
    ours: Peer,
    peers: Mapping[str, Peer],
    home: Path,
    passes: int,
    say: Say,
    only: tuple[str, ...] = (),
) -> Findings:
    """Measure ours beside the peers.

    A peer that cannot be had, or whose answers differ, is named in the rows it is missing
    from. A race where answers differ from every peer's is not timed at all: nobody knows
    which side does less than it should.

    Args:
        name: Name of the scenario.
        scenario: What to measure.
        ours: The platform.
        peers: Whom to measure against, by name.
        home: Folder of the bench.
        passes: Passes of each side.
        say: Told of the progress.
        only: Identifiers of the rows to measure; empty for all.

    Raises:
        BadSource: A side failed a request while it was timed.
        Unavailable: Our side cannot be measured.
    """
    races = tuple(race for race in scenario.races() if not only or race.id in only)
    trials = tuple(trial for trial in trials_of(scenario) if not only or trial.id in only)
    versions = {"python": platform.python_version()}
    rows: list[Row] = []
    runs: list[Run] = []
    disagreed = False
    if races:
        sides, absent = _prepare(
            scenario.prepare(home / "sources" / name, say), races, ours, peers, home, versions, say
        )
        faults = _compare(sides, races, absent, say)
        disagreed = any(faults.values())
        for race in races:
            row, timed = _measure(race, sides, faults, absent, passes, say)
            rows.append(row)
            runs.extend(timed)
    for trial in trials:
        say(f"{trial.id}: {trial.what}")
        figure = trial.run(home / trial.id, say)
        say(f"{trial.id}: {figure.value} ({figure.note})")
        rows.append(trial_row(trial, figure))
    report = Report(scenario=name, machine=describe_machine(), versions=versions, rows=tuple(rows))
    return Findings(report=report, runs=tuple(runs), disagreed=disagreed)


def _prepare(
    sources: Mapping[str, Path],
    races: Sequence[Race],
    ours: Peer,
    peers: Mapping[str, Peer],
    home: Path,
    versions: dict[str, str],
    say: Say,
) -> tuple[dict[str, Side], dict[str, str]]:
    """Return the sides by name, ours first, and why others are absent; write down their versions."""
    asked = {request.source for race in races for request in race.requests}
    used = {source: path for source, path in sources.items() if source in asked}
    versions |= ours.prepare(home / OURS, used, say)
    sides = {OURS: Side(name=OURS, home=home / OURS, peer=ours, sources=used)}
    absent: dict[str, str] = {}
    for name, peer in peers.items():
        if not any(_runs_in(name, race) for race in races):
            continue
        side = Side(name=name, home=home / "peers" / name, peer=peer, sources=used)
        try:
            versions |= {f"{name}: {part}": what for part, what in peer.prepare(side.home, used, say).items()}
        except Unavailable as err:
            say(f"{name} is not available: {err}")
            absent[name] = f"not available, {err.message}"
        else:
            sides[name] = side
    return sides, absent


def _compare(
    sides: dict[str, Side], races: Sequence[Race], absent: dict[str, str], say: Say
) -> dict[str, dict[str, str]]:
    """Return what is wrong with the answers of each peer, by race; one that does not come up becomes absent."""
    faults: dict[str, dict[str, str]] = {}
    for name in [name for name in sides if name != OURS]:
        say(f"comparing answers with {name}")
        try:
            faults[name] = compare_answers(sides[OURS], sides[name], [race for race in races if _runs_in(name, race)])
        except Unavailable as err:
            say(f"{name} is not available: {err}")
            absent[name] = f"not available, {err.message}"
            del sides[name]
    return faults


def _measure(
    race: Race,
    sides: Mapping[str, Side],
    faults: Mapping[str, Mapping[str, str]],
    absent: Mapping[str, str],
    passes: int,
    say: Say,
) -> tuple[Row, tuple[Run, ...]]:
    """Return the row of a race and its passes; none when every peer's answers differ."""
    racing = [name for name in sides if name != OURS and _runs_in(name, race)]
    wrong = {name: faults[name][race.id] for name in racing if race.id in faults[name]}
    agreeing = [sides[name] for name in racing if name not in wrong]
    for name, fault in wrong.items():
        say(f"{race.id} is not timed against {name}: {fault}")
    timed = run_race([sides[OURS], *agreeing], race, passes=passes, say=say) if agreeing or not wrong else ()
    missing = {name: why for name, why in absent.items() if _runs_in(name, race)}
    return build_row(race, timed, OURS, missing | wrong), timed


def keep(findings: Findings, folder: Path, now: datetime) -> Path:
    """Write the report, and beside it every pass, under a name that tells scenario and time.

    Returns:
        The file that holds the report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{findings.report.scenario}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    (folder / f"{stem}.runs.json").write_bytes(msgspec.json.format(msgspec.json.encode(findings.runs)))
    kept = folder / f"{stem}.json"
    kept.write_bytes(msgspec.json.format(msgspec.json.encode(findings.report)))
    return kept


def _runs_in(peer: str, race: Race) -> bool:
    return not race.peers or peer in race.peers


def _check_rows(scenario: Scenario, only: tuple[str, ...]) -> None:
    known = [race.id for race in scenario.races()] + [trial.id for trial in trials_of(scenario)]
    for identifier in only:
        if identifier not in known:
            raise NotFound(f"no row is named {identifier!r}", f"the rows are {', '.join(known)}")


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
