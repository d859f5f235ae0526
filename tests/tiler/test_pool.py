"""tiler.pool: bounded threads."""

import asyncio
import threading

import pytest

from core.errors import Unavailable
from tiler.pool import RenderPool


@pytest.fixture
def pool():
    made = RenderPool(threads=1, queue=2)
    yield made
    made.close()


async def test_work_is_done_in_a_thread_and_its_result_returned(pool):
    assert await pool.run(lambda a, b: (a + b, threading.current_thread().name.startswith("render")), 2, b=3) == (
        5,
        True,
    )


async def test_an_error_of_the_work_reaches_the_caller(pool):
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 / 0)


async def test_beyond_the_queue_it_refuses_and_works_again_afterwards(pool):
    gate = threading.Event()
    taken = [asyncio.ensure_future(pool.run(gate.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as caught:
        await pool.run(gate.wait)
    assert caught.value.retry_after_s == 1
    gate.set()
    await asyncio.gather(*taken)
    await asyncio.sleep(0)
    assert await pool.run(lambda: "again") == "again"


async def test_a_caller_that_goes_away_gives_the_place_back_only_when_the_thread_is_done(pool):
    gate = threading.Event()
    call = asyncio.ensure_future(pool.run(gate.wait))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert pool.taken == 1
    gate.set()
    assert await pool.run(lambda: 1) == 1
    await asyncio.sleep(0.01)
    assert pool.taken == 0


async def test_closing_tells_those_who_wait_that_their_turn_will_not_come(pool):
    gate = threading.Event()
    running = asyncio.ensure_future(pool.run(gate.wait))
    await asyncio.sleep(0.05)
    waiting = asyncio.ensure_future(pool.run(lambda: "never"))
    await asyncio.sleep(0)
    pool.close()
    with pytest.raises(Unavailable):
        await waiting
    gate.set()
    assert await running
    with pytest.raises(Unavailable, match="stopping"):
        await pool.run(lambda: 1)
