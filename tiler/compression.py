"""How a tile is compressed on its way: what the client takes (RFC 9110, section 12.5.3), and what is cheapest of it."""

from functools import lru_cache
from typing import Literal

import imagecodecs
from isal import igzip

Coding = Literal["", "gzip", "zstd", "br"]
"""Content coding, empty for none."""

SUFFIX: dict[Coding, str] = {"": "", "gzip": "-gz", "zstd": "-zst", "br": "-br"}
"""What the entity tag of a coding ends with."""

_ORDER: tuple[Coding, ...] = ("gzip", "zstd", "br")
"""From the cheapest to the dearest."""

_MOST = 16


@lru_cache(maxsize=64)
def choose_coding(accept: str) -> Coding:
    """Return the coding that a client likes best, of equals the cheapest for us.

    Args:
        accept: The Accept-Encoding header; empty when there was none.
    """
    liked: dict[str, float] = {}
    for item in accept.split(",")[:_MOST]:
        name, _, parameters = item.partition(";")
        quality = parameters.strip().removeprefix("q=") if "q=" in parameters else "1"
        try:
            liked[name.strip().lower()] = float(quality)
        except ValueError:
            liked[name.strip().lower()] = 0.0
    anything = liked.get("*", 0.0)
    offers = {coding: liked.get(coding, anything) for coding in _ORDER}
    best = max(_ORDER, key=lambda coding: offers[coding])  # the first of equals
    plain = liked.get("identity", 0.0)
    return best if offers[best] > 0 and offers[best] >= plain else ""


@lru_cache(maxsize=64)
def takes_gzip(accept: str) -> bool:
    """Tell whether a client takes gzip, best or not."""
    names = [item.split(";") for item in accept.split(",")[:_MOST]]
    return any(parts[0].strip().lower() == "gzip" and "".join(parts[1:]).strip() != "q=0" for parts in names)


def compress(data: bytes, coding: Coding, *, gzip_level: int = 1) -> bytes:
    """Return bytes in a coding, quickly rather than small unless told otherwise.

    Args:
        data: The bytes.
        coding: The coding.
        gzip_level: 1 fast, by ISA-L; 2 to 12 smaller, by libdeflate, for what is written once and read often.
    """
    if coding == "gzip" and gzip_level > 1:
        return bytes(imagecodecs.gzip_encode(data, level=gzip_level))
    if coding == "gzip":
        return bytes(igzip.compress(data, 1, mtime=0))
    if coding == "zstd":
        return bytes(imagecodecs.zstd_encode(data, level=1))
    return bytes(imagecodecs.brotli_encode(data, level=3)) if coding == "br" else data
