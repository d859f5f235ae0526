"""`geopf bench`: prepare the sides, compare their answers, race them, report."""

import platform
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.machine import describe_machine
from bench.measure import Side, build_row, compare_answers, run_race
from bench.peer import OURS, Peer, Say, find_peer
from bench.report import Report, Row, Run, format_table
from bench.scenario import Race, Scenario, find_scenario
from core.errors import GeoplateformeError, Unavailable

PASSES = 3
"""Passes of each side; the median counts."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario gave."""

    report: Report
    runs: tuple[Run, ...]
    disagreed: bool
    """Whether answers differed, so that something was not timed."""


def main(scenario: str, *, as_json: bool, peers: tuple[str, ...] | None, data: Path) -> int:
    """Run a scenario and print what it gave; progress and errors go to standard error.

    Args:
        scenario: Name of a file in `bench.scenarios`.
        as_json: Print one JSON document instead of a table.
        peers: Names of files in `bench.peers`; None for those the scenario names, empty for ours alone.
        data: Data folder; everything the bench keeps is in its folder `bench`.

    Returns:
        0 when all was measured, whether targets hold or not; 1 when answers differ or ours
        cannot be measured; 2 when there is no such scenario or peer.
    """
    try:
        chosen = find_scenario(scenario)
        found = {name: find_peer(name) for name in (chosen.PEERS if peers is None else peers)}
    except GeoplateformeError as err:
        _say(str(err))
        return 2
    home = data.resolve() / "bench"
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that servers are ended
    try:
        findings = run_scenario(scenario, chosen, ours=find_peer(OURS), peers=found, home=home, passes=PASSES, say=_say)
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
    name: str, scenario: Scenario, *, ours: Peer, peers: Mapping[str, Peer], home: Path, passes: int, say: Say
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

    Raises:
        BadSource: A side failed a request while it was timed.
        Unavailable: Our side cannot be measured.
    """
    sources = scenario.prepare(home / "sources" / name, say)
    our_versions = ours.prepare(home / OURS, sources, say)
    our_side = Side(name=OURS, home=home / OURS, peer=ours, sources=sources)
    versions = {"python": platform.python_version(), **our_versions}
    races = scenario.races()
    present: dict[str, Side] = {}
    absent: dict[str, str] = {}
    faults: dict[str, dict[str, str]] = {}
    for peer_name, peer in peers.items():
        side = Side(name=peer_name, home=home / "peers" / peer_name, peer=peer, sources=sources)
        try:
            versions |= {f"{peer_name}: {part}": what for part, what in peer.prepare(side.home, sources, say).items()}
            say(f"comparing answers with {peer_name}")
            faults[peer_name] = compare_answers(our_side, side, [race for race in races if _runs_in(peer_name, race)])
            present[peer_name] = side
        except Unavailable as err:
            say(f"{peer_name} is not available: {err}")
            absent[peer_name] = f"not available, {err.message}"
    rows: list[Row] = []
    runs: list[Run] = []
    for race in races:
        racing = {peer_name: side for peer_name, side in present.items() if _runs_in(peer_name, race)}
        wrong = {peer_name: faults[peer_name][race.id] for peer_name in racing if race.id in faults[peer_name]}
        agreeing = [side for peer_name, side in racing.items() if peer_name not in wrong]
        for peer_name, fault in wrong.items():
            say(f"{race.id} is not timed against {peer_name}: {fault}")
        timed = run_race([our_side, *agreeing], race, passes=passes, say=say) if agreeing or not wrong else ()
        runs.extend(timed)
        missing = {peer_name: why for peer_name, why in absent.items() if _runs_in(peer_name, race)}
        rows.append(build_row(race, timed, OURS, missing | wrong))
    report = Report(scenario=name, machine=describe_machine(), versions=versions, rows=tuple(rows))
    return Findings(report=report, runs=tuple(runs), disagreed=any(faults.values()))


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


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
