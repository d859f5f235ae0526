"""bench.scenarios.seed: rows as agreed, of trials alone."""

from bench.scenarios.seed import PEERS, prepare, races, trials


def test_rows_have_the_agreed_identifiers(tmp_path):
    assert [(trial.id, trial.unit) for trial in trials()] == [("seed-s", "seconds"), ("seed-bytes", "bytes")]
    assert races() == PEERS == ()
    assert prepare(tmp_path, print) == {}


def test_less_is_better_beside_the_peer():
    for trial in trials():
        assert trial.target.holds(1e9, 0.4) is True
        assert trial.target.holds(1e9, 1.1) is False
