"""Threads that make tiles, with a bounded queue in front of them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from core.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


class RenderPool:
    """A fixed number of threads; beyond `queue` waiting calls it refuses instead of growing."""

    def __init__(self, threads: int, queue: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="render")
        self._bound = threads + queue
        self.taken = 0
        """Calls running or waiting."""

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread and return what it returns.

        A caller that goes away gives up the answer, not the place: the place is
        free again when the thread is done.

        Raises:
            Unavailable: As many calls as the pool may hold are running or waiting.
        """
        if self.taken >= self._bound:
            raise Unavailable(f"{self.taken} tiles are being made", "ask again in a second", retry_after_s=1)
        self.taken += 1
        future = self._executor.submit(work, *args, **kwargs)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _give_back(loop, self._release))
        return await asyncio.wrap_future(future)

    def _release(self) -> None:
        self.taken -= 1

    def close(self) -> None:
        """Drop what waits and end the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _give_back(loop: asyncio.AbstractEventLoop, release: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(release)
