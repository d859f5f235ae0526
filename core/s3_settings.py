"""Where an S3 server is and how to sign for it, as the AWS variables of the environment tell."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from core.errors import BadSetting

DEFAULT_REGION = "us-east-1"
"""What S3 servers that have no regions expect in a signature."""


class S3Settings(msgspec.Struct, frozen=True, kw_only=True):
    """An S3 server and the credentials for it."""

    endpoint: str = ""
    """`http://host:port` or `https://host`; empty for AWS itself."""

    region: str = DEFAULT_REGION
    """Part of every signature."""

    access_key: str
    secret_key: str

    session_token: str = ""
    """Comes with temporary credentials; empty for permanent ones."""

    def __repr__(self) -> str:
        """Show where, never with which secret."""
        return f"S3Settings(endpoint={self.endpoint!r}, region={self.region!r}, access_key={self.access_key!r})"


def s3_settings(environ: Mapping[str, str]) -> S3Settings:
    """Read the settings from the variables that every S3 tool reads; an empty one counts as not set.

    Raises:
        BadSetting: Credentials are missing, or the endpoint is no address of a server.
    """
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if not environ.get(variable):
            raise BadSetting(
                f"{variable} is not set", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a folder"
            )
    return S3Settings(
        endpoint=_endpoint(environ),
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION,
        access_key=environ["AWS_ACCESS_KEY_ID"],
        secret_key=environ["AWS_SECRET_ACCESS_KEY"],
        session_token=environ.get("AWS_SESSION_TOKEN", ""),
    )


def gdal_environment(settings: S3Settings) -> dict[str, str]:
    """Return the environment variables with which GDAL's `/vsis3/` reaches the same server.

    They must be set for the process: `rasterio.Env` refuses AWS options.
    """
    variables = {
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_REGION": settings.region,
        "AWS_ACCESS_KEY_ID": settings.access_key,
        "AWS_SECRET_ACCESS_KEY": settings.secret_key,
    }
    if settings.session_token:
        variables["AWS_SESSION_TOKEN"] = settings.session_token
    if settings.endpoint:
        parts = urlsplit(settings.endpoint)
        variables["AWS_S3_ENDPOINT"] = parts.netloc
        variables["AWS_HTTPS"] = "YES" if parts.scheme == "https" else "NO"
    return variables


def _endpoint(environ: Mapping[str, str]) -> str:
    for variable in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        value = environ.get(variable, "").rstrip("/")
        if not value:
            continue
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.username:
            raise BadSetting(f"{variable}={value!r} is not the address of a server", "write it as https://host:port")
        return value
    return ""
