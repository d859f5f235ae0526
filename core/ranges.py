"""Byte ranges of HTTP (RFC 9110, section 14): what a `Range` asks, and how several parts are framed."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

import msgspec

from core.errors import RangeNotSatisfiable

MAX_RANGES = 64
"""Ranges one request may ask. RFC 9110, section 14.2, lets a server reject many small ranges; we answer 416."""

_SPEC = re.compile(r"([0-9]{0,19})-([0-9]{0,19})")
_OWS = " \t"


class ByteRange(msgspec.Struct, frozen=True, gc=False):
    """A run of bytes of an object of known size."""

    start: int
    """Offset of the first byte."""

    stop: int
    """Offset after the last byte, > `start`."""

    @property
    def length(self) -> int:
        """Bytes."""
        return self.stop - self.start

    def content_range(self, size: int) -> str:
        """Return the value of `Content-Range` for an object of `size` bytes (RFC 9110, section 14.4)."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


class Part(msgspec.Struct, frozen=True):
    """One body part of a `multipart/byteranges` answer."""

    head: bytes
    """Delimiter and header fields, sent before the bytes of the range."""

    range: ByteRange


def parse_range(header: str, size: int) -> tuple[ByteRange, ...]:
    """Return the ranges a `Range` header asks of an object of `size` bytes.

    Overlapping and adjacent ranges are joined, and the result is sorted by offset.
    Ranges that lie wholly beyond the end are left out when another one is satisfiable.

    Returns:
        Nothing when the header is absent, of another unit, or malformed: section 14.2 has it ignored,
        so the whole object is the answer.

    Raises:
        RangeNotSatisfiable: No byte of the ranges exists, or there are more than `MAX_RANGES`.
    """
    unit, equals, specs = header.partition("=")
    if not equals or unit.strip(_OWS).lower() != "bytes":
        return ()
    # a list may hold empty elements, which do not count (RFC 9110, section 5.6.1.2)
    items = [item for spec in specs.split(",") if (item := spec.strip(_OWS))]
    matches = [_SPEC.fullmatch(item) for item in items]
    bounds = [(match[1], match[2]) for match in matches if match is not None]
    if not items or len(bounds) < len(items) or any(_is_malformed(first, last) for first, last in bounds):
        return ()
    if len(items) > MAX_RANGES:
        raise RangeNotSatisfiable(f"{len(items)} ranges asked at once", f"ask {MAX_RANGES} at most", size=size)
    wanted = [found for first, last in bounds if (found := _resolve(first, last, size)) is not None]
    if not wanted:
        raise RangeNotSatisfiable(f"{header[:100]!r} lies outside the {size} bytes of the object", size=size)
    return coalesce(wanted)


def coalesce(ranges: list[ByteRange]) -> tuple[ByteRange, ...]:
    """Return the ranges sorted by offset, those that overlap or touch joined (RFC 9110, section 15.3.7.2)."""
    joined: list[ByteRange] = []
    for one in sorted(ranges, key=lambda item: (item.start, item.stop)):
        if joined and one.start <= joined[-1].stop:
            joined[-1] = ByteRange(joined[-1].start, max(joined[-1].stop, one.stop))
        else:
            joined.append(one)
    return tuple(joined)


def strong_match(header: str, etag: str) -> bool:
    """Tell whether an If-Match header names `etag` (RFC 9110, section 13.1.1: strong comparison)."""
    if header.strip(_OWS) == "*":
        return True
    return not etag.startswith("W/") and etag in {item.strip(_OWS) for item in header.split(",")}


def if_range_holds(header: str, etag: str, modified: datetime | None = None) -> bool:
    """Tell whether `Range` may be obeyed in spite of `If-Range` (RFC 9110, section 13.1.5).

    Args:
        header: Value of If-Range; empty when absent, which always holds.
        etag: Entity tag of the object; a weak one never holds.
        modified: Time given to the client as Last-Modified; None when none is given, so no date holds.
    """
    value = header.strip(_OWS)
    if not value:
        return True
    if value.startswith(('"', "W/")):
        return not etag.startswith("W/") and value == etag
    if modified is None:
        return False
    try:
        return parsedate_to_datetime(value) == modified.replace(microsecond=0)
    except (ValueError, TypeError):
        return False


def frame_parts(
    ranges: tuple[ByteRange, ...], *, size: int, media_type: str, boundary: str
) -> tuple[tuple[Part, ...], bytes, int]:
    """Frame several ranges as `multipart/byteranges` (RFC 9110, section 14.6).

    Args:
        ranges: What is sent, in this order.
        size: Bytes of the whole object.
        media_type: Media type of the object.
        boundary: Delimiter of the parts; must not occur in the object, so make it long and random.

    Returns:
        The parts, the closing delimiter, and the length of the whole body in bytes.
    """
    parts = tuple(
        Part(
            f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
            f"Content-Range: {one.content_range(size)}\r\n\r\n".encode("latin-1"),
            one,
        )
        for one in ranges
    )
    closing = f"\r\n--{boundary}--\r\n".encode("latin-1")
    return parts, closing, sum(len(part.head) + part.range.length for part in parts) + len(closing)


def _is_malformed(first: str, last: str) -> bool:
    return not (first or last) or bool(first and last and int(first) > int(last))


def _resolve(first: str, last: str, size: int) -> ByteRange | None:
    if not first:  # the last N bytes
        length = min(int(last), size)
        return ByteRange(size - length, size) if length else None
    start = int(first)
    stop = min(int(last) + 1, size) if last else size
    return ByteRange(start, stop) if start < size else None
