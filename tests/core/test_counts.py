"""core.counts against the counters of the client library, which count the same in their own way."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from core.counted import counted
from core.counts import BOUNDS_S, Counts, counts
from core.errors import NotFound
from tests.wire import Wire, scope

REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["tiles", "points"]),
        st.sampled_from([200, 304, 503]),
        st.integers(0, 1 << 40),
        st.one_of(st.sampled_from(BOUNDS_S), st.floats(0, 100)),
    ),
    max_size=30,
)


def samples(text):
    """Samples by name and labels; when the client library made its counters is left out."""
    lines = (line.rpartition(" ") for line in text.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines if "_created" not in name}


@given(REQUESTS)
def test_metrics_are_those_of_the_client_library(requests):
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    made = Counts()
    ours.register(made)
    answers = Counter("geopf_requests", "", ("route", "status"), registry=theirs)
    seconds = Histogram("geopf_request_seconds", "", ("route",), buckets=BOUNDS_S, registry=theirs)
    sent_bytes = Counter("geopf_sent_bytes", "", ("route",), registry=theirs)
    plans = Counter("geopf_tile_plans", "", ("plan",), registry=theirs)
    for room, status, sent, took in requests:
        made.room(room).note(status, sent, took)
        made.plan(f"plan-{status}")
        answers.labels(room, status).inc()
        seconds.labels(room).observe(took)
        sent_bytes.labels(room).inc(sent)
        plans.labels(f"plan-{status}").inc()
    assert samples(generate_latest(ours)) == samples(generate_latest(theirs))
    kinds = [line for line in generate_latest(ours).decode().splitlines() if line.startswith("# TYPE")]
    there = generate_latest(theirs).decode().splitlines()
    assert set(kinds) <= set(there)


async def test_requests_that_end_in_between_each_other_are_all_counted():
    async def serve(asked, send):
        number = int(asked["path"].rpartition("/")[2])
        await asyncio.sleep(0.001 * (number % 3))
        if number % 10 == 0:
            raise NotFound("nothing there", "look elsewhere")
        await send({"type": "http.response.start"})
        return 200, number

    app = counted("test-counts", serve, what="number")

    async def ask(number):
        if number % 10 == 0:
            with pytest.raises(NotFound):
                await app(scope(f"/test-counts/{number}"), None, Wire())
        else:
            await app(scope(f"/test-counts/{number}"), None, Wire())

    await asyncio.gather(*(ask(number) for number in range(200)))
    room = counts().room("test-counts")
    assert room.answers == {200: 180, 404: 20}
    assert room.sent == sum(number for number in range(200) if number % 10)
    assert sum(room.classes) == 200


async def test_a_request_that_is_cancelled_is_counted_as_one_that_failed():
    async def serve(asked, send):
        await asyncio.sleep(60)

    task = asyncio.create_task(counted("test-cancelled", serve, what="nothing")(scope("/x"), None, Wire()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counts().room("test-cancelled").answers == {500: 1}
