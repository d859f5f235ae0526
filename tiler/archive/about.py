"""What an archive says of itself, whatever its form."""

import msgspec

from core.errors import BadRequest
from core.layer import Bounds, TileType


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Description of an archive that is written."""

    tile_type: TileType
    gzipped: bool
    """Each tile is compressed."""
    bounds: Bounds
    """West, south, east, north, degrees."""
    center: tuple[float, float]
    """Longitude and latitude of a place to begin."""
    metadata: dict[str, object]
    """Name, description, attribution, vector_layers ... as PMTiles holds them (section 5)."""


MBTILES_FORMATS = {"png": "png", "jpg": "jpg", "webp": "webp", "avif": "avif", "mvt": "pbf"}
"""Names of the formats in the metadata of MBTiles 1.3."""


def form_of(path: str) -> str:
    """Return the form of archive that a file name asks for: `pmtiles` or `mbtiles`.

    Raises:
        BadRequest: It ends otherwise.
    """
    for form in ("pmtiles", "mbtiles"):
        if path.lower().endswith(f".{form}"):
            return form
    raise BadRequest(f"{path} is not the name of an archive", "let it end in .pmtiles or .mbtiles")
