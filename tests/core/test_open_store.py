"""The object store that the settings name."""

import pytest

from core.directory import DirectoryStore
from core.errors import BadSetting
from core.open_store import open_store
from core.s3 import S3Store
from core.settings import CoreSettings

AWS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}


def opened(tmp_path, url="", environ=()):
    return open_store(CoreSettings(data=tmp_path / "data", storage_url=url), dict(environ))


def test_without_address_it_is_a_folder_under_the_data_folder(tmp_path):
    store = opened(tmp_path)
    assert isinstance(store, DirectoryStore)
    assert store.location("a/b") == str(tmp_path / "data" / "objects" / "a" / "b")


def test_a_path_is_that_folder(tmp_path):
    assert opened(tmp_path, str(tmp_path / "été")).location("a") == str(tmp_path / "été" / "a")


def test_a_file_address_is_that_folder(tmp_path):
    assert opened(tmp_path, f"file://{tmp_path}/a%20b").location("c") == f"{tmp_path}/a b/c"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://bucket", "s3://bucket/a/b"),
        ("s3://bucket/", "s3://bucket/a/b"),
        ("s3://bucket/some/prefix/", "s3://bucket/some/prefix/a/b"),
    ],
)
def test_an_s3_address_is_a_bucket_and_a_prefix(tmp_path, url, location):
    store = opened(tmp_path, url, AWS)
    assert isinstance(store, S3Store)
    assert store.location("a/b") == location


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3://bucket?x=1", "http://server/bucket", "gs://bucket"])
def test_an_address_that_cannot_be_used_is_told(tmp_path, url):
    with pytest.raises(BadSetting, match="GEOPF_STORAGE_URL"):
        opened(tmp_path, url, AWS)


def test_a_bucket_without_credentials_is_told(tmp_path):
    with pytest.raises(BadSetting, match="AWS_ACCESS_KEY_ID"):
        opened(tmp_path, "s3://bucket")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(BadSetting, match="GEOPF_DATA"):
        opened(tmp_path)


async def test_what_is_stored_in_swift_is_found_by_its_settings(tmp_path, swift):
    store = opened(tmp_path, f"s3://{swift.bucket}/opened", swift.environ())
    await store.put("a", b"x")
    assert [info.key async for info in store.list("")] == ["a"]
    await store.close()
