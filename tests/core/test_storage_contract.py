"""The contract of object stores, for each of them."""

import copy
from uuid import uuid4

import pytest
import pytest_asyncio

from core.directory import DirectoryStore
from core.s3 import S3Store
from core.s3_settings import s3_settings
from tests.core.storage_contract import ObjectStoreContract, long_file
from tests.doubles import MemoryStore

__all__ = ["long_file"]


class TestMemoryStore(ObjectStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestDirectoryStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return DirectoryStore(tmp_path / "objects")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connected(swift):
    """One store for all tests, since a botocore client takes a tenth of a second to make."""
    store = S3Store(swift.bucket, "contract", s3_settings(swift.environ()))
    yield store
    await store.close()


@pytest.mark.asyncio(loop_scope="module")
class TestS3Store(ObjectStoreContract):
    @pytest.fixture
    def store(self, connected):
        store = copy.copy(connected)
        store._prefix += f"{uuid4()}/"
        return store
