"""What maps need beside tiles, each made once at a time by the render threads and kept while there is room."""

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from core.cache import ByteCache
from core.errors import NotFound
from core.layer import PublishedLayer
from tiler.compression import compress
from tiler.maplibre.document import style_document
from tiler.maplibre.fonts import fonts_of
from tiler.maplibre.glyphs import LAST, RANGE, make_glyphs
from tiler.maplibre.sprites import sprite_index, sprite_picture
from tiler.maplibre.styles import map_style_name
from tiler.pool import RenderPool

CACHE_BYTES = 24 << 20
"""What is kept of all of it in memory, bytes: some three hundred ranges of letters."""

_DIGEST_BYTES = 9

Key = tuple[object, ...]


class Annex(msgspec.Struct, frozen=True):
    """A document, letters or a picture."""

    data: bytes
    etag: str
    """With its quotes; that of the very bytes."""

    @classmethod
    def of(cls, data: bytes) -> "Annex":
        """Return bytes with their tag."""
        return cls(data, f'"{_digest(data).hex()}"')


class Annexes:
    """Makes styles, letters and icons."""

    def __init__(self, pool: RenderPool, cache: ByteCache[Key]) -> None:
        self._pool = pool
        self._cache = cache

    async def style(self, layer: PublishedLayer, name: str, base_url: str, *, gzipped: bool) -> Annex:
        """Return the document of a style.

        Raises:
            StyleNotFound: The layer has no such style, or no vector tiles.
            Unavailable: The render threads have too much to do.
        """
        name = map_style_name(layer, name)
        key = ("style", layer.name, layer.version, name, base_url, gzipped)
        return await self._get(key, lambda: style_document(layer, name, base_url), gzipped=gzipped)

    async def glyphs(self, stack: str, start: int, *, gzipped: bool) -> Annex:
        """Return 256 letters of a font stack, as protocol buffers.

        Raises:
            BadRequest: The stack names no font, or is too long.
            NotFound: No such range is given.
            Unavailable: The render threads have too much to do.
        """
        if start % RANGE or not 0 <= start <= LAST:
            raise NotFound(f"no letters begin at {start}", f"ranges are 0-255, 256-511 ... to {LAST}")
        names = fonts_of(stack)
        return await self._get(("glyphs", names, start, gzipped), lambda: make_glyphs(names, start), gzipped=gzipped)

    async def sprite(self, name: str, ratio: int, *, picture: bool) -> Annex:
        """Return the picture of a sprite, or where each icon lies in it.

        Raises:
            NotFound: There is no such sprite.
            Unavailable: The render threads have too much to do.
        """
        make = sprite_picture if picture else sprite_index
        return await self._get(("sprite", name, ratio, picture), lambda: make(name, ratio), gzipped=False)

    async def _get(self, key: Key, make: Callable[[], bytes], *, gzipped: bool) -> Annex:
        def made() -> bytes:
            data = compress(make(), "gzip" if gzipped else "")
            return _digest(data) + data

        async def compute() -> bytes:
            return await self._pool.run(made)

        kept = await self._cache.get(key, compute)  # with its digest before it, so that it is taken once
        return Annex(kept[_DIGEST_BYTES:], f'"{kept[:_DIGEST_BYTES].hex()}"')


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST_BYTES).digest()
