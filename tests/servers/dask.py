"""A Dask cluster for tests, which listens on 127.0.0.1 alone."""

from contextlib import contextmanager

from distributed import LocalCluster

HERE = "127.0.0.1:0"


@contextmanager
def running_cluster():
    """Give the address of a scheduler with one worker of two threads."""
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, host="127.0.0.1", protocol="tcp", dashboard_address=HERE,
        worker_dashboard_address=HERE,
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address
