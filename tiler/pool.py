"""Threads that make tiles, with a bounded queue in front of them."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

from core.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

_Call = tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[[], Any]]


class RenderPool:
    """A fixed number of threads; beyond `queue` waiting calls it refuses instead of growing.

    The executor of the standard library wakes the event loop twice a call and costs five
    times as much under load, as much as encoding a tile (`docs/decisions/0010-own-threads.md`).
    """

    def __init__(self, threads: int, queue: int) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._bound = threads + queue
        self._closed = False
        self.taken = 0
        """Calls running or waiting."""
        self._threads = [
            threading.Thread(target=_work, args=(self._calls,), name=f"render-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def busy(self) -> bool:
        """Whether half of the calls that it may hold are running or waiting."""
        return 2 * self.taken >= self._bound

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread and return what it returns.

        A caller that goes away gives up the answer, not the place: the place is
        free again when the thread is done.

        Raises:
            Unavailable: As many calls as the pool may hold are running or waiting, or it is closed.
        """
        if self._closed:
            raise Unavailable("the engine is stopping", "ask again in a few seconds", retry_after_s=5)
        if self.taken >= self._bound:
            raise Unavailable(f"{self.taken} tiles are being made", "ask again in a second", retry_after_s=1)
        self.taken += 1
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        done.add_done_callback(_look_at_error)
        self._calls.put((loop, done, lambda: work(*args, **kwargs)))
        try:
            return await asyncio.shield(done)
        finally:
            if done.done():
                self.taken -= 1
            else:
                done.add_done_callback(self._release)

    def _release(self, _: asyncio.Future[Any]) -> None:
        self.taken -= 1

    def close(self) -> None:
        """Drop what waits and end the threads."""
        self._closed = True
        with contextlib.suppress(Empty):
            while True:
                call = self._calls.get_nowait()
                if call is not None and not call[0].is_closed():
                    call[0].call_soon_threadsafe(_fail, call[1], Unavailable("the engine is stopping"))
        for _ in self._threads:
            self._calls.put(None)


def _work(calls: SimpleQueue[_Call | None]) -> None:
    while (call := calls.get()) is not None:
        loop, done, work = call
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - the caller gets it, whatever it is
            answer: tuple[Callable[..., None], Any] = (_fail, error)
        else:
            answer = (_succeed, result)
        del call, work
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(answer[0], done, answer[1])


def _succeed(done: asyncio.Future[Any], result: object) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[Any], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)


def _look_at_error(done: asyncio.Future[Any]) -> None:
    """Take note of a failure, so that one nobody waits for any more is not reported as forgotten."""
    if not done.cancelled():
        done.exception()
