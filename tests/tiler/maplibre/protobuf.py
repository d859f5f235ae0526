"""Protocol buffers read by hand, for tests of what we write by hand (protobuf.dev, Encoding)."""


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def message(data):
    """Return the fields of a message in their order: number and value."""
    fields, at = [], 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            assert key & 7 == 2, f"wire type {key & 7}"
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
            assert len(value) == length
        fields.append((key >> 3, value))
    return fields


def signed(value):
    """Return a `sint32`."""
    return (value >> 1) ^ -(value & 1)


def glyphs(data):
    """Return the name, the range and the glyphs of a `glyphs` message, by character."""
    ((field, stack),) = message(data)
    assert field == 1
    fields = message(stack)
    names = dict(fields[:2])
    found = {}
    for number, value in fields[2:]:
        assert number == 3
        one = dict(message(value))
        found[one[1]] = {
            "bitmap": one.get(2, b""),
            "width": one[3],
            "height": one[4],
            "left": signed(one[5]),
            "top": signed(one[6]),
            "advance": one[7],
        }
    return names[1].decode(), names[2].decode(), found
