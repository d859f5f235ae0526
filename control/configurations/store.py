"""Configurations in the database."""

from uuid import UUID

import asyncpg
import msgspec

from control.db.pool import Connection
from core.errors import Conflict
from core.layer import Kind
from core.map_style import MapStyle
from core.style import Style

TYPES: dict[Kind, str] = {"raster": "WMTS-TMS", "vector": "VECTOR-TMS", "points": "DOWNLOAD"}
"""Configuration type of each kind. The entrepôt has none for point clouds: a COPC is read by HTTP ranges of a file."""

AnyStyle = Style | MapStyle
"""How a raster is shown, or vector tiles are drawn."""

KINDS: dict[str, Kind] = {configuration: kind for kind, configuration in TYPES.items()}

_SELECT_NAMED = """
    SELECT id, type, stored_data, styles, map_styles
    FROM configuration
    WHERE layer_name = $1 AND type = ANY ($2)
"""
_LOCK_NAMED = _SELECT_NAMED + "    FOR UPDATE\n"
_INSERT = """
    INSERT INTO configuration (datastore, stored_data, type, status, layer_name, title, abstract, styles, map_styles)
    VALUES ($1, $2, $3, 'PUBLISHED', $4, $5, $6, $7, $8)
    RETURNING id
"""
_UPDATE = """
    UPDATE configuration
    SET stored_data = $2, title = $3, abstract = $4, last_change = now()
    WHERE id = $1
"""
_SET_STYLES = """
    UPDATE configuration
    SET styles = $2, map_styles = $3, last_change = now()
    WHERE id = $1
"""
_DELETE = """
    DELETE FROM configuration
    WHERE id = $1
"""


class NamedConfiguration(msgspec.Struct, frozen=True):
    """The configuration that gives a layer its name."""

    id: UUID
    type: str
    stored_data: UUID
    styles: tuple[Style, ...]
    """How a raster is shown, the default first."""
    map_styles: tuple[MapStyle, ...] = ()
    """How vector tiles are drawn, the default first."""

    @property
    def kind(self) -> Kind:
        """Kind of the layer."""
        return KINDS[self.type]


async def find_named(db: Connection, name: str, *, lock: bool = False) -> NamedConfiguration | None:
    """Find the configuration served under a name; None when the name is free.

    Args:
        db: The connection.
        name: Name of the layer.
        lock: Whether to keep others from changing it until the transaction ends.
    """
    row = await db.fetchrow(_LOCK_NAMED if lock else _SELECT_NAMED, name, list(KINDS))
    if row is None:
        return None
    styles, map_styles = decode_styles(row["styles"]), decode_map_styles(row["map_styles"])
    return NamedConfiguration(row["id"], row["type"], row["stored_data"], styles, map_styles)


async def insert_configuration(
    db: Connection,
    *,
    datastore: UUID,
    stored_data: UUID,
    kind: Kind,
    name: str,
    title: str,
    abstract: str,
    styles: tuple[AnyStyle, ...] = (),
) -> UUID:
    """Add a configuration and return its identifier.

    Raises:
        Conflict: A layer has this name.
    """
    try:
        found: UUID = await db.fetchval(
            _INSERT, datastore, stored_data, TYPES[kind], name, title, abstract, *_encode_styles(styles)
        )
    except asyncpg.UniqueViolationError as err:
        raise name_taken(name) from err
    return found


async def update_configuration(
    db: Connection, configuration: UUID, stored_data: UUID, title: str, abstract: str
) -> None:
    """Show other stored data, under another title."""
    await db.execute(_UPDATE, configuration, stored_data, title, abstract)


async def set_styles(db: Connection, configuration: UUID, styles: tuple[AnyStyle, ...]) -> None:
    """Show a layer in other styles."""
    await db.execute(_SET_STYLES, configuration, *_encode_styles(styles))


def decode_styles(text: str) -> tuple[Style, ...]:
    """Return the styles of a configuration from what the database has of them."""
    return msgspec.json.decode(text, type=tuple[Style, ...])


def decode_map_styles(text: str) -> tuple[MapStyle, ...]:
    """Return the map styles of a configuration from what the database has of them."""
    return msgspec.json.decode(text, type=tuple[MapStyle, ...])


def _encode_styles(styles: tuple[AnyStyle, ...]) -> tuple[str, str]:
    """Return what the database has of the styles of rasters, and of those of maps."""
    plain = [style for style in styles if isinstance(style, Style)]
    maps = [style for style in styles if isinstance(style, MapStyle)]
    return msgspec.json.encode(plain).decode(), msgspec.json.encode(maps).decode()


async def delete_configuration(db: Connection, configuration: UUID) -> None:
    """Forget a configuration that no offering uses."""
    await db.execute(_DELETE, configuration)


def name_taken(name: str) -> Conflict:
    """Return the error for a name another layer has."""
    return Conflict(f"a layer is named {name} already", "choose another name, or replace it with --replace")
