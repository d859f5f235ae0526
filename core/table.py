"""Published layers by name, as requests look them up."""

from collections.abc import Iterable

from core.errors import LayerNotFound
from core.layer import PublishedLayer


class LayerTable:
    """Published layers by name.

    `replace` swaps the whole mapping in one assignment, so a request sees either
    the old publication or the new one, never a mixture, and no lock is needed.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, PublishedLayer] = {}
        self.revision = 0
        """Revision of the publication served; 0 before the first one."""

    def get(self, name: str) -> PublishedLayer:
        """Return a layer.

        Raises:
            LayerNotFound: No layer of this name is published.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise LayerNotFound(f"no layer is named {name[:140]!r}", "GET /layers lists the layers") from None

    def find(self, name: str) -> PublishedLayer | None:
        """Return a layer, None when none of this name is published."""
        return self._by_name.get(name)

    def all(self) -> tuple[PublishedLayer, ...]:
        """Return every layer, sorted by name."""
        return tuple(self._by_name.values())

    def replace(self, revision: int, layers: Iterable[PublishedLayer]) -> None:
        """Serve `layers` from now on."""
        self._by_name = {layer.name: layer for layer in sorted(layers, key=lambda layer: layer.name)}
        self.revision = revision
