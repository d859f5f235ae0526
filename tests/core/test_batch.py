"""core.batch: work side by side, in threads and on a cluster; errors come whole, what did not answer is done again."""

import threading
import time
from pathlib import Path

import pytest

from core.batch import BatchSettings, open_batch
from core.errors import InputRefused, Unavailable
from tests.servers.dask import running_cluster

tries: dict[int, int] = {}
running = threading.Semaphore(0)


def double(number):
    return 2 * number


def refuse_seven(number):
    if number == 7:
        try:
            raise RuntimeError(threading.Lock())  # cannot be pickled
        except RuntimeError as err:
            raise InputRefused("seven cannot be taken", "give another") from err
    return number


def answer_at_the_second_try(number):
    tries[number] = tries.get(number, 0) + 1
    if tries[number] == 1:
        raise Unavailable("not yet")
    return number


def never_answer(number):
    tries[number] = tries.get(number, 0) + 1
    raise Unavailable(f"{number} does not answer")


def where(number):
    time.sleep(0.02)
    return threading.get_ident()


@pytest.fixture(autouse=True)
def forget():
    tries.clear()


@pytest.fixture
def batch():
    with open_batch(BatchSettings(job_threads=2)) as made:
        yield made


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_every_item_is_done_once(batch, count):
    assert sorted(batch.run(double, list(range(count)))) == [2 * number for number in range(count)]


def test_work_is_spread_over_the_threads(batch):
    assert len(set(batch.run(where, list(range(20))))) == 2


def test_a_lone_item_is_done_where_we_are(batch):
    assert list(batch.run(where, [1])) == [threading.get_ident()]


def test_an_error_of_ours_comes_with_its_message_and_remedy(batch):
    with pytest.raises(InputRefused) as caught:
        list(batch.run(refuse_seven, list(range(20))))
    assert (caught.value.message, caught.value.remedy) == ("seven cannot be taken", "give another")


def test_the_batch_can_be_used_again_after_an_error(batch):
    with pytest.raises(InputRefused):
        list(batch.run(refuse_seven, list(range(20))))
    assert sorted(batch.run(double, [1, 2, 3])) == [2, 4, 6]


def test_what_did_not_answer_is_done_again(batch):
    assert sorted(batch.run(answer_at_the_second_try, list(range(10)))) == list(range(10))
    assert set(tries.values()) == {2}


def test_what_never_answers_ends_the_batch(batch):
    with pytest.raises(Unavailable, match="does not answer"):
        list(batch.run(never_answer, [1, 2]))
    assert max(tries.values()) == 3


def test_a_scheduler_that_does_not_answer_is_named():
    with (
        open_batch(BatchSettings(dask_scheduler="tcp://127.0.0.1:1")) as batch,
        pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"),
    ):
        list(batch.run(double, [1, 2]))


def test_the_workers_of_a_cluster_do_the_work():
    with running_cluster() as address, open_batch(BatchSettings(dask_scheduler=address)) as batch:
        assert sorted(batch.run(double, list(range(100)))) == [2 * number for number in range(100)]
        assert next(batch.run(where, [1])) != threading.get_ident()
        with pytest.raises(InputRefused, match="seven"):
            list(batch.run(refuse_seven, list(range(20))))
        assert list(batch.run(answer_at_the_second_try, [1])) == [1]


def listening():
    """Local addresses that this process listens on, as Linux writes them (proc(5), net/tcp): 0100007F is 127.0.0.1."""
    own = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            own.add(str(link.readlink()))
        except OSError:  # the descriptor of the listing itself
            continue
    found = []
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                found.append(fields[1].partition(":")[0])
    return found


def test_threads_of_this_process_open_no_port_to_others():
    before = listening()
    with open_batch(BatchSettings()) as batch:
        assert sorted(batch.run(double, [1, 2])) == [2, 4]
        assert listening() == before
