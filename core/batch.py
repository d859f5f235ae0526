"""Independent pieces of work, run side by side by Dask: threads of this process, or the workers of a cluster."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from core.errors import GeoplateformeError, Unavailable

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
R = TypeVar("R")

_log = logging.getLogger(__name__)

_TRIES = 3
"""How often a piece is begun that ends because something does not answer."""

_AHEAD = 4
"""Pieces handed out per thread: enough to keep it busy, few enough to bound what waits."""

_CONNECT_S = 10


class BatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the work of a job is done; each is set by `GEOPF_<FIELD>`."""

    dask_scheduler: str = ""
    """Address of a Dask scheduler, as `tcp://host:8786`; empty for threads of this process."""

    job_threads: int = max(1, os.cpu_count() or 1)
    """Threads of a job that has no scheduler."""


class Batch:
    """Runs pieces of work; made by `open_batch`."""

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self._client: Client | None = None

    def run(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """Yield what `work` returns of each item, in the order in which they end.

        Pieces must be safe to repeat: one whose worker is lost, or that met something that did
        not answer, is done again. A lone piece is done where we are unless there is a cluster.

        Args:
            work: A function of a module that the workers can import.
            items: What it is given; can be pickled.

        Raises:
            Unavailable: The scheduler does not answer.
            Exception: What `work` raises, as soon as one piece does.
        """
        if len(items) == 1 and not self._settings.dask_scheduler:
            yield work(items[0])
            return
        if not items:
            return
        yield from self._spread(work, items)

    def _spread(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        from distributed import as_completed

        client = self._connect()
        waiting = iter(enumerate(items))
        under_way: dict[Any, tuple[int, int]] = {}

        def begin(number: int, tries: int) -> Any:
            future = client.submit(_attempt, work, items[number], pure=False)
            under_way[future] = number, tries
            return future

        ahead = _AHEAD * max(1, sum(client.nthreads().values()))
        first = [begin(number, 1) for number, _ in zip(range(ahead), items, strict=False)]
        for _ in first:
            next(waiting)
        done = as_completed(first, loop=client.loop)
        try:
            for future in done:
                number, tries = under_way.pop(future)
                result, error = future.result()
                if isinstance(error, Unavailable) and tries < _TRIES:
                    done.add(begin(number, tries + 1))
                    continue
                if error is not None:
                    raise error
                following = next(waiting, None)
                if following is not None:
                    done.add(begin(following[0], 1))
                yield result
        finally:
            client.cancel(list(under_way), force=True)

    def _connect(self) -> "Client":
        if self._client is None:
            from distributed import Client

            address = self._settings.dask_scheduler
            if address:
                try:
                    self._client = Client(address, timeout=_CONNECT_S, set_as_default=False)
                except (OSError, TimeoutError, ValueError) as err:
                    raise Unavailable(
                        f"the Dask scheduler {address} does not answer ({err})", "check GEOPF_DASK_SCHEDULER"
                    ) from err
            else:
                self._client = Client(
                    processes=False,
                    n_workers=1,
                    threads_per_worker=self._settings.job_threads,
                    dashboard_address="127.0.0.1:0",  # its servers would else listen on all interfaces, on a set port
                    worker_dashboard_address="127.0.0.1:0",
                    memory_limit=0,
                    set_as_default=False,
                )
        return self._client

    def close(self) -> None:
        """End the threads, or leave the cluster."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _attempt(work: Callable[[T], R], item: T) -> tuple[R | None, GeoplateformeError | None]:
    """Do a piece of work where a worker is; an error of ours comes back bare: what led to it may not be pickled."""
    try:
        return work(item), None
    except GeoplateformeError as err:
        _log.exception("a piece of work failed")
        err.__cause__ = err.__context__ = None
        return None, err.with_traceback(None)


@contextmanager
def open_batch(settings: BatchSettings) -> Iterator[Batch]:
    """Give something that runs pieces of work until the end of the block."""
    batch = Batch(settings)
    try:
        yield batch
    finally:
        batch.close()
