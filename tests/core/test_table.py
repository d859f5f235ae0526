"""The table of published layers."""

import pytest

from core.errors import LayerNotFound
from core.table import LayerTable
from tests.core.publication import layer


def test_a_layer_is_found_by_its_name():
    table = LayerTable()
    table.replace(3, [layer("b"), layer("a")])
    assert table.get("b") == layer("b")
    assert table.revision == 3


def test_layers_are_listed_by_name():
    table = LayerTable()
    table.replace(1, [layer("b"), layer("C"), layer("a")])
    assert [found.name for found in table.all()] == ["C", "a", "b"]


def test_before_the_first_publication_there_is_nothing():
    table = LayerTable()
    assert (table.all(), table.revision) == ((), 0)


def test_an_unknown_name_is_told_shortened():
    table = LayerTable()
    with pytest.raises(LayerNotFound, match="'absent'"):
        table.get("absent")
    with pytest.raises(LayerNotFound) as caught:
        table.get("x" * 10_000)
    assert len(str(caught.value)) < 300


def test_a_replaced_publication_leaves_nothing_behind():
    table = LayerTable()
    table.replace(1, [layer("a"), layer("b")])
    table.replace(2, [layer("b", title="New")])
    assert [found.title for found in table.all()] == ["New"]
    with pytest.raises(LayerNotFound):
        table.get("a")


def test_a_listing_taken_before_a_replacement_stays_as_it_was():
    table = LayerTable()
    table.replace(1, [layer("a")])
    taken = table.all()
    table.replace(2, [layer("b")])
    assert [found.name for found in taken] == ["a"]
