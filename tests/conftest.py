"""Servers that are started once for all tests of a process."""

import pytest


@pytest.fixture(scope="session")
def swift(tmp_path_factory):
    """An S3 server: OpenStack Swift, with an empty bucket."""
    from tests.servers.swift import running_swift

    with running_swift(tmp_path_factory.mktemp("swift")) as running:
        yield running
