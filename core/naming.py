"""Names that people choose and URLs carry."""

import re

from core.errors import BadRequest

_LAYER_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?")


def check_layer_name(name: str) -> str:
    """Return `name` if a layer may have it.

    A name is one segment of a URL and of an object key, so it is kept to ASCII
    letters, digits, `_`, `-` and `.`, begins and ends with a letter or digit,
    never holds `..`, and has 128 characters at most.

    Raises:
        BadRequest: The name is not one of these.
    """
    if _LAYER_NAME.fullmatch(name) is None or ".." in name:
        shown = name if len(name) <= 140 else name[:140] + "…"
        raise BadRequest(
            f"{shown!r} cannot name a layer",
            "use 1 to 128 letters, digits, '_', '-' or '.', beginning and ending with a letter or digit",
        )
    return name
