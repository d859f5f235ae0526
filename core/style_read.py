"""Style files of producers: ROK4 JSON, SLD or SE, or our own JSON, told apart by what is in them."""

from pathlib import PurePath
from typing import Any

import msgspec

from core.errors import BadRequest
from core.style import Style
from core.style_check import check_style
from core.style_rok4 import style_from_rok4
from core.style_sld import style_from_sld
from core.xml_tree import parse_xml

MAX_STYLE_BYTES = 256 << 10
"""Bytes of a style file."""

_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
"""Byte order marks: of UTF-8, of UTF-16."""


def read_style(data: bytes, file_name: str) -> Style:
    """Read a style file.

    Args:
        data: What is in it.
        file_name: For messages, and the style's name where the file gives none that can stand in a URL.

    Raises:
        BadRequest: It is no style, says something that is not known, or cannot be drawn.
    """
    name = PurePath(file_name).name
    try:
        if len(data) > MAX_STYLE_BYTES:
            raise BadRequest(f"has {len(data)} bytes", f"a style has {MAX_STYLE_BYTES} at most")
        start = data.lstrip()
        if start[:1] == b"<" or (start.startswith(_MARKS) and b"<" in start[:5]):
            return check_style(style_from_sld(parse_xml(data.lstrip()), PurePath(file_name).stem))
        return check_style(_from_json(start.removeprefix(_MARKS[0])))
    except BadRequest as err:
        raise BadRequest(f"{name}: {err.message}", err.remedy) from err


def _from_json(data: bytes) -> Style:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as err:
        raise BadRequest(f"neither JSON nor XML ({err})", "give a ROK4 style, an SLD or a style of ours") from err
    if isinstance(document, dict) and "identifier" in document:
        return style_from_rok4(document)
    if not isinstance(document, dict) or "name" not in document:
        raise BadRequest("no style", "give a ROK4 style (identifier ...), an SLD or a style of ours (name ...)")
    try:
        style = msgspec.convert(document, Style)
    except msgspec.ValidationError as err:
        raise BadRequest(str(err), "see docs/styles.md for the keys of a style") from err
    _check_known(document, msgspec.to_builtins(style), "")
    return style


def _check_known(given: Any, understood: Any, where: str) -> None:
    """Refuse keys that the style does not have: one misspelt would change the picture without a word."""
    if isinstance(given, dict) and isinstance(understood, dict):
        for key, value in given.items():
            place = f"{where}.{key}" if where else key
            if key not in understood:
                raise BadRequest(f"{place} is not known", f"use {', '.join(understood)}")
            _check_known(value, understood[key], place)
    elif isinstance(given, list) and isinstance(understood, list | tuple):
        for at, (value, known) in enumerate(zip(given, understood, strict=True)):
            _check_known(value, known, f"{where}[{at}]")
