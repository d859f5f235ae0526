"""Layer names: one layer a name, whatever its kind."""

import pytest

from control.db.pool import connection
from control.offerings.store import read_published_layers
from core.errors import Conflict
from tests.control.rows import add_layer


async def test_a_published_layer_carries_what_the_job_found(pool, result):
    stored_data = await add_layer(pool, "ortho", result)
    async with connection(pool) as db:
        (layer,) = await read_published_layers(db)
    assert (layer.name, layer.source, layer.bbox, layer.sample) == ("ortho", result.source, result.bbox, result.sample)
    assert layer.open
    assert stored_data.hex.startswith(layer.version)


@pytest.mark.parametrize("kind", ["raster", "vector"])
async def test_two_layers_cannot_have_one_name(pool, result, kind):
    await add_layer(pool, "ortho", result)
    with pytest.raises(Conflict, match=r"a layer is named ortho already.*--replace"):
        await add_layer(pool, "ortho", result, kind)
    assert await pool.fetchval("SELECT count(*) FROM stored_data") == 1


async def test_a_box_across_the_antimeridian_is_kept_as_it_is(pool, result):
    import msgspec

    await add_layer(pool, "fiji", msgspec.structs.replace(result, bbox=(177.0, -20.0, -178.0, -12.0)))
    async with connection(pool) as db:
        (layer,) = await read_published_layers(db)
    assert layer.bbox == (177.0, -20.0, -178.0, -12.0)
    found = await pool.fetchval("SELECT count(*) FROM stored_data WHERE bbox @> point(179.5, -17)")
    assert found == 1
