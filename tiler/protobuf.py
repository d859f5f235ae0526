"""The little of Protocol Buffers that tiles and letters take: numbers in seven bits a byte, and fields around bytes."""

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
"""Wire types."""


def varint(number: int) -> bytes:
    """Return a number, 0 or more, as a varint."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place behind it.

    Raises:
        ValueError: It has more than ten bytes, or the data end within it.
    """
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            msg = "has a number of more than ten bytes"
            raise ValueError(msg)
    msg = "is cut"
    raise ValueError(msg)


def zigzag(value: int) -> int:
    """Return a signed number as `sint32` and `sint64` are written, the sign in the lowest bit."""
    return value * 2 if value >= 0 else -value * 2 - 1


def number_field(field: int, value: int) -> bytes:
    """Return a field that holds a number."""
    return varint(field << 3 | VARINT) + varint(value)


def bytes_field(field: int, data: bytes) -> bytes:
    """Return a field that holds bytes, a text or a message."""
    return varint(field << 3 | BYTES) + varint(len(data)) + data
