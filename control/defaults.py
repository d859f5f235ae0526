"""What a new platform begins with: one community, its datastore, and the open endpoints."""

from uuid import UUID

from control.db.pool import Connection
from core.layer import Kind

COMMUNITY = "geoplateforme"
DATASTORE = "geoplateforme"
ENDPOINTS: dict[Kind, str] = {"raster": "open-wmts-tms", "vector": "open-vector-tms", "points": "open-download"}
"""Technical name of the open endpoint of each kind of layer."""

_INSERT_COMMUNITY = """
    INSERT INTO community (technical_name, name)
    VALUES ($1, 'Géoplateforme')
    ON CONFLICT (technical_name) DO NOTHING
"""
_INSERT_DATASTORE = """
    INSERT INTO datastore (community, technical_name, name)
    SELECT id, $2, 'Géoplateforme'
    FROM community
    WHERE technical_name = $1
    ON CONFLICT (technical_name) DO NOTHING
"""
_INSERT_ENDPOINTS = """
    INSERT INTO endpoint (technical_name, name, type, open)
    VALUES
        ('open-wmts-tms', 'Tuiles raster', 'WMTS-TMS', true),
        ('open-vector-tms', 'Tuiles vectorielles', 'VECTOR-TMS', true),
        ('open-download', 'Téléchargement', 'DOWNLOAD', true)
    ON CONFLICT (technical_name) DO NOTHING
"""
_SELECT_DATASTORE = """
    SELECT id
    FROM datastore
    WHERE technical_name = $1
"""


async def ensure_defaults(db: Connection) -> None:
    """Create what is missing; what exists stays as it is."""
    await db.execute(_INSERT_COMMUNITY, COMMUNITY)
    await db.execute(_INSERT_DATASTORE, COMMUNITY, DATASTORE)
    await db.execute(_INSERT_ENDPOINTS)


async def default_datastore(db: Connection) -> UUID:
    """Return the datastore of deliveries that name none."""
    found: UUID = await db.fetchval(_SELECT_DATASTORE, DATASTORE)
    return found
