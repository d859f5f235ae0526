"""core.settings: the environment into structs."""

from pathlib import Path

import msgspec
import pytest

from core.errors import BadSetting
from core.settings import CoreSettings, read_settings


class _Settings(msgspec.Struct, frozen=True):
    folder: Path = Path("here")
    count: int = 3
    ratio: float = 0.5
    flag: bool = False


def test_without_variables_the_defaults_hold():
    assert read_settings(_Settings, {}) == _Settings()


def test_variables_are_converted_to_the_type_of_their_field():
    environ = {"GEOPF_FOLDER": "/a/b", "GEOPF_COUNT": "7", "GEOPF_RATIO": "1.5", "GEOPF_FLAG": "true"}
    assert read_settings(_Settings, environ) == _Settings(Path("/a/b"), 7, 1.5, flag=True)


def test_an_empty_variable_counts_as_not_set():
    assert read_settings(_Settings, {"GEOPF_COUNT": ""}).count == 3


def test_a_home_folder_is_expanded():
    assert read_settings(_Settings, {"GEOPF_FOLDER": "~/x"}).folder == Path.home() / "x"


def test_a_wrong_value_names_the_variable_the_value_and_the_remedy():
    with pytest.raises(BadSetting, match=r"GEOPF_COUNT='many'.*docs/settings.md"):
        read_settings(_Settings, {"GEOPF_COUNT": "many"})


def test_the_platform_runs_without_any_setting():
    assert read_settings(CoreSettings, {}).data == Path("data")
