import sys
from datetime import UTC, datetime

import msgspec
import pytest

from bench import run as bench_run
from bench import scenarios
from bench.report import format_table
from bench.run import keep, main, run_scenario
from bench.scenario import Figure, Target, Trial

from .conftest import AbsentPeer, BusyPeer, SmallScenario, encode_picture

FIELDS = ["id", "what", "unit", "ours", "peer", "peer_value", "ratio", "target", "holds"]


def measure(tmp_path, ours, peers):
    return run_scenario("small", SmallScenario(), ours=ours, peers=peers, home=tmp_path, passes=1, say=lambda _: None)


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """The scenario `small` and the peers `geopf` and `slow` as if each were a file of the bench."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "small.py").touch()
    monkeypatch.setattr(scenarios, "__path__", [str(tmp_path / "scenarios")])
    monkeypatch.setitem(sys.modules, "bench.scenarios.small", SmallScenario())
    monkeypatch.setitem(sys.modules, "bench.peers.geopf", BusyPeer(4))
    monkeypatch.setitem(sys.modules, "bench.peers.titiler", BusyPeer(20))
    monkeypatch.setattr(bench_run, "PASSES", 1)


def test_json_is_one_document_with_the_agreed_fields(installed, tmp_path, capfd):
    assert main("small", as_json=True, peers=("titiler",), data=tmp_path / "data") == 0
    out, err = capfd.readouterr()
    document = msgspec.json.decode(out)
    assert list(document) == ["scenario", "machine", "versions", "rows"]
    assert [list(row) for row in document["rows"]] == [FIELDS]
    (row,) = document["rows"]
    assert (row["id"], row["unit"], row["peer"]) == ("small", "requests per CPU second of the server", "titiler")
    assert row["ratio"] == pytest.approx(row["ours"] / row["peer_value"])
    assert {"python", "busy", "titiler: busy"} <= set(document["versions"])
    assert {"processor", "cores", "memory_bytes", "system"} <= set(document["machine"])
    assert "comparing answers with titiler" in err
    (kept,) = (tmp_path / "data" / "bench" / "results").glob("small-*Z.json")
    assert msgspec.json.decode(kept.read_bytes()) == document


def test_a_table_names_every_row(installed, tmp_path, capfd):
    assert main("small", as_json=False, peers=(), data=tmp_path / "data") == 0
    out, _ = capfd.readouterr()
    assert "a small race" in out
    assert "none asked for" in out


def test_an_unknown_scenario_lists_those_there_are(tmp_path, capfd):
    assert main("nowhere", as_json=True, peers=None, data=tmp_path) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "raster" in err


def test_an_unknown_row_lists_those_there_are(installed, tmp_path, capfd):
    assert main("small", as_json=True, peers=(), data=tmp_path, only=("small", "wide")) == 2
    assert "no row is named 'wide': the rows are small" in capfd.readouterr().err


def test_rows_are_measured_alone_and_trials_come_last(installed, monkeypatch, tmp_path, capfd):
    def tried(home, say):
        say(f"in {home.name}")
        return Figure(value=3.0, note="as told")

    trial = Trial(id="tried", what="a trial", unit="units", target=Target(value=2.0), run=tried)
    monkeypatch.setattr(SmallScenario, "trials", lambda self: (trial,), raising=False)
    assert main("small", as_json=True, peers=(), data=tmp_path / "data", only=("tried",)) == 0
    out, err = capfd.readouterr()
    (row,) = msgspec.json.decode(out)["rows"]
    assert (row["id"], row["ours"], row["holds"], row["note"]) == ("tried", 3.0, True, "as told")
    assert "in tried" in err
    assert main("small", as_json=True, peers=(), data=tmp_path / "data") == 0
    assert [row["id"] for row in msgspec.json.decode(capfd.readouterr().out)["rows"]] == ["small", "tried"]


def test_an_unknown_peer_lists_those_there_are(tmp_path, capfd):
    assert main("raster", as_json=True, peers=("nobody",), data=tmp_path) == 2
    assert "titiler" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ours_that_cannot_be_measured_is_one_line(installed, monkeypatch, tmp_path, capfd):
    monkeypatch.setitem(sys.modules, "bench.peers.geopf", AbsentPeer())
    assert main("small", as_json=True, peers=(), data=tmp_path / "data") == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "bench small: it could not be installed (no such version): try again\n"


def test_a_missing_peer_leaves_ours_measured(tmp_path):
    findings = measure(tmp_path, BusyPeer(1), {"gone": AbsentPeer()})
    (row,) = findings.report.rows
    assert row.ours > 0
    assert row.peer == "gone: not available, it could not be installed (no such version)"
    assert (row.peer_value, row.holds, findings.disagreed) == (None, None, False)


def test_answers_that_differ_are_not_timed(tmp_path):
    findings = measure(tmp_path, BusyPeer(1), {"other": BusyPeer(1, encode_picture(seed=2))})
    (row,) = findings.report.rows
    assert (row.ours, row.peer_value, row.holds, findings.runs) == (None, None, False, ())
    assert "answers differ" in row.peer
    assert findings.disagreed


def test_a_peer_that_agrees_is_timed_although_another_differs(tmp_path):
    peers = {"off": BusyPeer(1, encode_picture(seed=2)), "right": BusyPeer(1)}
    findings = measure(tmp_path, BusyPeer(1), peers)
    assert {run.side for run in findings.runs} == {"geopf", "right"}
    assert findings.report.rows[0].peer == "right"
    assert findings.disagreed


def test_results_are_kept_under_scenario_and_time(tmp_path):
    findings = measure(tmp_path / "home", BusyPeer(1), {})
    kept = keep(findings, tmp_path / "results", datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC))
    assert kept.name == "small-20310203T040506Z.json"
    runs = msgspec.json.decode((tmp_path / "results" / "small-20310203T040506Z.runs.json").read_bytes())
    assert [(run["side"], run["requests"]) for run in runs] == [("geopf", 24)]
    assert "geopf" in format_table(findings.report, findings.runs)
