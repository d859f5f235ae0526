"""Offerings in the database, and the published layers they make."""

from hashlib import sha256
from uuid import UUID

import msgspec

from control.configurations.store import decode_map_styles, decode_styles
from control.db.pool import Connection
from control.offerings.status import OfferingStatus
from core.layer import PublishedLayer, Source, VectorSource
from core.map_style import MapStyle
from core.style import Style

_INSERT = """
    INSERT INTO offering (configuration, endpoint, open, status)
    SELECT $1, endpoint.id, endpoint.open, $3
    FROM endpoint
    WHERE endpoint.technical_name = $2
    RETURNING id
"""
_SELECT_OF_CONFIGURATION = """
    SELECT id, status
    FROM offering
    WHERE configuration = $1
    FOR UPDATE
"""
_SET_STATUS = """
    UPDATE offering
    SET status = $2, last_change = now()
    WHERE id = $1
"""
_DELETE = """
    DELETE FROM offering
    WHERE id = $1
"""
_SELECT_PUBLISHED = """
    SELECT offering.id AS offering, offering.open, configuration.layer_name, configuration.title,
        configuration.abstract, configuration.styles, configuration.map_styles, stored_data.id AS stored_data,
        stored_data.source, stored_data.west, stored_data.south, stored_data.east, stored_data.north,
        stored_data.sample_longitude, stored_data.sample_latitude
    FROM offering
    JOIN configuration ON configuration.id = offering.configuration
    JOIN stored_data ON stored_data.id = configuration.stored_data
    WHERE offering.status = 'PUBLISHED' AND stored_data.status = 'GENERATED'
        AND ($1::text IS NULL OR configuration.layer_name = $1)
    ORDER BY configuration.layer_name
"""


async def insert_offering(db: Connection, configuration: UUID, *, endpoint: str) -> UUID:
    """Put a configuration on an endpoint and return the offering's identifier.

    Args:
        db: The connection.
        configuration: What is offered.
        endpoint: Technical name of the endpoint.
    """
    found: UUID = await db.fetchval(_INSERT, configuration, endpoint, OfferingStatus.PUBLISHED.value)
    return found


async def list_offerings(db: Connection, configuration: UUID) -> list[tuple[UUID, OfferingStatus]]:
    """List the offerings of a configuration, and keep others from changing them until the transaction ends."""
    rows = await db.fetch(_SELECT_OF_CONFIGURATION, configuration)
    return [(row["id"], OfferingStatus(row["status"])) for row in rows]


async def set_status(db: Connection, offering: UUID, status: OfferingStatus) -> None:
    """Record where an offering stands."""
    await db.execute(_SET_STATUS, offering, status.value)


async def delete_offering(db: Connection, offering: UUID) -> None:
    """Forget an offering."""
    await db.execute(_DELETE, offering)


async def read_published_layers(db: Connection, name: str | None = None) -> tuple[PublishedLayer, ...]:
    """Read what engines serve, sorted by name.

    Args:
        db: The connection.
        name: Name of the only layer wanted; None for all.
    """
    return tuple(
        PublishedLayer(
            name=row["layer_name"],
            title=row["title"],
            abstract=row["abstract"],
            offering=str(row["offering"]),
            source=_source(row["stored_data"], row["source"]),
            bbox=(row["west"], row["south"], row["east"], row["north"]),
            sample=(row["sample_longitude"], row["sample_latitude"]),
            version=_version(
                row["stored_data"],
                styles := decode_styles(row["styles"]),
                map_styles := decode_map_styles(row["map_styles"]),
            ),
            styles=styles,
            map_styles=map_styles,
            open=row["open"],
        )
        for row in await db.fetch(_SELECT_PUBLISHED, name)
    )


def _source(stored_data: UUID, text: str) -> Source:
    """Return how stored data are served; features change under their identifier."""
    source: Source = msgspec.json.decode(text, type=Source)
    return msgspec.structs.replace(source, dataset=str(stored_data)) if isinstance(source, VectorSource) else source


def _version(stored_data: UUID, styles: tuple[Style, ...], map_styles: tuple[MapStyle, ...]) -> str:
    """Return what changes with the data and with how they are shown."""
    data = stored_data.hex[:16]
    shown = styles or map_styles
    return f"{data}-{sha256(msgspec.msgpack.encode(shown)).hexdigest()[:8]}" if shown else data
