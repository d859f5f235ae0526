"""Settings of S3 servers, from the variables that S3 tools read."""

import pytest

from core.errors import BadSetting
from core.s3_settings import gdal_environment, s3_settings

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hidden"}


@pytest.mark.parametrize("missing", KEYS)
def test_missing_credentials_are_named(missing):
    with pytest.raises(BadSetting, match=missing):
        s3_settings({**KEYS, missing: ""})


def test_the_variable_for_s3_alone_comes_first():
    environ = {**KEYS, "AWS_ENDPOINT_URL_S3": "https://s3.gra.example", "AWS_ENDPOINT_URL": "https://other.example"}
    assert s3_settings(environ).endpoint == "https://s3.gra.example"
    assert s3_settings({**environ, "AWS_ENDPOINT_URL_S3": ""}).endpoint == "https://other.example"
    assert not s3_settings(KEYS).endpoint


def test_the_region_has_two_names_and_a_default():
    assert s3_settings({**KEYS, "AWS_REGION": "gra", "AWS_DEFAULT_REGION": "sbg"}).region == "gra"
    assert s3_settings({**KEYS, "AWS_DEFAULT_REGION": "sbg"}).region == "sbg"
    assert s3_settings(KEYS).region == "us-east-1"


@pytest.mark.parametrize("endpoint", ["s3.gra.example", "ftp://a.example", "http://", "https://a.example/bucket"])
def test_what_is_no_address_of_a_server_is_refused(endpoint):
    with pytest.raises(BadSetting, match="AWS_ENDPOINT_URL="):
        s3_settings({**KEYS, "AWS_ENDPOINT_URL": endpoint})


def test_the_secret_is_never_shown():
    assert "hidden" not in repr(s3_settings({**KEYS, "AWS_SESSION_TOKEN": "hidden too"}))


def test_gdal_is_told_host_and_port_and_whether_to_encrypt():
    settings = s3_settings({**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9000/", "AWS_REGION": "gra"})
    assert gdal_environment(settings) == {
        "AWS_S3_ENDPOINT": "127.0.0.1:9000",
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_REGION": "gra",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hidden",
    }
    encrypted = gdal_environment(s3_settings({**KEYS, "AWS_ENDPOINT_URL": "https://s3.gra.example"}))
    assert (encrypted["AWS_S3_ENDPOINT"], encrypted["AWS_HTTPS"]) == ("s3.gra.example", "YES")


def test_gdal_is_told_nothing_of_an_endpoint_for_aws_itself():
    variables = gdal_environment(s3_settings({**KEYS, "AWS_SESSION_TOKEN": "token"}))
    assert "AWS_S3_ENDPOINT" not in variables
    assert variables["AWS_SESSION_TOKEN"] == "token"
