"""Rows as a delivery would leave them, for tests that need layers but no files."""

from uuid import uuid4

from control.configurations.store import insert_configuration
from control.db.pool import transaction
from control.defaults import ENDPOINTS, default_datastore
from control.offerings.store import insert_offering
from control.publish import bump_revision
from control.stored_data.store import complete_stored_data, insert_stored_data


async def add_layer(pool, name, result, kind="raster"):
    """Add a published layer in one transaction, as `deliver` does; return its stored data."""
    stored_data = uuid4()
    async with transaction(pool) as db:
        datastore = await default_datastore(db)
        await insert_stored_data(db, stored_data, datastore=datastore, name=name, kind=kind)
        assert await complete_stored_data(db, stored_data, result)
        configuration = await insert_configuration(
            db, datastore=datastore, stored_data=stored_data, kind=kind, name=name, title=name, abstract=""
        )
        await insert_offering(db, configuration, endpoint=ENDPOINTS[kind])
        await bump_revision(db)
    return stored_data
