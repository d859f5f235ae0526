"""core.xml_tree: what is read, and what strangers may not send."""

import time

import pytest

from core.errors import BadRequest
from core.xml_tree import MAX_BYTES, MAX_DEPTH, parse_xml


def test_names_attributes_and_texts_come_without_their_namespaces():
    root = parse_xml(b'<a xmlns="u" xmlns:x="v" b="1" x:c="2"> t <x:d>e&amp;f</x:d></a>')
    assert (root.name, root.namespace, root.attributes, root.text) == ("a", "u", {"b": "1", "c": "2"}, "t")
    assert (root.children[0].name, root.children[0].namespace, root.children[0].text) == ("d", "v", "e&f")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_accents_are_read_in_every_encoding_that_xml_parsers_must_know_and_latin_1(encoding):
    assert parse_xml(f'<?xml version="1.0" encoding="{encoding}"?><a>forêt</a>'.encode(encoding)).text == "forêt"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1/"> %x;]><a/>', "document type"),
        (b"<a>&x;</a>", "undefined entity"),
        (b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1), "nested too deep"),
        (b"<a/>" + b" " * MAX_BYTES, f"has {MAX_BYTES + 4} bytes"),
        (b"", "no element found"),
        (b"<a>", "no element found"),
        (b"<a></b>", "mismatched tag"),
        (b"<x:a/>", "unbound prefix"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "unknown encoding"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "not supported"),
    ],
)
def test_what_is_not_read_is_refused_with_the_reason(data, told):
    with pytest.raises(BadRequest, match=told):
        parse_xml(data)


def test_the_largest_document_takes_no_time():
    start = time.process_time()
    parse_xml(b"<a>" + b"<b/>" * ((MAX_BYTES - 10) // 4) + b"</a>")
    parse_xml(b"<a>" + b"&lt;" * ((MAX_BYTES - 10) // 4) + b"</a>")
    assert time.process_time() - start < 10  # a bound on growth, not a speed: quadratic work would take minutes
