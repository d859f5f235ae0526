import os

import msgspec
import pytest

from bench.measure import Side, build_row, compare_answers, run_race, trial_row
from bench.report import Run
from bench.scenario import Figure, Target, Trial
from core.errors import BadSource

from .conftest import BusyPeer, encode_picture


def side(name, peer, tmp_path):
    peer.prepare(tmp_path / name, {}, print)
    return Side(name=name, home=tmp_path / name, peer=peer, sources={})


def run(side_name, requests, cpu_s):
    return Run(
        race="small",
        side=side_name,
        requests=requests,
        cpu_s=cpu_s,
        wall_s=1.0,
        p50_ms=1.0,
        p99_ms=1.0,
        rss_bytes=1,
        received=1,
    )


def test_the_ratio_is_that_of_the_cpu_the_servers_burn(tmp_path, small_race):
    fast, slow = side("geopf", BusyPeer(5), tmp_path), side("slow", BusyPeer(40), tmp_path)
    runs = run_race([fast, slow], small_race, passes=1, say=print)
    assert [one.side for one in runs] == ["geopf", "slow"]
    assert 24 * 0.040 * 0.9 <= runs[1].cpu_s <= 24 * 0.040 * 2
    assert 3 <= build_row(small_race, runs, "geopf", {}).ratio <= 9  # 8, less what http.server itself uses


def test_sides_take_turns_and_every_pass_has_a_server_of_its_own(tmp_path, small_race):
    race = msgspec.structs.replace(small_race, requests=small_race.requests[:2])
    peers = BusyPeer(0), BusyPeer(0)
    runs = run_race(
        [side("geopf", peers[0], tmp_path), side("other", peers[1], tmp_path)], race, passes=2, say=lambda _: None
    )
    assert [one.side for one in runs] == ["geopf", "other", "geopf", "other"]
    assert len({*peers[0].pids, *peers[1].pids}) == 4
    for pid in (*peers[0].pids, *peers[1].pids):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_failed_request_makes_the_race_fail(tmp_path, small_race):
    broken = side("geopf", BusyPeer(0, suffix="missing"), tmp_path)
    with pytest.raises(BadSource, match=r"geopf failed 24 of 24 requests of small .first: status 404"):
        run_race([broken], small_race, passes=1, say=print)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (encode_picture(offset=1), ""),
        (encode_picture(offset=9), "answers differ by 9.0 of 255, more than 2"),
        (encode_picture(size=16), "32 x 32 pixels, the peer's 16 x 16"),
        (b"sorry", "the peer's answer is no image"),
    ],
    ids=["close", "off", "smaller", "no image"],
)
def test_answers_are_compared(tmp_path, small_race, picture, expected):
    ours, theirs = side("geopf", BusyPeer(0), tmp_path), side("other", BusyPeer(0, picture), tmp_path)
    assert expected in compare_answers(ours, theirs, [small_race]).get("small", "")
    assert bool(expected) == bool(compare_answers(ours, theirs, [small_race]))


def test_an_error_of_a_side_is_a_difference(tmp_path, small_race):
    ours, theirs = side("geopf", BusyPeer(0, suffix="missing"), tmp_path), side("other", BusyPeer(0), tmp_path)
    assert "status 404" in compare_answers(ours, theirs, [small_race])["small"]


def test_a_row_takes_medians_and_the_strongest_peer(small_race):
    runs = [run("geopf", 100, 1.0), run("geopf", 100, 0.25), run("geopf", 100, 0.5)]
    runs += [run("weak", 100, 10.0), run("strong", 100, 2.0), run("strong", 100, 4.0), run("strong", 100, 2.5)]
    row = build_row(small_race, runs, "geopf", {"gone": "not available"})
    assert (row.ours, row.peer, row.peer_value, row.ratio) == (200.0, "strong", 40.0, 5.0)
    assert row.holds is True


def test_a_row_without_a_peer_says_why_and_keeps_ours(small_race):
    row = build_row(small_race, [run("geopf", 100, 1.0)], "geopf", {"gone": "not available, no such version"})
    assert (row.ours, row.peer, row.peer_value, row.ratio) == (
        100.0,
        "gone: not available, no such version",
        None,
        None,
    )
    assert row.holds is None


def test_a_row_that_was_not_timed_does_not_hold(small_race):
    row = build_row(small_race, [], "geopf", {"other": "answers differ"})
    assert (row.ours, row.holds) == (None, False)


def test_a_row_is_refused_when_a_tile_took_more_than_one_get(small_race):
    fine, twice = (msgspec.structs.replace(run("geopf", 24, 1.0), gets=gets) for gets in (24, 25))
    other = msgspec.structs.replace(run("slow", 24, 2.0), gets=70)
    row = build_row(small_race, [fine, other], "geopf", {})
    assert (row.ours, row.ratio, row.note) == (24.0, 2.0, "geopf: 24 GETs for 24 tiles, slow: 70 GETs for 24 tiles")
    refused = build_row(small_race, [fine, twice, other], "geopf", {})
    assert (refused.ours, refused.holds) == (None, False)
    assert refused.note.startswith("refused, not one GET a tile: geopf: 49 GETs for 48 tiles")


def test_a_trial_becomes_a_row_of_ours_alone():
    trial = Trial(id="t", what="w", unit="u", target=Target(value=2.0, at_most=True), run=lambda home, say: None)
    row = trial_row(trial, Figure(value=1.5, note="seen"))
    assert (row.id, row.unit, row.ours, row.peer_value, row.ratio, row.holds) == ("t", "u", 1.5, None, None, True)
    assert (row.target, row.note) == ("<= 2", "seen")
    assert trial_row(trial, Figure(value=None, note="wrong")).holds is False


def test_a_trial_that_measured_a_peer_too_has_its_ratio():
    trial = Trial(
        id="t", what="w", unit="s", target=Target(value=1.0, ratio=0.5, at_most=True), run=lambda home, say: None
    )
    row = trial_row(trial, Figure(value=3.0, note="", peer="other 1.0", peer_value=12.0))
    assert (row.peer, row.peer_value, row.ratio, row.holds) == ("other 1.0", 12.0, 0.25, True)
    assert trial_row(trial, Figure(value=9.0, note="", peer="other 1.0", peer_value=12.0)).holds is False
    assert trial_row(trial, Figure(value=9.0, note="", peer="other: not available")).holds is None


def test_every_ratio_and_who_is_absent_is_told(small_race):
    def run(side, cpu_s):
        return Run(
            race="small", side=side, requests=100, cpu_s=cpu_s, wall_s=1.0, p50_ms=1.0, p99_ms=1.0, rss_bytes=1,
            received=1,
        )  # fmt: skip

    runs = [run("geopf", 1.0), run("slow", 20.0), run("slower", 40.0)]
    row = build_row(small_race, runs, "geopf", {"martin": "not available, it is not on the PATH"})
    assert (row.peer, row.ratio) == ("slow", 20.0)
    assert row.note == "20.0x slow, 40.0x slower; martin: not available, it is not on the PATH"
