"""Small XML documents of strangers as trees: no document type, no entities, bounded in size and depth."""

from xml.parsers import expat

import msgspec

from core.errors import BadRequest

MAX_BYTES = 256 << 10
"""Bytes of a document."""

MAX_DEPTH = 32
"""Elements inside each other."""


class Element(msgspec.Struct):
    """An element."""

    name: str
    """Without its namespace."""
    namespace: str
    attributes: dict[str, str]
    """By name without namespace."""
    children: list["Element"] = []
    text: str = ""
    """Its own text, without white space around."""


def parse_xml(data: bytes) -> Element:
    """Return the root of a document.

    Raises:
        BadRequest: It is no XML, too large or too deep, or has a document type.
    """
    if len(data) > MAX_BYTES:
        raise BadRequest(f"the XML document has {len(data)} bytes", f"give {MAX_BYTES} at most")
    top = Element("", "", {})
    open_elements = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > MAX_DEPTH:
            raise BadRequest("the XML document is nested too deep", f"nest {MAX_DEPTH} elements at most")
        namespace, _, local = name.rpartition(" ")
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items() if not _is_instance(key)}
        element = Element(local, namespace, plain)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_: str) -> None:
        element = open_elements.pop()
        element.text = element.text.strip()

    def characters(text: str) -> None:
        open_elements[-1].text += text

    def refuse(*_: object) -> None:
        raise BadRequest("the XML document has a document type (DOCTYPE)", "leave it out")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as err:
        raise BadRequest(f"the XML document cannot be read ({err})", "check that it is well formed") from err
    return top.children[0]


def _is_instance(key: str) -> bool:
    """Return whether an attribute is about the schema of the document, not its content."""
    return key.startswith("http://www.w3.org/2001/XMLSchema-instance ")
