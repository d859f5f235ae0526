"""Settings: the environment read once into frozen structs.

Each room has one struct of its own; a field `follow_interval_s` is set by
`GEOPF_FOLLOW_INTERVAL_S`. docs/settings.md lists them all.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from core.errors import BadSetting

PREFIX = "GEOPF_"


class CoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every program of the platform needs to know."""

    data: Path = Path("data")
    """Folder of everything kept on this machine: database, objects, scratch, logs."""

    storage_url: str = ""
    """`s3://bucket/prefix`, or a folder; empty for the folder `objects` under the data folder.

    Address and credentials of an S3 server are read where every S3 tool reads them:
    AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
    """

    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""

    follow_interval_s: float = 0.5
    """How often an engine asks for a new publication, seconds; a 304 most of the time."""


S = TypeVar("S", bound=msgspec.Struct)


def read_settings(kind: type[S], environ: Mapping[str, str] = os.environ) -> S:
    """Read a settings struct from the environment.

    An empty variable counts as not set.

    Raises:
        BadSetting: A variable's value does not fit its field.
    """
    values: dict[str, str] = {}
    for field in msgspec.structs.fields(kind):
        value = environ.get(PREFIX + field.name.upper(), "")
        if value:
            values[field.name] = value
    built: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        if field.name not in values:
            continue
        try:
            built[field.name] = msgspec.convert(values[field.name], field.type, strict=False, dec_hook=_decode_path)
        except msgspec.ValidationError as err:
            variable = PREFIX + field.name.upper()
            raise BadSetting(
                f"{variable}={values[field.name]!r} cannot be used ({err})", "see docs/settings.md"
            ) from err
    return kind(**built)


def _decode_path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise NotImplementedError(kind)  # so msgspec is told that a type is not for this hook
