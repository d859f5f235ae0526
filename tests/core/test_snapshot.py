"""The publication's encoding: content-addressed parts and a manifest."""

import hashlib
import json

import msgspec
import pytest

from core.errors import BadSource
from core.layer import PointCloudFile, PointCloudSource, VectorSource
from core.snapshot import (
    Manifest,
    PartReference,
    decode_layers,
    decode_manifest,
    encode_layers,
    encode_manifest,
    encode_part,
)
from tests.core.publication import layer

VECTOR = VectorSource(href="v.parquet", geometry_column="geometry", crs="EPSG:2154", fields={"nom": "String"})
POINTS = PointCloudSource(
    files=(PointCloudFile(name="a.copc.laz", href="p/a.copc.laz", size=9, points=3, bounds=(0, 0, 0, 1, 1, 1)),),
    crs="EPSG:2154",
    point_format=6,
    points=3,
    classes={2: 3},
)
LAYERS = (layer("ortho"), layer("batiments", source=VECTOR), layer("lidar", source=POINTS, open=False))


def test_layers_of_every_kind_come_back_sorted_by_name():
    reference, data = encode_layers(LAYERS)
    assert decode_layers(reference, data) == tuple(sorted(LAYERS, key=lambda layer: layer.name))


def test_a_part_is_named_by_the_sha_256_of_its_bytes():
    reference, data = encode_layers(LAYERS)
    digest = hashlib.sha256(data).hexdigest()
    assert reference == PartReference(
        kind="layers", key=f"published/layers-{digest}.msgpack", digest=digest, size=len(data)
    )


def test_equal_layers_give_equal_bytes_in_whatever_order():
    assert encode_layers(LAYERS) == encode_layers(LAYERS[::-1])


def test_a_part_is_plain_msgpack_in_the_order_given():
    _, data = encode_part("grants", {"b": 1, "a": [1, 2]})
    assert data == bytes.fromhex("82 a162 01 a161 920102")


def test_a_manifest_is_json_that_people_can_read():
    reference = PartReference(kind="layers", key="published/layers-ab.msgpack", digest="ab", size=12)
    data = encode_manifest(Manifest(revision=5, parts=(reference,)))
    assert json.loads(data) == {
        "revision": 5,
        "parts": [{"kind": "layers", "key": "published/layers-ab.msgpack", "digest": "ab", "size": 12}],
    }
    assert decode_manifest(data) == Manifest(revision=5, parts=(reference,))


def test_a_manifest_of_a_later_version_can_be_read():
    assert decode_manifest(b'{"revision": 1, "parts": [], "signature": "x"}') == Manifest(revision=1, parts=())


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b'{"parts": []}', b'{"revision": "1", "parts": []}', b"<html>busy</html>"]
)
def test_what_is_no_manifest_is_refused(data):
    with pytest.raises(BadSource, match=r"published/manifest\.json"):
        decode_manifest(data)


def test_bytes_other_than_the_manifest_names_are_refused():
    reference, data = encode_layers(LAYERS)
    with pytest.raises(BadSource, match="digest differs"):
        decode_layers(reference, data[:-1] + b"\0")


@pytest.mark.parametrize("content", [{"a": 1}, [{"name": "a"}], [1]])
def test_a_part_that_is_no_list_of_layers_is_refused(content):
    reference, data = encode_part("layers", content)
    with pytest.raises(BadSource, match="cannot be read"):
        decode_layers(reference, data)


def test_a_layer_keeps_what_it_leaves_out():
    reference, data = encode_layers((layer("a"),))
    (found,) = decode_layers(reference, data)
    assert msgspec.structs.asdict(found) == msgspec.structs.asdict(layer("a"))
