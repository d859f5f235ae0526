"""Independent pieces of work, run side by side: by threads of this process, or by the workers of a Dask cluster."""

import logging
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import msgspec

from core.errors import GeoplateformeError, Unavailable

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


class Workers(Protocol):
    """Those who do the work."""

    def threads(self) -> int:
        """Return how many pieces are done at a time."""
        ...

    def begin(self, work: Callable[[T], R], item: T) -> Any:
        """Hand out a piece and return its future."""
        ...

    def first(self, futures: Collection[Any]) -> Collection[Any]:
        """Wait until some futures are done and return those."""
        ...

    def close(self) -> None:
        """Let them go, at once where nothing is under way."""
        ...


class Batch:
    """Runs pieces of work; made by `open_batch`."""

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self._workers: Workers | None = None

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
        elif items:
            yield from self._spread(work, items)

    def _spread(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        if self._workers is None:
            address, threads = self._settings.dask_scheduler, self._settings.job_threads
            self._workers = _Cluster(address) if address else _Threads(threads)
        workers = self._workers
        ahead = _AHEAD * max(1, workers.threads())
        under_way: dict[Any, tuple[int, int]] = {}
        begun = 0
        try:
            while begun < len(items) or under_way:
                while begun < len(items) and len(under_way) < ahead:
                    under_way[workers.begin(work, items[begun])] = begun, 1
                    begun += 1
                for future in workers.first(list(under_way)):
                    number, tries = under_way.pop(future)
                    result, error = future.result()
                    if isinstance(error, Unavailable) and tries < _TRIES:
                        under_way[workers.begin(work, items[number])] = number, tries + 1
                    elif error is not None:
                        raise error
                    else:
                        yield result
        finally:
            for future in under_way:
                future.cancel()

    def close(self) -> None:
        """End the threads, or leave the cluster."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None


@contextmanager
def open_batch(settings: BatchSettings) -> Iterator[Batch]:
    """Give something that runs pieces of work until the end of the block."""
    batch = Batch(settings)
    try:
        yield batch
    finally:
        batch.close()


class _Threads:
    """Threads of this process."""

    def __init__(self, threads: int) -> None:
        self._count = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="batch")

    def threads(self) -> int:
        return self._count

    def begin(self, work: Callable[[T], R], item: T) -> Any:
        return self._executor.submit(_attempt, work, item)

    def first(self, futures: Collection[Any]) -> Collection[Any]:
        return wait(futures, return_when=FIRST_COMPLETED).done

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)


class _Cluster:
    """Workers of a Dask cluster.

    Raises:
        Unavailable: Its scheduler does not answer.
    """

    def __init__(self, address: str) -> None:
        from distributed import Client

        try:
            self._client = Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as err:
            raise Unavailable(
                f"the Dask scheduler {address} does not answer ({err})", "check GEOPF_DASK_SCHEDULER"
            ) from err

    def threads(self) -> int:
        return sum(self._client.nthreads().values())

    def begin(self, work: Callable[[T], R], item: T) -> Any:
        return self._client.submit(_attempt, work, item, pure=False)

    def first(self, futures: Collection[Any]) -> Collection[Any]:
        from distributed import wait as wait_for

        with self._client.as_current():
            return list(wait_for(futures, return_when=FIRST_COMPLETED).done)

    def close(self) -> None:
        self._client.close()


def _attempt(work: Callable[[T], R], item: T) -> tuple[R | None, GeoplateformeError | None]:
    """Do a piece of work where a worker is; an error of ours comes back bare: what led to it may not be pickled."""
    try:
        return work(item), None
    except GeoplateformeError as err:
        _log.exception("a piece of work failed")
        err.__cause__ = err.__context__ = None
        return None, err.with_traceback(None)
